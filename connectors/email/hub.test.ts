/** A mailbox in a whole hub: what agents do with drafts in their mail program, and tokens that come and go. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../core/testing/dovecot.ts";
import { request, startTestHub, type TestHub, testKey, until } from "../../core/testing/hub.ts";
import { describeWith } from "../../core/testing/system-packages.ts";

const key = testKey("acme");

interface ShownMessage {
  from: "requester" | "agent";
  text: string;
  progress: { stage: string; reason: string | null } | null;
  draft: { outcome: { kind: string; editDistance: number } | null } | null;
}

function mail(name: string, extra: string[] = []): string {
  return [
    `From: ${name} <${name}@customer.example>`,
    "To: support@acme.example",
    `Subject: Parcel of ${name}`,
    `Message-ID: <${name}@customer.example>`,
    `Date: ${new Date().toUTCString()}`,
    ...extra,
    "Content-Type: text/plain; charset=utf-8",
    "",
    "Where is my parcel? It should have come on Monday.",
    "",
  ].join("\r\n");
}

describeWith("dovecot", "a mailbox in a hub", () => {
  let dovecot: TestDovecot;
  let users = 0;

  beforeAll(async () => {
    dovecot = await startDovecot();
    // All before the first login: Dovecot reads the list again only when its time has changed, in seconds.
    for (let n = 0; n < 10; n++) await dovecot.addUser(`box${n}@acme.example`, "secret");
  });
  afterAll(() => dovecot.stop());

  /** A hub with one mailbox of its own; resolves once that is read. */
  async function openMailbox(settings: object = { password: "secret" }) {
    const user = `box${users++}@acme.example`;
    await dovecot.list(user, "INBOX");
    const imap = { host: "127.0.0.1", port: dovecot.port, security: "none" };
    const own = {
      plugin: "email",
      imap,
      user,
      addresses: ["support@acme.example"],
      pollSeconds: 5,
      ...settings,
    };
    const hub = await startTestHub({ acme: `connectors: ${JSON.stringify({ support: own })}\n` });
    onTestFinished(() => hub.stop());
    const connector = async () => {
      const { body } = await request(hub.url, "/v1/connectors", { key });
      const [entry] = (
        body as { connectors: Array<{ state: string; detail: string | null; source: Source | null }> }
      ).connectors;
      return entry;
    };
    return { user, hub, connector };
  }
  interface Source {
    read: boolean;
    lastReadAt: string | null;
  }
  type Mailbox = Awaited<ReturnType<typeof openMailbox>>;

  const isRead = ({ connector }: Mailbox) =>
    until("the mailbox is read", async () => ((await connector())?.source?.lastReadAt ? true : undefined));

  /** The draft that answers a customer's mail, as it lies in Drafts. */
  const draftFor = (user: string, name: string) =>
    until(`the draft for ${name}`, async () =>
      (await dovecot.list(user, "Drafts")).find(({ raw }) =>
        raw.includes(`In-Reply-To: <${name}@customer.example>`),
      ),
    );

  async function messagesOf(hub: TestHub, name: string): Promise<ShownMessage[]> {
    const { body } = await request(hub.url, `/v1/tickets?text=${name}`, { key });
    const [ticket] = (body as { tickets: Array<{ id: string }> }).tickets;
    const whole = await request(hub.url, `/v1/tickets/${ticket?.id}`, { key });
    return (whole.body as { messages: ShownMessage[] }).messages;
  }

  /** What became of the draft for a customer's mail, once an agent's reply is in the ticket. */
  const outcomeFor = (hub: TestHub, name: string) =>
    until(`the outcome for ${name}`, async () => {
      const messages = await messagesOf(hub, name);
      const outcome = messages.find(({ draft }) => draft?.outcome)?.draft?.outcome;
      return messages.some(({ from }) => from === "agent") && outcome ? outcome : undefined;
    });

  /** As mail programs send: the draft leaves Drafts, and a copy with an id of its own and without our headers lies in Sent. */
  async function sendDraft(user: string, name: string, change: (raw: string) => string) {
    const { uid, raw } = await draftFor(user, name);
    const text = raw
      .toString()
      .replace(/^X-Deskwire-.*\r\n(?:[ \t].*\r\n)*/gm, "")
      .replace(/^Message-ID: .*$/im, `Message-ID: <sent-${name}@program.example>`);
    await dovecot.append(user, "Sent", change(text), { flags: ["\\Seen"] });
    await dovecot.remove(user, "Drafts", [uid]);
  }

  test("what agents do with drafts is read back: sent as they are, changed, or not used", {
    timeout: 60_000,
  }, async () => {
    const mailbox = await openMailbox();
    const { user, hub } = mailbox;
    await isRead(mailbox);
    for (const name of ["unchanged", "changed", "unused"]) await dovecot.append(user, "INBOX", mail(name));
    await sendDraft(user, "unchanged", (raw) => raw);
    await sendDraft(user, "changed", (raw) =>
      raw.replace(/\r\n\r\n/, "\r\n\r\nI have looked it up for you. "),
    );
    await draftFor(user, "unused");
    const own = mail("x")
      .replace(/^From.*$/m, "From: support@acme.example")
      .replace(/^To.*$/m, "To: unused@customer.example");
    const answer = own
      .replace(
        /^Message-ID.*$/m,
        "Message-ID: <own-answer@acme.example>\r\nIn-Reply-To: <unused@customer.example>",
      )
      .replace(/Where is.*/s, "Done!\r\n");
    await dovecot.append(user, "Sent", answer, { flags: ["\\Seen"] });

    expect(await outcomeFor(hub, "unchanged")).toMatchObject({ kind: "sent-unchanged", editDistance: 0 });
    expect(await outcomeFor(hub, "changed")).toMatchObject({ kind: "edited" });
    expect((await outcomeFor(hub, "changed")).editDistance).toBeLessThan(60);
    expect(await outcomeFor(hub, "unused")).toMatchObject({ kind: "not-used" });
    // The agent answered past the draft, which nobody needs any more.
    await until("Drafts is empty", async () =>
      (await dovecot.list(user, "Drafts")).length === 0 ? true : undefined,
    );
    // Reading has left no trace.
    expect((await dovecot.list(user, "INBOX")).map(({ flags }) => flags)).toEqual([[], [], []]);
  });

  test("a mail that an agent sent on to a supplier is no answer to the customer", {
    timeout: 60_000,
  }, async () => {
    const mailbox = await openMailbox();
    const { user, hub } = mailbox;
    await isRead(mailbox);
    await dovecot.append(user, "INBOX", mail("forwarded"));
    await draftFor(user, "forwarded");
    const forward = mail("y", [
      "In-Reply-To: <forwarded@customer.example>",
      "References: <forwarded@customer.example>",
    ])
      .replace(/^From.*$/m, "From: support@acme.example")
      .replace(/^To.*$/m, "To: supplier@elsewhere.example");
    await dovecot.append(user, "Sent", forward, { flags: ["\\Seen"] });
    // A mail to another customer afterwards shows that Sent has been read.
    await dovecot.append(user, "INBOX", mail("after"));
    await draftFor(user, "after");
    await sendDraft(user, "after", (raw) => raw);
    await outcomeFor(hub, "after");
    expect((await messagesOf(hub, "forwarded")).map(({ from }) => from)).toEqual(["requester"]);
    expect(await draftFor(user, "forwarded")).toBeDefined();
  });

  test("access tokens are renewed, and a refused authorisation pauses the mailbox and says so", {
    timeout: 60_000,
  }, async () => {
    let asked = 0;
    let refuse = false;
    const user = `box${users}@acme.example`;
    const server = createServer((incoming, response) => {
      incoming.resume();
      if (refuse) return response.writeHead(400).end(JSON.stringify({ error: "invalid_grant" }));
      const access_token = `access-${++asked}`;
      dovecot.allowToken(user, access_token);
      return response.end(JSON.stringify({ access_token, expires_in: 3_600 }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
    const mailbox = await openMailbox({
      oauth: { tokenUrl, clientId: "id", refreshToken: "a refresh token" },
    });
    expect(mailbox.user).toBe(user);
    await isRead(mailbox);
    await dovecot.append(user, "INBOX", mail("first"));
    await draftFor(user, "first");
    // Reading and delivering have connections of their own, and one token.
    expect(asked).toBe(1);

    dovecot.revokeToken("access-1");
    await dovecot.restart();
    await dovecot.append(user, "INBOX", mail("second"));
    await draftFor(user, "second");
    expect(asked).toBe(2);

    refuse = true;
    dovecot.revokeToken("access-2");
    await dovecot.restart();
    const paused = await until("the pause", async () => {
      const entry = await mailbox.connector();
      return entry?.state === "paused" ? entry : undefined;
    });
    expect(paused).toMatchObject({
      detail: expect.stringContaining("oauth.refreshToken"),
      source: { read: false },
    });
    await sleep(100);
    const { body } = await request(mailbox.hub.url, "/health");
    expect((body as { checks: { connectors: object } }).checks.connectors).toMatchObject({
      ok: false,
      paused: 1,
      unread: 1,
    });
  });
});
