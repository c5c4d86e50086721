import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createMemoryQueue } from "./memory.ts";
import type { QueueItem } from "./queue.ts";

function makeQueue() {
  const queue = createMemoryQueue();
  onTestFinished(() => queue.close());
  return queue;
}

const items = (company: string, count: number): QueueItem[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${company}-${i}`, company }));

async function until(reached: () => boolean): Promise<void> {
  const started = Date.now();
  while (!reached()) {
    if (Date.now() - started > 5_000) throw new Error("it did not happen within 5 s");
    await sleep(2);
  }
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

test("an item that waits already is not queued twice", async () => {
  const queue = makeQueue();
  for (let i = 0; i < 3; i++) await queue.publish("draft", items("a", 10));
  expect(queue.depth().draft.waiting).toBe(10);
  const seen: string[] = [];
  queue.consume("draft", { batch: 4, concurrency: 4 }, (batch) => {
    seen.push(...batch.map(({ id }) => id));
    return batch.map(() => Promise.resolve());
  });
  await until(() => seen.length >= 10);
  await sleep(20);
  expect(seen).toHaveLength(10);
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

test.each([
  ["rejects", (batch: QueueItem[]) => batch.map(() => Promise.reject(new Error("no")))],
  [
    "throws by itself",
    (): Array<Promise<void>> => {
      throw new Error("no");
    },
  ],
])("a handler that %s gives its items back, after a pause", async (_, fail) => {
  const queue = makeQueue();
  const at: number[] = [];
  let back = 0;
  queue.consume("draft", { batch: 4, concurrency: 4 }, (batch) => {
    at.push(performance.now());
    if (at.length === 1) return fail(batch);
    back += batch.length;
    return batch.map(() => Promise.resolve());
  });
  await queue.publish("draft", items("a", 4));
  // The items may come back one by one: each has a pause of its own.
  await until(() => at.length >= 2);
  expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(500);
  await until(() => back === 4);
  await until(() => queue.depth().draft.working === 0);
  expect(queue.depth().draft.waiting).toBe(0);
});

test("a handler that forgets items does not keep their places", async () => {
  const queue = makeQueue();
  let calls = 0;
  queue.consume("draft", { batch: 2, concurrency: 2 }, () => {
    calls++;
    return [];
  });
  await queue.publish("draft", items("a", 10));
  await until(() => calls === 5);
  await until(() => queue.depth().draft.working === 0);
});

test("a stop takes nothing new and waits for what was taken", async () => {
  const queue = makeQueue();
  const done: string[] = [];
  const consumer = queue.consume("draft", { batch: 2, concurrency: 2 }, (batch) =>
    batch.map(async (item) => {
      await sleep(20);
      done.push(item.id);
    }),
  );
  await queue.publish("draft", items("a", 10));
  await until(() => queue.depth().draft.working === 2);
  await Promise.all([consumer.stop(), consumer.stop()]);
  expect(done).toHaveLength(2);
  expect(queue.depth().draft).toEqual({ waiting: 8, working: 0 });
  const rest: string[] = [];
  queue.consume("draft", { batch: 8, concurrency: 8 }, (batch) => {
    rest.push(...batch.map(({ id }) => id));
    return batch.map(() => Promise.resolve());
  });
  await until(() => rest.length === 8);
});

test("a step has one consumer, and a closed queue hands nothing over", async () => {
  const queue = createMemoryQueue();
  let calls = 0;
  const handler = (batch: QueueItem[]) => {
    calls++;
    return batch.map(() => Promise.reject(new Error("no")));
  };
  queue.consume("draft", { batch: 1, concurrency: 1 }, handler);
  expect(() => queue.consume("draft", { batch: 1, concurrency: 1 }, handler)).toThrow("a consumer already");
  await queue.publish("draft", items("a", 1));
  await until(() => calls === 1);
  await queue.close();
  await queue.publish("draft", items("b", 1));
  await sleep(1_100);
  expect(calls).toBe(1);
});

test("work of one company that hangs leaves places for the others", async () => {
  const queue = makeQueue();
  const done: string[] = [];
  let hanging = 0;
  queue.consume("deliver", { batch: 16, concurrency: 64 }, (batch) =>
    batch.map(({ company }) => {
      if (company.startsWith("stuck")) {
        hanging++;
        return new Promise<void>(() => undefined);
      }
      done.push(company);
      return Promise.resolve();
    }),
  );
  await queue.publish("deliver", items("stuck", 200));
  await until(() => hanging > 0 && queue.depth().deliver.working === hanging);
  expect(hanging).toBe(56);
  await queue.publish("deliver", items("stuck-too", 200));
  await queue.publish("deliver", items("well", 30));
  await until(() => done.length === 30);
  expect(queue.depth().deliver.working).toBeLessThan(64);
});
