import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, defineConnector, type ListedItem } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import type { Database } from "../store/database.ts";
import { listRuns } from "../store/ledger.ts";
import { hostConnector } from "../testing/hosting.ts";
import { eventually, openTestStore, quietLog } from "../testing/store.ts";
import { compareSource } from "./ledger.ts";
import { type LedgerScheduleParts, startLedger } from "./ledger-schedule.ts";

const source = { company: "acme", connector: "desk" };
const hour = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);

type Item = ConnectorEventInput & { sentAt: Date };
const message = (externalId: string, ageMs = hour, threadId = externalId): Item => ({
  kind: "message",
  externalId,
  threadId,
  text: "Where is my order?",
  sentAt: ago(ageMs),
});
const reply = (externalId: string, threadId: string, ageMs = hour): Item => ({
  kind: "agent-reply",
  externalId,
  threadId,
  text: "On its way.",
  sentAt: ago(ageMs),
});

/** A source in memory, with what a test wants to go wrong. */
function makeSource() {
  const state = {
    items: [] as Item[],
    asked: [] as Array<readonly string[]>,
    listed: 0,
    /** Called before each page of two items. */
    onPage: async (_signal: AbortSignal): Promise<void> => undefined,
    onBackfill: async (): Promise<void> => undefined,
    withholds: new Set<string>(),
  };
  const spec = defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    limits: { requests: 1_000, perMs: 1_000, concurrency: 10 },
    open: async () => ({}),
    check: async () => ({ ok: true }),
    close: async () => undefined,
    pull: {
      async *pages() {
        // Nothing comes in by itself.
      },
      async *list(_client, { since, until }, signal) {
        state.listed++;
        const inside = state.items.filter(({ sentAt }) => sentAt >= since && sentAt <= until);
        for (let i = 0; i < inside.length; i += 2) {
          await state.onPage(signal);
          const page = inside.slice(i, i + 2);
          yield page.map(({ externalId, sentAt }): ListedItem => ({ externalId, at: sentAt }));
        }
      },
      async *backfill(_client, { since, only }) {
        state.asked.push([...(only ?? [])].sort());
        await state.onBackfill();
        const there = state.items.filter(({ externalId }) => !state.withholds.has(externalId));
        yield { events: there.filter(({ sentAt }) => since === null || sentAt >= since) };
      },
    },
  });
  return { state, spec: spec as AnyConnector };
}

/** A host whose source was first read two days ago. */
async function openLedger() {
  const { db, another } = await openTestStore();
  const { state, spec } = makeSource();
  const host = hostConnector(db, spec);
  await host.intake.acceptPage(source, { events: [], cursor: {} });
  await db.query("long-ago", "UPDATE cursors SET created_at = now() - interval '2 days'", []);
  const counted: Record<string, number> = {};
  const metrics = {
    count: (name: string, _labels = {}, by = 1) => {
      counted[name] = (counted[name] ?? 0) + by;
    },
    time: () => undefined,
    set: () => undefined,
  };
  const parts = { ...host, metrics, log: quietLog, settleMs: 1 };
  const compare = (signal = new AbortController().signal) => compareSource(parts, source, 24 * hour, signal);
  const run = async () => (await listRuns(db, "acme"))[0];
  return { ...parts, another, state, counted, compare, run };
}

async function outcomes(db: Database) {
  const rows = await db.query<{ id: string; reason: string | null }>(
    "outcomes",
    "SELECT m.external_id AS id, p.reason FROM messages m LEFT JOIN progress p ON p.message_id = m.id ORDER BY m.id",
    [],
  );
  return Object.fromEntries(rows.map(({ id, reason }) => [id, reason]));
}

const gapsIn = (db: Database) =>
  db.query<{ detail: Record<string, unknown> }>(
    "gaps",
    "SELECT detail FROM audit_log WHERE action = 'ledger.gap' ORDER BY id",
    [],
  );

test("what had been missed is found, fetched with a draft to come, and counted once", async () => {
  const { state, db, intake, compare, counted, run } = await openLedger();
  state.items = [message("known", 3 * hour), message("missed", 2 * hour), message("new", 60_000)];
  await intake.acceptPage(source, { events: [message("known", 3 * hour)] });
  expect(await compare()).toMatchObject({ listed: 2, known: 1, passedOver: 0, healed: 1, stillMissing: 0 });
  // Neither the known one nor what is so new that it may be on its way was touched.
  expect(await outcomes(db)).toEqual({ missed: null, known: null });
  expect(state.asked).toEqual([["missed"]]);
  expect(await compare()).toMatchObject({ listed: 2, known: 2, healed: 0, stillMissing: 0 });
  expect(counted).toMatchObject({ "deskwire.ledger.missing": 1, "deskwire.ledger.healed": 1 });
  expect((await gapsIn(db)).map(({ detail }) => detail)).toMatchObject([{ healed: 1, ids: ["missed"] }]);
  expect(await run()).toMatchObject({ listed: 2, known: 2, healed: 0, error: null });
});

test("what is in quarantine is known, and what comes to be there was healed", async () => {
  const { state, compare, intake } = await openLedger();
  const rejected = { kind: "rejected" as const, externalId: "bad", reason: "broken" };
  state.items = [message("bad"), { ...message("worse"), text: 5 } as unknown as Item];
  await intake.acceptPage(source, { events: [rejected] });
  expect(await compare()).toMatchObject({ listed: 2, known: 1, healed: 1, stillMissing: 0 });
});

test("a missed question and its answer come together: the question gets no draft", async () => {
  const { state, db, compare } = await openLedger();
  state.items = [message("q", 2 * hour, "t"), reply("a", "t")];
  expect(await compare()).toMatchObject({ listed: 2, healed: 2 });
  const [open] = await db.query<{ n: number }>(
    "answered-since",
    `SELECT count(*)::int AS n FROM messages q JOIN messages a USING (ticket_id)
     WHERE q.external_id = 'q' AND a.external_id = 'a' AND a.id > q.id`,
    [],
  );
  expect(open?.n).toBe(1);
});

test("an agent's reply to nobody we know is passed over, and looked for again once something else is missing", async () => {
  const { state, db, compare, counted } = await openLedger();
  state.items = [reply("first", "t")];
  expect(await compare()).toMatchObject({ listed: 1, known: 0, passedOver: 1, healed: 0, stillMissing: 0 });
  expect(await compare()).toMatchObject({ passedOver: 1 });
  // It is asked for once, and is no gap.
  expect(state.asked).toEqual([["first"]]);
  expect(counted["deskwire.ledger.missing"]).toBe(0);
  expect(await gapsIn(db)).toEqual([]);
  state.items.unshift(message("question", 2 * hour, "t"));
  expect(await compare()).toMatchObject({ listed: 2, passedOver: 0, healed: 1, known: 1 });
  expect(Object.keys(await outcomes(db))).toEqual(["question", "first"]);
});

test("what the source lists and does not give stays missing, and is told once", async () => {
  const { state, db, compare, counted, run } = await openLedger();
  state.items = [message("a"), message("b")];
  state.withholds.add("b");
  expect(await compare()).toMatchObject({ listed: 2, healed: 1, stillMissing: 1 });
  expect(await compare()).toMatchObject({ known: 1, healed: 0, stillMissing: 1 });
  expect(await gapsIn(db)).toHaveLength(1);
  expect(counted).toMatchObject({ "deskwire.ledger.missing": 2, "deskwire.ledger.healed": 1 });
  state.withholds.clear();
  expect(await compare()).toMatchObject({ healed: 1, stillMissing: 0 });
  expect(counted).toMatchObject({ "deskwire.ledger.missing": 2, "deskwire.ledger.healed": 2 });
  expect(await run()).toMatchObject({ healed: 1, stillMissing: 0 });
});

test("what is gone from the source when it is asked for is not missing", async () => {
  const { state, compare } = await openLedger();
  state.items = [message("a"), message("deleted")];
  state.onBackfill = async () => {
    state.items = state.items.filter(({ externalId }) => externalId !== "deleted");
  };
  expect(await compare()).toMatchObject({ listed: 1, known: 0, healed: 1, stillMissing: 0 });
});

test("where healing fails, the gap is told all the same", async () => {
  const { state, compare, run } = await openLedger();
  state.items = [message("a")];
  state.onBackfill = async () => {
    throw new ConnectorError("transient", "the line broke");
  };
  expect(await compare()).toMatchObject({ healed: 0, stillMissing: 1, error: "the line broke" });
  expect(await run()).toMatchObject({ stillMissing: 1, error: "the line broke" });
});

test("a list that fails half-way is no list: it is told, and the figures before it stay", async () => {
  const { state, db, compare, counted, run } = await openLedger();
  state.items = [message("a"), message("b"), message("c")];
  await compare();
  const before = await run();
  state.items.push(message("d"));
  let pages = 0;
  state.onPage = async () => {
    if (++pages === 2) throw new ConnectorError("transient", "the line broke");
  };
  await expect(compare()).rejects.toThrow("the line broke");
  const after = await run();
  expect(after).toMatchObject({
    listed: 3,
    healed: 3,
    checkedAt: before?.checkedAt,
    error: "the line broke",
  });
  expect(after?.attemptedAt.getTime()).toBeGreaterThan(before?.attemptedAt.getTime() ?? 0);
  expect(counted["deskwire.ledger.failures"]).toBe(1);
  expect(Object.keys(await outcomes(db))).not.toContain("d");
  expect(await compare()).toMatchObject({ listed: 4, healed: 1, error: null });
});

test("a comparison that is cut off writes nothing, also where the connector then ends its list quietly", async () => {
  const { state, db, compare, run } = await openLedger();
  state.items = [message("a"), message("b"), message("c")];
  const abort = new AbortController();
  state.onPage = async () => abort.abort(new Error("the hub stops"));
  await expect(compare(abort.signal)).rejects.toThrow("the hub stops");
  expect(await run()).toBeUndefined();
  expect(await outcomes(db)).toEqual({});
});

test("what reading is just bringing is waited for, and is no gap", async () => {
  const { state, compare, intake, db, ...parts } = await openLedger();
  state.items = Array.from({ length: 6 }, (_, i) => message(`m${i}`));
  const rest = [...state.items];
  const settling = {
    ...parts,
    db: {
      ...db,
      // Each look finds that one page more has come meanwhile.
      async query(name: string, text: string, values: unknown[]) {
        if (name === "find-unknown") await intake.acceptPage(source, { events: rest.splice(0, 2) });
        return db.query(name, text, values);
      },
    } as Database,
    intake,
  };
  const run = await compareSource(settling, source, 24 * hour, new AbortController().signal);
  expect(run).toMatchObject({ listed: 6, known: 6, healed: 0, stillMissing: 0 });
  expect(state.asked).toEqual([]);
});

test("what is older than a week gets no draft, and what came before the source was first read is left out", async () => {
  const { state, db, intake, ...parts } = await openLedger();
  const wide = () =>
    compareSource({ ...parts, db, intake }, source, 720 * hour, new AbortController().signal);
  state.items = [message("old", 10 * 24 * hour), message("young", 24 * hour)];
  expect(await wide()).toMatchObject({ listed: 1, healed: 1 });
  await db.query("longer-ago", "UPDATE cursors SET created_at = now() - interval '20 days'", []);
  expect(await wide()).toMatchObject({ listed: 2, healed: 1 });
  expect(await outcomes(db)).toEqual({ old: "imported", young: null });
  await db.query("just-now", "UPDATE cursors SET created_at = now()", []);
  expect(await wide()).toBeNull();
});

test("each source is compared when it is due, on one node at a time", async () => {
  const { another, state, run, ...parts } = await openLedger();
  state.items = [message("a")];
  let atOnce = 0;
  let most = 0;
  state.onPage = async () => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 50));
    atOnce--;
  };
  const start = (changes: Partial<LedgerScheduleParts>) => {
    const schedule = { node: newId(), everyMs: hour, windowMs: 24 * hour, firstAfterMs: 0, lookMs: 10 };
    const ledger = startLedger({ ...parts, ...schedule, ...changes });
    onTestFinished(() => ledger.stop());
    return ledger;
  };
  start({ everyMs: 0 });
  start({ firstAfterMs: hour });
  const nodes = [start({}), start({ db: another() })];
  await eventually(async () => (await run()) !== undefined, "the first comparison");
  // The second one would have begun long ago, if it were due.
  const looks = [0];
  await eventually(() => looks.push(0) > 20, "some more looks");
  // Listing once was enough: what was missing was brought at once.
  expect({ most, listed: state.listed }).toEqual({ most: 1, listed: 1 });
  await parts.db.query("due", "UPDATE ledger_runs SET attempted_at = now() - interval '2 hours'", []);
  await eventually(() => state.listed === 2, "the next comparison");
  await Promise.all(nodes.map((node) => node.stop()));
});
