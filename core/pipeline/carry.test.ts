import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import type { Queue, QueueItem, Step } from "../queue/queue.ts";
import { loadUnclassified } from "../store/classifications.ts";
import type { Database } from "../store/database.ts";
import { loadToDeliver, loadToDraft } from "../store/drafts.ts";
import { draftResult, makeHelpdesk, startTestPipeline, tally } from "../testing/pipeline.ts";
import { eventually, newMessage, openTestStore, quietLog, storeMessages } from "../testing/store.ts";
import { createIntake } from "./intake.ts";

const toItems = (ids: string[]) => ids.map((id) => ({ id, company: "acme" }));

/** A database whose statements of these names fail, as they do without a server, until it is back. */
function unreliable(db: Database, names: string[]): Database & { away: boolean; refused: number } {
  const wrapped = {
    ...db,
    away: false,
    refused: 0,
    query: (async (name: string, text: string, values: unknown[]) => {
      if (wrapped.away && names.includes(name)) {
        wrapped.refused++;
        throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
      }
      return db.query(name, text, values);
    }) as Database["query"],
  };
  return wrapped;
}

/** An intake that keeps no files, and a queue that remembers what it was handed. */
function watchedIntake(db: Database) {
  const seen: Array<QueueItem & { step: Step }> = [];
  const memory = createMemoryQueue();
  const note = (step: Step, items: QueueItem[]) => seen.push(...items.map((item) => ({ step, ...item })));
  const queue: Queue = {
    ...memory,
    async publish(step, items) {
      note(step, items);
      await memory.publish(step, items);
    },
    offer(step, items) {
      note(step, items);
      return memory.offer(step, items);
    },
  };
  const blobs: Blobs = { put: async () => "", get: async () => new Uint8Array() };
  const metrics = { count: () => undefined, time: () => undefined, set: () => undefined };
  const intake = createIntake({ db, blobs, queue, metrics, log: quietLog, stalledMs: 60_000 });
  const accept = async (event: Partial<ConnectorEventInput>) => {
    const message = { kind: "message", text: "Where is it?", ...event } as ConnectorEventInput;
    const [accepted] = await intake.accept({ company: "acme", connector: "api" }, [message]);
    return accepted?.messageId ?? "";
  };
  // Recovery, which looks at all that is open when a pipeline starts, queues it without anything.
  const carried = (step: Step, id: string) =>
    seen.find((item) => item.step === step && item.id === id && item.carried)?.carried as object | undefined;
  return { queue, accept, carried };
}

/** What differs between what is carried and what is loaded: only what is told of the moment. */
function lasting(message: object | undefined) {
  const { attempts: _, ageMs: __, isAlone: ___, ...rest } = message as Record<string, unknown>;
  return rest;
}

test("what is carried from step to step is what the database has", async () => {
  const { db } = await openTestStore();
  const { queue, accept, carried } = watchedIntake(db);
  const requester = { name: "Ann", email: "ann@example.com", externalId: "7" };
  const whole = { subject: "Parcel", quoted: "> on Monday", sourceData: { a: [1] }, requester };
  const sentAt = new Date("2026-02-03T04:05:06.789Z");
  const id = await accept({ externalId: "1", ...whole, sentAt });
  const bare = await accept({ externalId: "2" });
  const long = await accept({ externalId: "3", text: "word ".repeat(2_500) });
  for (const one of [id, bare, long]) {
    const [loaded] = await loadUnclassified(db, [one]);
    expect(lasting(carried("classify", one))).toEqual(lasting(loaded));
  }
  startTestPipeline(db, {}, { queue });
  await eventually(async () => (await tally(db)).delivered === 3, "all delivered");
  for (const one of [id, bare, long]) {
    expect(lasting(carried("draft", one))).toEqual((await loadToDraft(db, [one]))[0]);
    expect(lasting(carried("deliver", one))).toEqual((await loadToDeliver(db, [one]))[0]);
  }
});

test("a message of a ticket that others have written to is loaded with all of them", async () => {
  const { db } = await openTestStore();
  const { queue, accept, carried } = watchedIntake(db);
  await accept({ externalId: "1", threadId: "t", subject: "Parcel", requester: { name: "Ann" } });
  const second = await accept({
    externalId: "2",
    threadId: "t",
    subject: "Another",
    requester: { name: "Bob" },
  });
  expect(carried("classify", second)).toBeUndefined();
  startTestPipeline(db, {}, { queue });
  await eventually(async () => (await tally(db)).delivered === 1, "delivered");
  expect(await tally(db)).toEqual({ delivered: 1, skipped: 1 });
  const toDraft = lasting(carried("draft", second));
  expect(toDraft).toEqual((await loadToDraft(db, [second]))[0]);
  expect(toDraft).toMatchObject({ subject: "Parcel", conversation: [{ name: "Ann" }, { name: "Bob" }] });
});

test("while the database is away a message that is to be loaded stays claimed, and others go on", async () => {
  const { db } = await openTestStore();
  const shaky = unreliable(db, ["load-to-draft"]);
  let asked = 0;
  const draft = async () => {
    asked++;
    return draftResult("Hello");
  };
  const [, second, alone] = (await storeMessages(db, [
    newMessage({ threadId: "t" }),
    newMessage({ threadId: "t" }),
    newMessage(),
  ])) as [string, string, string];
  shaky.away = true;
  const { queue } = startTestPipeline(shaky, { draft });
  await queue.publish("classify", toItems([second, alone]));
  await eventually(async () => (await tally(db)).delivered === 1, "the other one is delivered");
  // Longer than a claim holds without being extended.
  await sleep(7_000);
  const [row] = await db.query<{ claimed: boolean }>(
    "claimed",
    "SELECT claimed_until > clock_timestamp() AS claimed FROM progress WHERE message_id = $1",
    [second],
  );
  expect(row?.claimed).toBe(true);
  shaky.away = false;
  await eventually(async () => (await tally(db)).delivered === 2, "both are delivered");
  expect(asked).toBe(2);
});

test("a very long text does not wait in memory", async () => {
  const { db } = await openTestStore();
  const { accept, carried } = watchedIntake(db);
  expect(carried("classify", await accept({ externalId: "1", text: "x".repeat(20_001) }))).toBeUndefined();
});

test("a message goes through the steps of a node without a way through the queue, in four statements", async () => {
  const { db } = await openTestStore();
  const queue = createMemoryQueue();
  const published: string[] = [];
  const statements: string[] = [];
  const watched = {
    ...db,
    query: ((name: string, text: string, values: unknown[]) => {
      statements.push(name);
      return db.query(name, text, values);
    }) as Database["query"],
  };
  startTestPipeline(
    watched,
    {},
    {
      queue: {
        ...queue,
        publish: (step, items) => {
          published.push(step);
          return queue.publish(step, items);
        },
      },
    },
  );
  await eventually(() => statements.includes("take-due"), "the first look for open messages is over");
  await queue.publish("classify", toItems(await storeMessages(db, [newMessage()])));
  await eventually(async () => (await tally(db)).delivered === 1, "delivered");
  expect(published).toEqual([]);
  const onTheWay = statements.filter((name) => !["release-all-claims", "take-due"].includes(name));
  expect(onTheWay).toEqual(["load-unclassified", "save-classifications", "save-drafts", "save-deliveries"]);
});

/** Counts statements by name. */
function counting(db: Database) {
  const counts: Record<string, number> = {};
  const query = (async (name: string, text: string, values: unknown[]) => {
    counts[name] = (counts[name] ?? 0) + 1;
    return db.query(name, text, values);
  }) as Database["query"];
  return { counts, db: { ...db, query } };
}

test("what finds no place at the next step waits for one, still claimed and loaded", async () => {
  const { db, counts } = counting((await openTestStore()).db);
  const { queue } = startTestPipeline(db, {}, { draftConcurrency: 2 });
  const ids = await storeMessages(
    db,
    Array.from({ length: 100 }, () => newMessage()),
  );
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await tally(db)).delivered === 100, "all delivered");
  expect(counts).not.toHaveProperty("free-claims");
  expect(counts).not.toHaveProperty("load-to-draft");
});

test("what finds no place for long waits in the queue, free for other nodes", async () => {
  const { db, counts } = counting((await openTestStore()).db);
  const draft = async () => {
    await sleep(1_500);
    return draftResult("Hello");
  };
  const { queue } = startTestPipeline(db, { draft }, { draftConcurrency: 8 });
  const ids = await storeMessages(
    db,
    Array.from({ length: 16 }, () => newMessage()),
  );
  await queue.publish("classify", toItems(ids));
  await eventually(() => queue.depth().draft.waiting > 0, "some wait in the queue");
  expect(counts["free-claims"]).toBeGreaterThan(0);
  await eventually(async () => (await tally(db)).delivered === 16, "all delivered");
});

test("while the database is away a draft waits to be saved, and the LLM is not asked again", async () => {
  const { db } = await openTestStore();
  const shaky = unreliable(db, ["save-drafts", "save-deliveries"]);
  const helpdesk = makeHelpdesk();
  let asked = 0;
  const { queue } = startTestPipeline(shaky, {
    ...helpdesk,
    draft: async () => {
      asked++;
      return draftResult("Hello");
    },
  });
  shaky.away = true;
  const ids = await storeMessages(
    db,
    Array.from({ length: 20 }, () => newMessage()),
  );
  await queue.publish("classify", toItems(ids));
  await eventually(() => asked === 20 && shaky.refused > 2, "the drafts are written and cannot be saved");
  shaky.away = false;
  await eventually(async () => (await tally(db)).delivered === 20, "all delivered");
  expect(asked).toBe(20);
  expect([...helpdesk.calls.values()]).toEqual(Array.from({ length: 20 }, () => 1));
});

test("a draft that was saved though the answer was lost is delivered once the claim has run out", async () => {
  const { db } = await openTestStore();
  let lost = 0;
  const lossy = {
    ...db,
    query: (async (name: string, text: string, values: unknown[]) => {
      const rows = await db.query(name, text, values);
      if (name !== "save-drafts" || lost++ > 0) return rows;
      throw Object.assign(new Error("Connection terminated unexpectedly"));
    }) as Database["query"],
  };
  const memory = createMemoryQueue();
  let asked = 0;
  const { queue } = startTestPipeline(
    lossy,
    {
      draft: async () => {
        asked++;
        return draftResult("Hello");
      },
    },
    { queue: { ...memory, shared: true }, stalledMs: 600_000 },
  );
  const [id] = (await storeMessages(db, [newMessage()])) as [string];
  await queue.publish("classify", toItems([id]));
  await eventually(async () => (await tally(db)).delivered === 1, "delivered", 25_000);
  expect(asked).toBe(1);
});
