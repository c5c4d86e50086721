/** No mail is lost and none is taken twice, whatever falls over on the way: the hub, the mail server, its numbering. */
import { setTimeout as sleep } from "node:timers/promises";
import { simpleParser } from "mailparser";
import pg from "pg";
import { afterEach, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../core/testing/dovecot.ts";
import {
  databaseUrl,
  freePort,
  type HubProcess,
  makeHubProject,
  request,
  spawnHub,
  testKey,
  until,
} from "../../core/testing/hub.ts";
import { createTestDatabase, type TestDatabase } from "../../core/testing/postgres.ts";
import { startSmtpSink } from "../../core/testing/smtp-sink.ts";
import { describeWith } from "../../core/testing/system-packages.ts";

const user = "support@acme.example";
const key = testKey("acme");
const threads = 800;
const followUps = 200;
const total = threads + followUps;

const cleanUps: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const idOf = (n: number) => `mail-${n}@customer.example`;

/** The first mails of 800 customers, and a second one of the first 200 of them. */
function mail(n: number): string {
  const customer = n % threads;
  const parent = n >= threads ? [`In-Reply-To: <${idOf(customer)}>`, `References: <${idOf(customer)}>`] : [];
  return [
    `From: Customer ${customer} <customer-${customer}@customer.example>`,
    `To: ${user}`,
    `Subject: ${parent.length > 0 ? "Re: " : ""}Parcel ${customer}`,
    `Message-ID: <${idOf(n)}>`,
    `Date: ${new Date(Date.now() - (total - n) * 1_000).toUTCString()}`,
    ...parent,
    "Content-Type: text/plain; charset=utf-8",
    "",
    `Where is my parcel ${n}? It should have come on Monday.`,
    "",
  ].join("\r\n");
}

/** Asks the hub's database, past the hub. */
async function ask<Row extends object>({ connection }: TestDatabase, sql: string): Promise<Row[]> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

const allMessages = (database: TestDatabase) =>
  ask<Message>(
    database,
    `SELECT m.external_id AS "externalId", m.ticket_id AS "ticketId", t.subject, p.outcome
     FROM messages m JOIN progress p ON p.message_id = m.id JOIN tickets t ON t.id = m.ticket_id`,
  );

interface Outside {
  dovecot: TestDovecot;
  hub(): HubProcess;
  restartHub(): Promise<void>;
}

/** Delivers all mails in portions; what happens between them is the test's subject. */
async function deliverThroughOutages({ dovecot, restartHub }: Outside): Promise<void> {
  const portion = 100;
  const outages: Record<number, () => Promise<unknown>> = {
    200: restartHub,
    300: () => dovecot.restart(),
    400: () => dovecot.kill().then(() => dovecot.start()),
    500: () => dovecot.changeUidValidity(user, "INBOX"),
    700: async () => {
      await dovecot.shutDown();
      await restartHub();
      await dovecot.start();
    },
    900: restartHub,
  };
  for (let n = 0; n < total; n += portion) {
    const raws = Array.from({ length: portion }, (_, i) => mail(n + i));
    // The outage falls into the midst of the hub's work on this portion.
    await dovecot.deliver(user, "INBOX", raws);
    await sleep(300);
    await outages[n]?.();
  }
}

describeWith("dovecot", "a mailbox through outages", () => {
  test("1,000 mails are 1,000 messages, and each ticket has one draft, in its thread", {
    timeout: 240_000,
  }, async () => {
    const started = performance.now();
    const dovecot = await startDovecot();
    cleanUps.push(() => dovecot.stop());
    await dovecot.addUser(user, "a password");
    const smtp = await startSmtpSink({ auth: { user, password: "a password" } });
    cleanUps.push(() => smtp.stop());
    const database = await createTestDatabase();
    cleanUps.push(() => database.drop());
    const imap = { host: "127.0.0.1", port: dovecot.port, security: "none" };
    const mailbox = {
      plugin: "email",
      imap,
      smtp: { ...imap, port: smtp.port },
      user,
      password: "a password",
      pollSeconds: 5,
      perSenderPerHour: 10,
    };
    const project = await makeHubProject(
      { acme: `connectors: ${JSON.stringify({ support: mailbox })}\n` },
      { database: { url: databaseUrl(database.connection) } },
    );
    cleanUps.push(() => project.remove());
    const port = await freePort();
    let hub = await spawnHub(project.dir, port);
    cleanUps.push(() => hub.stop());
    const restartHub = async () => {
      await hub.kill();
      hub = await spawnHub(project.dir, port);
    };
    // The connector begins with what comes after it has first looked.
    await until("the mailbox is read", async () =>
      (await ask(database, "SELECT 1 FROM cursors")).length > 0 ? true : undefined,
    );

    await deliverThroughOutages({ dovecot, hub: () => hub, restartHub });

    const messages = await until(
      "all messages have ended",
      async () => {
        const found = await allMessages(database);
        return found.length >= total && found.every(({ outcome }) => outcome !== null) ? found : undefined;
      },
      120_000,
    );
    const inMailbox = (await dovecot.list(user, "INBOX")).length;
    expect(inMailbox).toBe(total);
    expect(messages).toHaveLength(total);
    expect(new Set(messages.map(({ externalId }) => externalId)).size).toBe(total);
    expect(new Set(messages.map(({ ticketId }) => ticketId)).size).toBe(threads);

    const drafts = await Promise.all(
      (await dovecot.list(user, "Drafts")).map(({ raw }) => simpleParser(raw)),
    );
    const answered = drafts.map(({ inReplyTo }) => inReplyTo?.replace(/[<>]/g, ""));
    // The draft for a customer's first mail has given way to that for the second.
    const newest = Array.from({ length: threads }, (_, n) => idOf(n < followUps ? n + threads : n));
    expect(answered.toSorted()).toEqual(newest.toSorted());
    for (const draft of drafts) {
      const customer = /Parcel (\d+)/.exec(draft.subject ?? "")?.[1];
      expect([draft.references].flat()).toContain(`<${idOf(Number(customer))}>`);
      expect(draft.to).toMatchObject({
        text: expect.stringContaining(`customer-${customer}@customer.example`),
      });
    }
    expect(smtp.mails).toEqual([]);
    expect((await request(hub.url, "/v1/connectors", { key })).body).toMatchObject({
      connectors: [{ name: "support", plugin: "email", detail: null, source: { read: true, failures: 0 } }],
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${messages.length} mails, four kills of the hub or the server, ${drafts.length} drafts, ${seconds} s`,
    );

    await approve(hub.url, messages, dovecot, smtp);
  });
});

/** A person approves one draft through the API: it goes to the customer once, and leaves Drafts. */
async function approve(
  url: string,
  messages: Message[],
  dovecot: TestDovecot,
  smtp: Awaited<ReturnType<typeof startSmtpSink>>,
): Promise<void> {
  const ticketId = messages.find(
    ({ outcome, subject }) => outcome === "delivered" && subject === "Parcel 777",
  )?.ticketId;
  const send = () =>
    request(url, `/v1/tickets/${ticketId}/replies`, {
      key,
      body: { externalId: "approved-1", text: "It comes tomorrow.", agent: { name: "Jane" } },
    });
  const answers = [await send(), await send()];
  expect(answers.map(({ status }) => status)).toEqual([201, 200]);
  expect(smtp.mails).toHaveLength(1);
  expect(smtp.mails[0]?.to).toEqual(["customer-777@customer.example"]);
  const sent = await dovecot.list(user, "Sent");
  expect(sent).toHaveLength(1);
  const parsed = await simpleParser(sent[0]?.raw ?? "");
  expect(parsed).toMatchObject({
    inReplyTo: `<${idOf(777)}>`,
    text: expect.stringContaining("It comes tomorrow."),
  });
  expect(await dovecot.list(user, "Drafts")).toHaveLength(threads - 1);
}

interface Message {
  externalId: string;
  ticketId: string;
  subject: string | null;
  /** Null while it is on its way. */
  outcome: "delivered" | "skipped" | "dead" | null;
}
