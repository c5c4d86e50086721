import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { newId } from "../lib/ids.ts";
import type { Database } from "../store/database.ts";
import { sharedQueue } from "../testing/pipeline.ts";
import { eventually, newMessage, openTestStore, quietLog, storeMessages } from "../testing/store.ts";
import { type Recovery, startRecovery } from "./recover.ts";

const metrics = { count: () => undefined, time: () => undefined, set: () => undefined };

function startTestRecovery(db: Database, stalledMs: number) {
  const queue = sharedQueue();
  const recovery: Recovery = startRecovery({ db, queue, metrics, log: quietLog, stalledMs });
  onTestFinished(() => recovery.stop());
  return { queue, recovery };
}

test("what stands still is queued for the step that it waits for", async () => {
  const { db } = await openTestStore();
  const ids = await storeMessages(
    db,
    Array.from({ length: 6 }, () => newMessage()),
    0,
  );
  const set = "UPDATE progress SET stage = $2 WHERE message_id = ANY($1::uuid[])";
  await db.query("set", set, [ids.slice(0, 2), "classified"]);
  await db.query("set", set, [ids.slice(2, 3), "drafted"]);
  const { queue } = startTestRecovery(db, 60_000);
  await eventually(() => queue.depth().classify.waiting === 3, "three to classify");
  expect(queue.depth()).toMatchObject({ draft: { waiting: 2 }, deliver: { waiting: 1 } });
});

test("more than a page is found within one round", async () => {
  const { db } = await openTestStore();
  await storeMessages(
    db,
    Array.from({ length: 4_500 }, () => newMessage()),
    0,
  );
  const { queue } = startTestRecovery(db, 60_000);
  await eventually(() => queue.depth().classify.waiting === 4_500, "all found");
});

test("one company's full queue does not keep another company's retries from being found", async () => {
  const { db } = await openTestStore();
  const { queue } = startTestRecovery(db, 60_000);
  await queue.publish(
    "draft",
    Array.from({ length: 21_000 }, () => ({ id: newId(), company: "flood" })),
  );
  await storeMessages(
    db,
    Array.from({ length: 3_000 }, () => newMessage({ company: "flood" })),
    0,
  );
  await storeMessages(db, [newMessage({ company: "small" })], 0);
  let found = false;
  queue.consume("classify", { batch: 256, concurrency: 256 }, (items) => {
    found ||= items.some(({ company }) => company === "small");
    return items.map(() => sleep(1));
  });
  await eventually(() => found, "the other company's message", 5_000);
});

test("a database that is away for a moment does not end the rounds", async () => {
  const { db } = await openTestStore();
  let away = true;
  const flaky: Database = {
    ...db,
    query: (name, text, values) =>
      away ? Promise.reject(new Error("connection lost")) : db.query(name, text, values),
  };
  await storeMessages(db, [newMessage()], 0);
  const { queue } = startTestRecovery(flaky, 60_000);
  await sleep(50);
  away = false;
  await eventually(() => queue.depth().classify.waiting === 1, "found later");
});

test("a stop waits for the round under way, and no other one follows", async () => {
  const { db } = await openTestStore();
  const { queue, recovery } = startTestRecovery(db, 0);
  await recovery.stop();
  await storeMessages(db, [newMessage()], 0);
  await sleep(1_200);
  expect(queue.depth().classify.waiting).toBe(0);
});
