import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, defineConnector } from "../../plugins/contract/connector.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import type { Intake } from "../pipeline/intake.ts";
import { loadCursor } from "../store/cursors.ts";
import type { Database } from "../store/database.ts";
import { giveBackLease, takeLease } from "../store/leases.ts";
import { testCompany } from "../testing/company.ts";
import { hostConnector } from "../testing/hosting.ts";
import { eventually, openTestStore, quietLog } from "../testing/store.ts";
import { startPulls } from "./pull.ts";

/** A source in memory: a list of events, read in pages of three from the cursor on. */
function makeSource(count: number) {
  const events: ConnectorEventInput[] = Array.from({ length: count }, (_, i) => ({
    kind: "message",
    externalId: `m${i}`,
    text: `message ${i}`,
  }));
  const source = {
    events,
    reads: [] as Array<number | null>,
    fail: null as Error | null,
    hang: false,
    signals: [] as AbortSignal[],
  };
  const spec = defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    cursor: z.object({ at: z.number() }),
    limits: { requests: 100, perMs: 1_000, concurrency: 10 },
    open: async () => "client",
    check: async () => ({ ok: true }),
    close: async () => undefined,
    pull: {
      async *pages(_client, from, signal) {
        source.reads.push(from?.at ?? null);
        source.signals.push(signal);
        for (let at = from?.at ?? 0; at < events.length; at += 3) {
          if (source.fail) throw source.fail;
          const page = events.slice(at, at + 3);
          yield { events: page, cursor: { at: at + page.length } };
        }
        // A source that streams, and does not even look at its signal.
        if (source.hang) await new Promise(() => undefined);
      },
    },
  }) as AnyConnector;
  return { source, spec };
}

function startTestPulls(
  db: Database,
  spec: AnyConnector,
  change: (intake: Intake) => Intake = (same) => same,
  silentMs = 600_000,
) {
  const { instances, intake, directory } = hostConnector(db, spec);
  const pulls = startPulls({
    directory,
    instances,
    intake: change(intake),
    db,
    silentMs,
    node: newId(),
    log: quietLog,
  });
  onTestFinished(() => pulls.stop());
  return { pulls, directory };
}

const stored = async (db: Database) =>
  (await db.query<{ id: string }>("stored", "SELECT external_id AS id FROM messages ORDER BY id", [])).map(
    ({ id }) => id,
  );
const names = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

test("all pages are read, in order, with the cursor behind them", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(10);
  const { pulls } = startTestPulls(db, spec);
  await eventually(async () => (await stored(db)).length === 10, "all stored");
  expect(await stored(db)).toEqual(names(10));
  expect(await loadCursor(db, "acme", "desk")).toEqual({ at: 10 });
  expect(pulls.status()).toMatchObject([{ company: "acme", instance: "desk", failures: 0, detail: null }]);
  source.events.push({ kind: "message", externalId: "m10", text: "later" });
  await eventually(async () => (await stored(db)).length === 11, "the later one");
  expect(source.reads.slice(0, 2)).toEqual([null, 10]);
});

test("a crash between pages repeats no message and loses none", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(9);
  let pages = 0;
  const { pulls } = startTestPulls(db, spec, (intake) => ({
    ...intake,
    acceptPage: async (from, page) => {
      if (pages++ === 1) throw new Error("the process ends here");
      return intake.acceptPage(from, page);
    },
  }));
  await eventually(() => pulls.status()[0]?.failures === 1, "the crash");
  await pulls.stop();
  expect(await stored(db)).toEqual(names(3));
  startTestPulls(db, spec);
  await eventually(async () => (await stored(db)).length === 9, "all stored");
  expect(await stored(db)).toEqual(names(9));
  expect(source.reads).toEqual([null, 3]);
});

test("an event that is not valid goes to quarantine, and the page goes on", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(6);
  source.events[1] = { kind: "message", externalId: "bad" } as unknown as ConnectorEventInput;
  startTestPulls(db, spec);
  await eventually(async () => (await stored(db)).length === 5, "the others");
  expect(await db.query("q", "SELECT external_id AS id FROM quarantine", [])).toEqual([{ id: "bad" }]);
  expect(await loadCursor(db, "acme", "desk")).toEqual({ at: 6 });
});

test("a node that waits for its turn says so, and begins afresh when it comes", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  source.hang = true;
  const first = startTestPulls(db, spec).pulls;
  await eventually(async () => (await stored(db)).length === 3, "the first one reads");
  const second = startTestPulls(db, spec).pulls;
  await eventually(() => second.status()[0]?.standby === true, "the second one waits");
  expect(first.status()).toMatchObject([{ standby: false, lastReadAt: expect.any(Date) }]);
  const { startedAt } = second.status()[0] as { startedAt: Date };
  await first.stop();
  await eventually(() => second.status()[0]?.standby === false, "it is its turn");
  expect((second.status()[0] as { startedAt: Date }).startedAt.getTime()).toBeGreaterThan(
    startedAt.getTime(),
  );
});

test("a failed read is told, backs off, and goes on where it stood", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  source.fail = new Error("the source is down");
  const { pulls } = startTestPulls(db, spec);
  await eventually(() => (pulls.status()[0]?.failures ?? 0) >= 2, "two failures");
  expect(pulls.status()[0]).toMatchObject({ detail: "the source is down", lastReadAt: null });
  const reads = source.reads.length;
  await sleep(300);
  expect(source.reads.length).toBe(reads);
  source.fail = null;
  await eventually(() => pulls.status()[0]?.failures === 0, "read again");
  expect(await stored(db)).toEqual(names(3));
});

test("a stop ends a source at once, also one that heeds no signal or waits to be tried again", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  source.hang = true;
  const { pulls } = startTestPulls(db, spec);
  await eventually(async () => (await stored(db)).length === 3, "all stored");
  const started = performance.now();
  await pulls.stop();
  expect(performance.now() - started).toBeLessThan(1_000);
  expect(source.signals[0]?.aborted).toBe(true);
  expect(await db.query("leases", "SELECT 1 FROM leases", [])).toEqual([]);
});

test("of two nodes one reads, and the other takes over when it stops", async () => {
  const { db, another } = await openTestStore();
  const first = makeSource(3);
  const second = makeSource(3);
  first.source.hang = true;
  second.source.hang = true;
  const { pulls } = startTestPulls(db, first.spec);
  await eventually(() => first.source.reads.length === 1, "the first one reads");
  startTestPulls(another(), second.spec);
  await sleep(2_500);
  expect(second.source.reads).toEqual([]);
  await pulls.stop();
  await eventually(() => second.source.reads.length === 1, "the second one reads", 5_000);
  expect(second.source.reads).toEqual([3]);
});

test("a source whose node died is taken over when its lease has run out", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  expect(await takeLease(db, "pull:acme/desk", "a node that died", 2_500)).toBe(true);
  const started = performance.now();
  startTestPulls(db, spec);
  await eventually(() => source.reads.length === 1, "taken over", 8_000);
  expect(performance.now() - started).toBeGreaterThan(2_400);
});

test("a source is left when its lease goes to another node", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  source.hang = true;
  startTestPulls(db, spec);
  await eventually(() => source.reads.length === 1, "reading");
  await db.query("steal", "UPDATE leases SET holder = 'another node', until = now() + interval '1 hour'", []);
  await eventually(() => source.signals[0]?.aborted === true, "given up", 6_000);
  await sleep(100);
  expect(await db.query("who", "SELECT holder FROM leases", [])).toEqual([{ holder: "another node" }]);
});

test("a source that leaves the config is no longer read, and one that comes back is read on", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  source.hang = true;
  const { pulls, directory } = startTestPulls(db, spec);
  await eventually(async () => (await stored(db)).length === 3, "all stored");
  const company = directory.get("acme");
  directory.replace("acme", testCompany("acme"));
  expect(pulls.status()).toEqual([]);
  await eventually(() => source.signals[0]?.aborted === true, "left");
  directory.replace("acme", company ?? null);
  await eventually(() => source.reads.length === 2, "read on", 5_000);
  expect(source.reads[1]).toBe(3);
});

test("a lease is held by one, extended by its holder, and given back by nobody else", async () => {
  const { db } = await openTestStore();
  expect(await takeLease(db, "l", "a", 300)).toBe(true);
  expect(await takeLease(db, "l", "b", 300)).toBe(false);
  expect(await takeLease(db, "l", "a", 300)).toBe(true);
  await giveBackLease(db, "l", "b");
  expect(await takeLease(db, "l", "b", 300)).toBe(false);
  await sleep(350);
  expect(await takeLease(db, "l", "b", 60_000)).toBe(true);
  await giveBackLease(db, "l", "b");
  expect(await takeLease(db, "l", "a", 300)).toBe(true);
});

test("a source that hangs and yields nothing any more is read anew, and says so meanwhile", async () => {
  const { db } = await openTestStore();
  const { source, spec } = makeSource(3);
  source.hang = true;
  const { pulls } = startTestPulls(db, spec, undefined, 500);
  await eventually(() => source.reads.length >= 2, "the second reading");
  // It was told to give up its first call, and goes on from where it was.
  expect(source.signals[0]?.aborted).toBe(true);
  expect(source.reads.slice(0, 2)).toEqual([null, 3]);
  expect(pulls.status()[0]).toMatchObject({
    failures: 1,
    detail: expect.stringContaining("nothing was read"),
  });
  expect(await stored(db)).toHaveLength(3);
});
