import { expect, onTestFinished, test } from "vitest";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { ticketCode } from "../lib/ids.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import { openTestStore, quietLog } from "../testing/store.ts";
import { createIntake } from "./intake.ts";

const source = { company: "acme", connector: "mail" };
const ann = "ann@customer.example";
const bob = "bob@customer.example";
const eve = "eve@stranger.example";

interface Hints {
  references?: string[];
  /** Who got it beside the company. */
  to?: string[];
  ticketCode?: string;
}

const mail = (id: string, from: string, { to = [], ...hints }: Hints = {}): ConnectorEventInput => ({
  kind: "message",
  externalId: `${id}/x`,
  text: `This is ${id}`,
  requester: { email: from },
  thread: { id, participants: [from, ...to], ...hints },
});
const answer = (id: string, to: string[], references: string[]): ConnectorEventInput => ({
  kind: "agent-reply",
  externalId: `${id}/x`,
  text: "On its way.",
  thread: { id, participants: to, references },
});

async function openMailIntake() {
  const { db } = await openTestStore();
  const queue = createMemoryQueue();
  onTestFinished(() => queue.close());
  const metrics = { count: () => undefined, time: () => undefined, set: () => undefined };
  const blobs = { put: async () => "blob", get: async () => new Uint8Array() };
  const intake = createIntake({ db, blobs, queue, metrics, log: quietLog, stalledMs: 60_000 });
  return {
    db,
    page: (...events: ConnectorEventInput[]) => intake.acceptPage(source, { events, cursor: {} }),
    push: (...events: ConnectorEventInput[]) => intake.accept(source, events),
    /** The messages of each ticket, by their ids, in the order of tickets. */
    async tickets() {
      const rows = await db.query<{ ids: string[] }>(
        "tickets-of-test",
        `SELECT json_agg(split_part(external_id, '/', 1) ORDER BY id) AS ids FROM messages GROUP BY ticket_id ORDER BY min(id::text)`,
        [],
      );
      return rows.map(({ ids }) => ids);
    },
    related: () => db.query("related", "SELECT * FROM related_tickets", []),
  };
}

test("an answer joins the ticket of the message that it names, in the same page or a later one", async () => {
  const { page, tickets } = await openMailIntake();
  await page(mail("a", ann), mail("b", ann, { references: ["a"] }), mail("other", ann));
  await page(mail("c", ann, { references: ["b"] }));
  expect(await tickets()).toEqual([["a", "b", "c"], ["other"]]);
});

test("an answer that names only what another message named joins too: every id is remembered", async () => {
  const { page, tickets } = await openMailIntake();
  await page(mail("b", ann, { references: ["never-seen"] }));
  await page(mail("c", ann, { references: ["never-seen"] }));
  // The first message comes last: it goes by an id that the others named.
  await page(mail("never-seen", ann));
  expect(await tickets()).toEqual([["b", "c", "never-seen"]]);
});

test("a stranger who names a message gets a ticket of his own, linked to it, and goes on there", async () => {
  const { page, tickets, related } = await openMailIntake();
  await page(mail("a", ann));
  await page(mail("e", eve, { references: ["a"], to: [ann] }));
  expect(await related()).toHaveLength(1);
  await page(mail("f", eve, { references: ["a", "e"] }), mail("b", ann, { references: ["a"] }));
  expect(await tickets()).toEqual([
    ["a", "b"],
    ["e", "f"],
  ]);
});

test("a colleague who got a copy is a participant", async () => {
  const { page, tickets } = await openMailIntake();
  await page(mail("a", ann, { to: [bob] }));
  await page(mail("b", bob, { references: ["a"] }));
  expect(await tickets()).toEqual([["a", "b"]]);
});

test("a ticket's code in the subject leads its participants there, and nobody else", async () => {
  const { page, tickets } = await openMailIntake();
  const [stored] = await page(mail("a", ann));
  const code = { ticketCode: ticketCode(stored?.ticketId ?? "") };
  await page(mail("b", ann, code), mail("e", eve, code), mail("c", ann, { ticketCode: "0123456789" }));
  expect(await tickets()).toEqual([["a", "b"], ["e"], ["c"]]);
});

test("an agent's reply belongs to the ticket that it names if it went to one of its people", async () => {
  const { page, tickets, db } = await openMailIntake();
  await page(mail("a", ann), answer("r", [ann, bob], ["a"]));
  await page(
    answer("forwarded", ["supplier@elsewhere.example"], ["a", "r"]),
    answer("unknown", [ann], ["z"]),
  );
  expect(await tickets()).toEqual([["a", "r"]]);
  // Whoever the agent wrote to takes part from then on.
  await page(mail("b", bob, { references: ["r"] }));
  expect(await tickets()).toEqual([["a", "r", "b"]]);
  const senders = await db.query("senders", "SELECT sender FROM messages ORDER BY id", []);
  expect(senders.map(({ sender }) => sender)).toEqual(["requester", "agent", "requester"]);
});

test("a message without a sender's address joins nothing", async () => {
  const { page, tickets } = await openMailIntake();
  const nobody = { ...mail("n", ann, { references: ["a"] }), requester: {} } as ConnectorEventInput;
  await page(mail("a", ann));
  await page(nobody);
  expect(await tickets()).toEqual([["a"], ["n"]]);
});

test("a page that is read again changes nothing", async () => {
  const { page, tickets, related } = await openMailIntake();
  const events = [
    mail("a", ann),
    mail("e", eve, { references: ["a"] }),
    answer("r", [ann], ["a"]),
    mail("b", ann, { references: ["r"] }),
  ];
  await page(...events);
  const before = await tickets();
  expect(before).toEqual([["a", "r", "b"], ["e"]]);
  expect((await page(...events)).every(({ duplicate }) => duplicate)).toBe(true);
  expect(await tickets()).toEqual(before);
  expect(await related()).toHaveLength(1);
});

test("pushes of one thread that come at once form one ticket", async () => {
  const { push, tickets } = await openMailIntake();
  const ids = Array.from({ length: 20 }, (_, i) => `m${i}`);
  await Promise.all(ids.map((id) => push(mail(id, ann, { references: ["root"] }))));
  const [first, ...more] = await tickets();
  expect(more).toEqual([]);
  expect(first?.sort()).toEqual(ids.sort());
});

test("threads of other connectors and companies stay apart", async () => {
  const { db, page, tickets } = await openMailIntake();
  await page(mail("a", ann));
  await db.query("move", "UPDATE thread_ids SET connector = 'another'", []);
  await page(mail("b", ann, { references: ["a"] }));
  expect(await tickets()).toEqual([["a"], ["b"]]);
});
