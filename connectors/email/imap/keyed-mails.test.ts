/** The listing of a mailbox: the same keys as reading makes, of every mail that it makes an event of, at little cost. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { startFaultProxy } from "../../../core/testing/fault-proxy.ts";
import { sharedMail } from "../../../core/testing/shared-data.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import { createKitHost } from "../../../plugins/kit/host.ts";
import { createJournal } from "../../../plugins/kit/journal.ts";
import type { EmailClient } from "../client.ts";
import { email } from "../index.ts";
import { readMails } from "../read-mails.ts";
import { hostileMails } from "../reading/hostile-mails.ts";
import { backfillPages } from "./backfill.ts";
import { keyedMails, placeOf } from "./keyed-mails.ts";

const hour = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);
/** Larger ones are left out: they would only take time. */
const largest = 2_000_000;

function lines(headers: Record<string, string>, body = "Hello"): string {
  const head = Object.entries({ Date: "Fri, 20 Nov 2026 10:12:00 +0000", ...headers });
  return [...head.map(([name, value]) => `${name}: ${value}`), "", body, ""].join("\r\n");
}
const own = "support@acme.example";
const customer = { From: "Ann <ann@customer.example>", To: own, Subject: "Parcel" };
const answer = { From: own, To: "ann@customer.example", Subject: "Re: Parcel", "In-Reply-To": "<q@c>" };

/** Mails that differ in what their keys are made of, and in whether an event comes of them. */
const inbox: Record<string, string> = {
  usual: lines({ ...customer, "Message-ID": "<usual@customer.example>" }),
  "in other words": lines({
    From: "=?koi8-r?B?4c7OwQ==?= <ANN@Customer.Example>",
    To: own,
    Subject: "=?utf-8?B?0J/QvtGB0YvQu9C60LA=?=\r\n =?utf-8?B?INC/0YDQvtC/0LDQu9Cw?=",
    "message-id": "\r\n <folded@customer.example>",
  }),
  "without an id": lines(customer, "The body tells them apart, one"),
  "without an id either": lines(customer, "The body tells them apart, two"),
  "with an empty id": lines({ ...customer, "Message-ID": "" }),
  "one id for many, first": lines({ ...customer, "Message-ID": "<same@shop>", Subject: "Order 1" }),
  "one id for many, second": lines({ ...customer, "Message-ID": "<same@shop>", Subject: "Order 2" }),
  "too large": lines({ ...customer, "Message-ID": "<large@customer.example>" }, "x".repeat(30_000)),
  "too large, without an id": lines(customer, "x".repeat(30_000)),
  "no mail": "No header names who wrote this\r\nnor to whom.\r\n",
  "two lines of each": `Message-ID: <one@x>\r\nMessage-ID: <two@x>\r\nSubject: A\r\nSubject: B\r\n${lines(customer)}`,
  "a broken line in the head": `Message-ID: <broken@x>\r\nthis is no field\r\n${lines(customer)}`,
  "our notice": lines({ ...customer, From: own, "Message-ID": "<n@acme>", "X-Deskwire-Notice": "1" }),
  "a notice of another company": lines({ ...customer, "Message-ID": "<o@b>", "X-Deskwire-Notice": "1" }),
  "an agent's answer": lines({ ...answer, "Message-ID": "<agent@acme.example>" }),
};
const sent: Record<string, string> = {
  "an answer": lines({ ...answer, "Message-ID": "<sent@acme.example>" }),
  "an answer of the API": lines({ ...answer, "Message-ID": "<api@acme>", "X-Deskwire-Reply": "reply-7" }),
  "an answer of the API, hashed": lines({
    ...answer,
    "Message-ID": "<h@acme>",
    "X-Deskwire-Reply": "sha256-ab",
  }),
  "among colleagues": lines({ ...answer, To: own, "Message-ID": "<inner@acme.example>" }),
  "an automatic answer": lines({ ...answer, "Message-ID": "<auto@acme>", "Auto-Submitted": "auto-replied" }),
};

async function rest(pages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of pages);
}

describeWith("dovecot", "a mailbox that is listed", () => {
  let dovecot: TestDovecot;
  beforeAll(async () => {
    dovecot = await startDovecot();
    for (const user of ["keys", "corpus", "many", "window"])
      await dovecot.addUser(`${user}@acme.example`, "secret");
  });
  afterAll(() => dovecot.stop());

  async function withClient(
    user: string,
    use: (client: EmailClient) => Promise<void>,
    settings: { port?: number; [field: string]: unknown } = {},
  ) {
    const { port = dovecot.port, ...more } = settings;
    const imap = { host: dovecot.host, port, security: "none" };
    const config = { imap, user: `${user}@acme.example`, addresses: [own], password: "secret", ...more };
    const host = createKitHost(email, config, createJournal());
    try {
      await use((await host.client()) as EmailClient);
    } finally {
      await host.close(2_000);
    }
  }

  const signal = () => new AbortController().signal;
  const day = () => ({ since: ago(24 * hour), until: ago(-hour) });

  /** Keys by place, as the listing gives them. */
  async function listed(client: EmailClient, window = day()): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for await (const page of keyedMails(client.pull, client.keys, window, signal()))
      for (const { mail, key } of page) found[placeOf({ ...mail, folder: mail.folder.path })] = key;
    return found;
  }

  /** Keys by place, as reading gives them. */
  async function read(client: EmailClient): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for await (const { mails } of backfillPages(client.pull, day().since, signal())) {
      for (const mail of mails) {
        const [event] = await readMails(client, [mail]);
        if (event) found[placeOf(mail)] = event.externalId;
      }
    }
    return found;
  }

  test("gives the keys that reading gives, of the same mails", async () => {
    for (const raw of Object.values(inbox)) await dovecot.append("keys@acme.example", "INBOX", raw);
    for (const raw of Object.values(sent)) await dovecot.append("keys@acme.example", "Sent", raw);
    await withClient(
      "keys",
      async (client) => {
        const keys = await listed(client);
        expect(keys).toEqual(await read(client));
        // All but the notice; of what was sent, two answers.
        expect(Object.keys(keys)).toHaveLength(Object.keys(inbox).length - 1 + 2);
        expect(Object.values(keys)).toContain("reply-7");
        // Listed again, it is what was remembered.
        expect(await listed(client)).toEqual(keys);
        // What was missed is read by its key, each mail once, and no other.
        const only = new Set([...new Set(Object.values(keys))].filter((_, index) => index % 2 === 0));
        const events = [];
        const pages = email.pull?.backfill?.(client, { since: day().since, path: null, only }, signal());
        for await (const page of pages ?? []) events.push(...page.events.map(({ externalId }) => externalId));
        expect(events.sort()).toEqual([...only].sort());
      },
      { maxBytes: 20_000 },
    );
  });

  test("gives the keys that reading gives, of hostile mails too", { timeout: 120_000 }, async () => {
    const folder = sharedMail();
    const files = folder ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
    const samples = files
      .map((name) => join(folder ?? "", name))
      .filter((path) => statSync(path).isFile() && statSync(path).size < largest)
      .map((path) => readFileSync(path));
    const made = Object.values(hostileMails)
      .map((make) => make())
      .filter(({ length }) => length < largest);
    await dovecot.deliver("corpus@acme.example", "INBOX", [...samples, ...made]);
    await withClient("corpus", async (client) => {
      const [keys, wanted] = [await listed(client), await read(client)];
      const others = Object.keys(wanted).filter((place) => wanted[place] !== keys[place]);
      console.log(`${Object.keys(wanted).length} mails, ${others.length} of which are listed otherwise`);
      expect(Object.fromEntries(others.map((place) => [keys[place], wanted[place]]))).toEqual({});
      expect(keys).toEqual(wanted);
    });
  });

  test("leaves out what came before or after, and sets no flags", async () => {
    const mailOf = (name: string) => lines({ ...customer, "Message-ID": `<${name}@customer.example>` });
    for (const [name, hours] of Object.entries({ old: 30, first: 20, last: 3, late: 1 }))
      await dovecot.append("window@acme.example", "INBOX", mailOf(name), { date: ago(hours * hour) });
    await withClient("window", async (client) => {
      const keys = await listed(client, { since: ago(24 * hour), until: ago(2 * hour) });
      expect(Object.values(keys).map((key) => key.split("@")[0])).toEqual(["first", "last"]);
    });
    expect((await dovecot.list("window@acme.example", "INBOX")).flatMap(({ flags }) => flags)).toEqual([]);
  });

  test("costs little, and next to nothing when it is done again", async () => {
    const mails = Array.from({ length: 2_000 }, (_, i) =>
      lines({ ...customer, "Message-ID": `<${i}@customer.example>` }, "x".repeat(5_000)),
    );
    await dovecot.deliver("many@acme.example", "INBOX", mails);
    await dovecot.inFolder("many@acme.example", "INBOX", async (client) => client.noop());
    const proxy = await startFaultProxy({ port: dovecot.port });
    await withClient(
      "many",
      async (client) => {
        const figures = [];
        for (let turn = 0; turn < 2; turn++) {
          const [bytes, start] = [proxy.bytes(), performance.now()];
          expect(Object.keys(await listed(client))).toHaveLength(mails.length);
          figures.push({ bytes: proxy.bytes() - bytes, ms: Math.round(performance.now() - start) });
        }
        console.log(`2,000 mails: ${JSON.stringify(figures)}, sign-in included`);
        expect(figures[0]?.bytes).toBeLessThan(2_000 * 700);
        expect(figures[1]?.bytes).toBeLessThan(2_000 * 150);
      },
      { port: proxy.port },
    );
    await proxy.stop();
  });

  test("throws where the connection breaks, and where it is told to end", async () => {
    const proxy = await startFaultProxy({ port: dovecot.port });
    await withClient(
      "keys",
      async (client) => {
        await listed(client);
        client.keys.remembered.clear();
        const pages = keyedMails(client.pull, client.keys, day(), signal());
        await pages.next();
        proxy.cut();
        await expect(rest(pages)).rejects.toMatchObject({ kind: "transient" });
        const abort = new AbortController();
        const others = keyedMails(client.pull, client.keys, day(), abort.signal);
        await others.next();
        abort.abort(new Error("stop"));
        await expect(rest(others)).rejects.toThrow();
      },
      { port: proxy.port },
    );
    await proxy.stop();
  });
});
