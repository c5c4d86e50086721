import { expect, test } from "vitest";
import { createMemoryQueue } from "../queue/memory.ts";
import type { Database } from "../store/database.ts";
import { draftResult, makeHelpdesk, startTestPipeline, tally } from "../testing/pipeline.ts";
import { eventually, newMessage, openTestStore, storeMessages } from "../testing/store.ts";

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

test("what finds no place at the next step waits in the queue, free for other nodes", async () => {
  const { db } = await openTestStore();
  const { queue } = startTestPipeline(db, {}, { draftConcurrency: 2 });
  const ids = await storeMessages(
    db,
    Array.from({ length: 100 }, () => newMessage()),
  );
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await tally(db)).delivered === 100, "all delivered");
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
