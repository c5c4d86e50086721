/** What the queue in memory does beyond what every driver does (behaviour.test.ts). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { items, until } from "../testing/queue.ts";
import { createMemoryQueue } from "./memory.ts";
import type { QueueItem } from "./queue.ts";

function makeQueue() {
  const queue = createMemoryQueue();
  onTestFinished(() => queue.close());
  return queue;
}

test("a company's flood delays another company by one batch at most", async () => {
  const queue = makeQueue();
  const batches: QueueItem[][] = [];
  let published = false;
  await queue.publish("classify", items("flood", 10_000));
  queue.consume("classify", { batch: 32, concurrency: 32 }, (batch) => {
    batches.push(batch);
    if (batches.length === 3 && !published) {
      published = true;
      void queue.publish("classify", items("small", 1));
    }
    return batch.map(() => sleep(1));
  });
  await until(() => batches.length >= 5);
  expect(batches[3]?.some(({ company }) => company === "small")).toBe(true);
});

test("companies take turns within a batch", async () => {
  const queue = makeQueue();
  const batches: QueueItem[][] = [];
  for (const company of ["a", "b", "c"]) await queue.publish("draft", items(company, 100));
  queue.consume("draft", { batch: 30, concurrency: 60 }, (batch) => {
    batches.push(batch);
    return batch.map(() => Promise.resolve());
  });
  await until(() => batches.flat().length === 300);
  for (const company of ["a", "b", "c"]) {
    expect(batches[0]?.filter((item) => item.company === company)).toHaveLength(10);
  }
  const ofA = batches.flat().filter((item) => item.company === "a");
  expect(ofA).toEqual(items("a", 100));
});

test("no more than the concurrency are in work at once, and a place is free as soon as its item is done", async () => {
  const queue = makeQueue();
  let working = 0;
  let most = 0;
  let done = 0;
  queue.consume("deliver", { batch: 8, concurrency: 20 }, (batch) =>
    batch.map(async (item) => {
      most = Math.max(most, ++working);
      expect(batch.length).toBeLessThanOrEqual(8);
      // One slow item must not hold up those behind it.
      await sleep(item.id === "a-0" ? 200 : 1);
      working--;
      done++;
    }),
  );
  for (const company of ["a", "b"]) await queue.publish("deliver", items(company, 50));
  await until(() => done === 99);
  expect(queue.depth().deliver).toEqual({ waiting: 0, working: 1 });
  await until(() => done === 100);
  // Some places stay free for other companies.
  expect(most).toBe(19);
});

test("an item that is published while it is in work is handed over once more afterwards", async () => {
  const queue = makeQueue();
  let calls = 0;
  let open: () => void = () => undefined;
  queue.consume("draft", { batch: 1, concurrency: 5 }, (batch) => {
    calls++;
    return batch.map(() => (calls === 1 ? new Promise((resolve) => (open = resolve)) : Promise.resolve()));
  });
  await queue.publish("draft", items("a", 1));
  await until(() => calls === 1);
  await queue.publish("draft", items("a", 1));
  await queue.publish("draft", items("a", 1));
  await sleep(20);
  expect(calls).toBe(1);
  open();
  await until(() => calls === 2);
  await sleep(20);
  expect(calls).toBe(2);
  expect(queue.depth().draft).toEqual({ waiting: 0, working: 0 });
});

test("a company's queue has a bound; another company still finds room", async () => {
  const queue = makeQueue();
  await queue.publish("classify", items("flood", 25_000));
  expect(queue.depth().classify.waiting).toBe(20_000);
  await queue.publish("classify", items("small", 1));
  expect(queue.depth().classify.waiting).toBe(20_001);
});

test("what was dropped at the bound can be queued later", async () => {
  const queue = makeQueue();
  await queue.publish("classify", items("flood", 20_001));
  const seen = new Set<string>();
  queue.consume("classify", { batch: 256, concurrency: 512 }, (batch) => {
    for (const { id } of batch) seen.add(id);
    return batch.map(() => Promise.resolve());
  });
  await until(() => seen.size === 20_000);
  await queue.publish("classify", [{ id: "flood-20000", company: "flood" }]);
  await until(() => seen.size === 20_001);
});
