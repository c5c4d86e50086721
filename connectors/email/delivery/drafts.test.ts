import { simpleParser } from "mailparser";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import { composeReply } from "./compose.ts";
import { type DeliveryParts, putDraft, removeDrafts } from "./drafts.ts";
import {
  type DraftChanges,
  type TestMailboxOptions,
  testDraft,
  testMailbox,
  testOrigin,
  testSender,
} from "./test-delivery.ts";

const never = new AbortController().signal;

describeWith("dovecot", "drafts in a mailbox", () => {
  let dovecot: TestDovecot;
  let users = 0;
  const cleanups: Array<() => Promise<void>> = [];
  beforeAll(async () => {
    dovecot = await startDovecot({ names: { drafts: "Entwürfe", sent: "Отправленные" } });
    // All before the first login: Dovecot reads the list again only when its time has changed, in seconds.
    for (let i = 1; i <= 60; i++) await dovecot.addUser(`user${i}`, "secret");
  });
  afterAll(async () => {
    for (const cleanup of cleanups) await cleanup();
    await dovecot.stop();
  });

  /** A mailbox of its own, and a delivery into it. */
  function setUp(options: Partial<TestMailboxOptions> = {}) {
    users += 1;
    const user = `user${users}`;
    const open = (more: Partial<TestMailboxOptions> = {}) => {
      const mailbox = testMailbox({ port: dovecot.port, user, password: "secret", ...options, ...more });
      cleanups.push(() => mailbox.close());
      const parts: DeliveryParts = { sender: testSender(), mailbox, log: mailbox.log, now: () => new Date() };
      return { ...parts, connections: mailbox.connections };
    };
    const drafts = async () => {
      // The test's own connection has the folder open, and has to hear the news first.
      await dovecot.inFolder(user, "Entwürfe", (client) => client.noop());
      return dovecot.list(user, "Entwürfe");
    };
    return {
      user,
      parts: open(),
      open,
      drafts,
      texts: async () => {
        const mails = await drafts();
        return Promise.all(mails.map(async ({ raw }) => (await simpleParser(raw)).text?.split("\n")[0]));
      },
    };
  }
  const put = (parts: DeliveryParts, changes: DraftChanges = {}) =>
    putDraft(parts, testDraft(changes), never);
  const later = (minutes: number) => ({ sentAt: new Date(Date.UTC(2026, 10, 20, 10, 12 + minutes)) });

  test("a draft lies in the Drafts folder, whatever its name, as a draft that is not unread", async () => {
    const { parts, drafts } = setUp();
    const delivered = await put(parts);
    const [mail, ...others] = await drafts();
    expect(others).toEqual([]);
    expect(mail?.flags.sort()).toEqual(["\\Draft", "\\Seen"]);
    const { messageId = "" } = await simpleParser(mail?.raw ?? "");
    expect(delivered).toEqual({
      externalId: expect.stringMatching(new RegExp(`^\\d+/${mail?.uid}/${messageId.slice(1, -1)}$`)),
      created: true,
    });
  });

  test("a second attempt finds the draft that is there", async () => {
    const { parts, open, drafts } = setUp();
    const first = await put(parts);
    const again = await put(parts);
    expect(again).toEqual({ ...first, created: false });
    expect(await put(open())).toEqual(again);
    expect(await drafts()).toHaveLength(1);
  });

  test("attempts at the same time leave one draft, over one connection and over two", async () => {
    const { parts, open, drafts } = setUp();
    // Dovecot itself stumbles where two connections make a new user's folders at once.
    expect(await drafts()).toEqual([]);
    const other = open();
    const results = await Promise.all(Array.from({ length: 8 }, (_, i) => put(i % 2 ? parts : other)));
    expect(await drafts()).toHaveLength(1);
    expect(new Set(results.map((result) => "externalId" in result && result.externalId)).size).toBe(1);
    expect(parts.connections()).toBe(1);
  });

  test("another node that writes the same draft in the same moment leaves one", async () => {
    const { open, drafts } = setUp();
    const other = open();
    let first: Promise<unknown> = Promise.resolve();
    const parts = open({
      prepare: (client) => {
        const append = client.append.bind(client);
        client.append = async (...args) => {
          // After this delivery has looked, and before it writes.
          first = put(other);
          await first;
          return append(...args);
        };
      },
    });
    const second = await put(parts);
    expect(await drafts()).toHaveLength(1);
    expect(await first).toMatchObject({ created: true });
    expect(second).toEqual({ ...(await put(other)), created: false });
  });

  test("an attempt that wrote the draft and lost the answer leaves one", async () => {
    const { drafts, open } = setUp();
    const parts = open({
      prepare: (client) => {
        const append = client.append.bind(client);
        client.append = async (...args) => {
          await append(...args);
          client.close();
          throw new Error("connection lost");
        };
      },
    });
    expect(await put(parts)).toMatchObject({ created: false });
    expect(parts.connections()).toBe(2);
    expect(await drafts()).toHaveLength(1);
  });

  test("a newer draft of the ticket replaces one that nobody has touched", async () => {
    const { parts, texts } = setUp();
    await put(parts, { text: "First" });
    await put(parts, { key: "message-2", text: "Second", message: later(1) });
    expect(await texts()).toEqual(["Second"]);
    await put(parts, { key: "message-3", text: "Other ticket", ticket: { id: "ticket-2" } });
    expect(await texts()).toEqual(["Second", "Other ticket"]);
  });

  test("the draft for what came later replaces the one before, though the customer's clock was ahead at first", async () => {
    const { parts, texts } = setUp();
    await put(parts, { text: "First", message: later(3_600) });
    await put(parts, { key: "message-2", text: "Second" });
    expect(await texts()).toEqual(["Second"]);
  });

  test("an older message's draft does not replace a newer one's", async () => {
    const { parts, texts } = setUp();
    await put(parts, { key: "message-2", text: "Second", message: later(1) });
    expect(await put(parts, { text: "First" })).toEqual({ skipped: "superseded" });
    expect(await texts()).toEqual(["Second"]);
  });

  test("a draft that a server has written anew counts as untouched", async () => {
    const { user, parts, drafts, texts } = setUp();
    await put(parts, { text: "Grüße aus Köln" });
    const [mail] = await drafts();
    const raw = mail?.raw.toString() ?? "";
    const [head = "", body = ""] = raw.split("\r\n\r\n");
    const plain = (await simpleParser(mail?.raw ?? "")).text ?? body;
    const anew = `${head.replace(/quoted-printable/i, "base64")}\r\n\r\n${Buffer.from(plain).toString("base64").replace(/.{76}/g, "$&\r\n")}\r\n`;
    await dovecot.remove(user, "Entwürfe", [mail?.uid ?? 0]);
    await dovecot.append(user, "Entwürfe", anew, { flags: ["\\Draft"] });
    await put(parts, { key: "message-2", text: "Second", message: later(1) });
    expect(await texts()).toEqual(["Second"]);
  });

  test.each([
    ["text", (raw: string) => raw.replace("on its way", "lost, sorry")],
    ["recipients", (raw: string) => raw.replace(/^(To: .*)$/m, "$1\r\nCc: boss@shop.example")],
    ["blind copies", (raw: string) => raw.replace(/^(To: .*)$/m, "$1\r\nBcc: boss@shop.example")],
    ["subject", (raw: string) => raw.replace("Subject: Re: Where", "Subject: Re: Here")],
    ["form, to HTML", (raw: string) => raw.replace("text/plain", "text/html")],
    [
      "HTML form, which shows other words",
      (raw: string) => {
        const [head = "", ...body] = raw.split("\r\n\r\n");
        const type = 'Content-Type: multipart/alternative; boundary="b"';
        const inner = ["Content-Type: text/plain; charset=utf-8", "", body.join("\r\n\r\n")];
        const html = ["Content-Type: text/html; charset=utf-8", "", "<p>Other words</p>"];
        return [
          head.replace(/^Content-T.*\r\n?/gm, "").replace(/^MIME-Version:/m, `${type}\r\nMIME-Version:`),
          "",
          ...["--b", ...inner, "--b", ...html, "--b--", ""],
        ].join("\r\n");
      },
    ],
  ])("a draft of which an agent has changed its %s stays, and no other is written", async (_what, edit) => {
    const { user, parts, drafts } = setUp();
    await put(parts);
    const [mail] = await drafts();
    const edited = edit(mail?.raw.toString() ?? "");
    expect(edited).not.toBe(mail?.raw.toString());
    await dovecot.remove(user, "Entwürfe", [mail?.uid ?? 0]);
    await dovecot.append(user, "Entwürfe", edited, { flags: ["\\Draft"] });
    const result = await put(parts, { key: "message-2", message: later(1) });
    expect(result).toEqual({ skipped: "edited" });
    expect((await drafts()).map(({ raw }) => raw.toString())).toEqual([edited]);
    expect(await removeDrafts(parts, { ticketId: "ticket-1" }, never)).toBe(0);
    expect(await drafts()).toHaveLength(1);
  });

  test("a draft that an agent has begun, without our markers, stops ours", async () => {
    const { user, parts, drafts } = setUp();
    const own =
      "From: support@shop.example\r\nTo: jane@customer.example\r\nSubject: Re: parcel\r\n" +
      "In-Reply-To:\r\n <question-1@customer.example>\r\n\r\nDear Jane, I\r\n";
    await dovecot.append(user, "Entwürfe", own, { flags: ["\\Draft"] });
    expect(await put(parts)).toEqual({ skipped: "edited" });
    const other = testOrigin({ messageId: "question-2@customer.example", references: ["x@y"] });
    expect(await put(parts, { key: "message-2", origin: other, ticket: { id: "ticket-2" } })).toMatchObject({
      created: true,
    });
    const reply = testOrigin({
      messageId: "question-3@customer.example",
      references: ["question-1@customer.example", "answer-1@shop.example"],
    });
    expect(await put(parts, { key: "message-3", origin: reply })).toEqual({ skipped: "edited" });
    expect(await drafts()).toHaveLength(2);
  });

  test("a message that a sent mail answers gets no draft, also when the answer came a moment ago", async () => {
    const { user, parts, drafts } = setUp();
    const answer = (id: string) =>
      `From: support@shop.example\r\nTo: jane@customer.example\r\nSubject: Re\r\nIn-Reply-To: <${id}>\r\n\r\nDone\r\n`;
    await dovecot.append(user, "Отправленные", answer("something-else@customer.example"));
    expect(await put(parts)).toMatchObject({ created: true });
    const origin = testOrigin({ messageId: "question-2@customer.example" });
    await dovecot.append(user, "Отправленные", answer("question-2@customer.example"));
    expect(await put(parts, { key: "message-2", origin, message: later(1) })).toEqual({
      skipped: "answered",
    });
    expect(await drafts()).toHaveLength(1);
  });

  test("a mail that an agent has forwarded to a colleague is not answered by that", async () => {
    const { user, parts } = setUp();
    const forward =
      "From: support@shop.example\r\nTo: Boss <boss@shop.example>\r\nSubject: Fwd\r\n" +
      "In-Reply-To: <question-1@customer.example>\r\n\r\nPlease look\r\n";
    await dovecot.append(user, "Отправленные", forward);
    await dovecot.append(user, "Entwürfe", forward, { flags: ["\\Draft"] });
    expect(await put(parts)).toMatchObject({ created: true });
    await dovecot.append(user, "Отправленные", forward.replace("Boss <boss@shop", "Jane <JANE@customer"));
    expect(await put(parts, { key: "message-2", message: later(1) })).toEqual({ skipped: "answered" });
  });

  test("what was left behind by a crash between writing and removing goes with the next attempt", async () => {
    const { user, parts, texts } = setUp();
    await put(parts, { text: "First" });
    const draft = testDraft({ key: "message-2", text: "Second", message: later(1) });
    const markers = {
      draft: "message-2",
      id: "d",
      ticket: "ticket-1",
      answers: "message-2",
    };
    const { raw } = await composeReply(parts.sender, { ...draft, key: "message-2" }, markers, new Date());
    await dovecot.append(user, "Entwürfe", raw, { flags: ["\\Draft"] });
    expect(await putDraft(parts, draft, never)).toMatchObject({ created: false });
    expect(await texts()).toEqual(["Second"]);
  });

  test("drafts of an answered ticket are removed, by the ticket or by the mails that the answer names", async () => {
    const { parts, texts } = setUp();
    const other = testOrigin({ messageId: "question-2@customer.example" });
    await put(parts, { text: "One" });
    await put(parts, { key: "message-2", text: "Two", ticket: { id: "ticket-2" }, origin: other });
    await put(parts, {
      key: "message-3",
      text: "Three",
      ticket: { id: "ticket-3" },
      origin: testOrigin({ messageId: "question-3@customer.example" }),
    });
    const messageIds = ["root@x", "question-2@customer.example"];
    // The same mail, sent on to somebody else.
    expect(await removeDrafts(parts, { messageIds, people: ["supplier@x.example"] }, never)).toBe(0);
    expect(await removeDrafts(parts, { messageIds, people: ["JANE@customer.example"] }, never)).toBe(1);
    expect(await texts()).toEqual(["One", "Three"]);
    expect(await removeDrafts(parts, { ticketId: "ticket-1" }, never)).toBe(1);
    expect(await texts()).toEqual(["Three"]);
  });

  test("mails that other programs have marked as deleted are never expunged with ours", async () => {
    for (const missing of [[], ["UIDPLUS"], ["UIDPLUS", "MOVE"]]) {
      const { user, parts, drafts } = setUp({
        prepare: (client) => {
          for (const name of missing) client.capabilities.delete(name);
        },
      });
      const { uid } = await dovecot.append(user, "Entwürfe", "Subject: Mine\r\n\r\nText\r\n", {
        flags: ["\\Deleted"],
      });
      await put(parts, { text: "First" });
      await put(parts, { key: "message-2", text: "Second", message: later(1) });
      const mails = await drafts();
      expect(mails.map((mail) => mail.uid)).toContain(uid);
      expect(mails.filter(({ flags }) => !flags.includes("\\Deleted"))).toHaveLength(1);
      expect(mails).toHaveLength(missing.length === 2 ? 3 : 2);
    }
  });

  test("at Gmail an outdated draft goes to the trash, since expunging would leave it in the conversation", async () => {
    const { user, parts, texts } = setUp({
      prepare: (client) => {
        const { capabilities } = client;
        capabilities.set("X-GM-EXT-1", true);
        // imapflow would ask Gmail for more than Dovecot knows.
        const fetchOne = client.fetchOne.bind(client);
        const fetch = client.fetch.bind(client);
        client.fetchOne = async (...args) => {
          capabilities.delete("X-GM-EXT-1");
          const mail = await fetchOne(...args);
          capabilities.set("X-GM-EXT-1", true);
          return mail;
        };
        client.fetch = async function* (...args) {
          capabilities.delete("X-GM-EXT-1");
          yield* fetch(...args);
          capabilities.set("X-GM-EXT-1", true);
        };
      },
    });
    await put(parts, { text: "First" });
    await put(parts, { key: "message-2", text: "Second", message: later(1) });
    expect(await texts()).toEqual(["Second"]);
    expect(await dovecot.list(user, "Trash")).toHaveLength(1);
  });

  test("hundreds of deliveries at once share one connection and leave one draft each", {
    timeout: 60_000,
  }, async () => {
    const { parts, drafts } = setUp();
    const started = performance.now();
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        put(parts, {
          key: `message-${i}`,
          ticket: { id: `ticket-${i}` },
          origin: testOrigin({ messageId: `question-${i}@customer.example` }),
        }),
      ),
    );
    console.info(`300 drafts at once: ${((performance.now() - started) / 300).toFixed(1)} ms each`);
    expect(await drafts()).toHaveLength(300);
    expect(parts.connections()).toBe(1);
  });
});
