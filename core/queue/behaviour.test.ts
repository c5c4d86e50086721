/** What every driver of the queue has to do. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startNats, type TestNats } from "../testing/nats.ts";
import { items, openQueue, until } from "../testing/queue.ts";
import { describeWith } from "../testing/system-packages.ts";
import { createMemoryQueue } from "./memory.ts";
import type { Handler, Queue, QueueItem } from "./queue.ts";

function suite(makeQueue: () => Promise<Queue>) {
  test("hands every item over once", async () => {
    const queue = await makeQueue();
    const seen: string[] = [];
    queue.consume("draft", { batch: 8, concurrency: 20 }, (batch) => {
      expect(batch.length).toBeLessThanOrEqual(8);
      seen.push(...batch.map(({ id }) => id));
      return batch.map(() => sleep(1));
    });
    const all = ["a", "b", "c"].flatMap((company) => items(company, 100));
    await queue.publish("draft", all);
    await until(() => seen.length >= 300 && queue.depth().draft.working === 0);
    await sleep(50);
    expect(seen.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
  });

  test("a company's flood delays another company's item by less than a second", async () => {
    const queue = await makeQueue();
    let small = Number.POSITIVE_INFINITY;
    let flood = 0;
    queue.consume("classify", { batch: 32, concurrency: 32 }, (batch) => {
      for (const { company } of batch) {
        if (company === "small") small = performance.now();
        else flood++;
      }
      return batch.map(() => sleep(10));
    });
    const flooding = queue.publish("classify", items("flood", 10_000));
    await until(() => flood > 100);
    const from = performance.now();
    await queue.publish("classify", items("small", 1));
    await until(() => small < Number.POSITIVE_INFINITY);
    expect(flood).toBeLessThan(10_000);
    expect(small - from).toBeLessThan(1_000);
    await flooding;
  });

  test("companies that have waited take turns", async () => {
    const queue = await makeQueue();
    for (const company of ["a", "b", "c"]) await queue.publish("draft", items(company, 100));
    const seen: string[] = [];
    queue.consume("draft", { batch: 30, concurrency: 60 }, (batch) => {
      seen.push(...batch.map(({ company }) => company));
      return batch.map(() => sleep(2));
    });
    await until(() => seen.length === 300);
    for (const company of ["a", "b", "c"]) {
      const share = seen.slice(0, 180).filter((one) => one === company).length;
      expect(share).toBeGreaterThan(20);
    }
  });

  test("no more than the concurrency are in work, and a slow item holds up no other", async () => {
    const queue = await makeQueue();
    let working = 0;
    let most = 0;
    let done = 0;
    const [slow] = items("a", 1) as [QueueItem];
    let release: () => void = () => undefined;
    queue.consume("deliver", { batch: 8, concurrency: 20 }, (batch) =>
      batch.map(async ({ id }) => {
        most = Math.max(most, ++working);
        if (id === slow.id) await new Promise<void>((resolve) => (release = resolve));
        else await sleep(1);
        working--;
        done++;
      }),
    );
    await queue.publish("deliver", [slow, ...items("a", 50, 1), ...items("b", 50)]);
    await until(() => done === 100 && queue.depth().deliver.working === 1);
    release();
    await until(() => done === 101);
    expect(most).toBeLessThanOrEqual(20);
  });

  test("an item that waits already is not queued twice", async () => {
    const queue = await makeQueue();
    for (let i = 0; i < 3; i++) await queue.publish("draft", items("a", 10));
    expect(queue.depth().draft.waiting).toBe(10);
    const seen: string[] = [];
    queue.consume("draft", { batch: 4, concurrency: 4 }, (batch) => {
      seen.push(...batch.map(({ id }) => id));
      return batch.map(() => Promise.resolve());
    });
    await until(() => seen.length >= 10);
    await sleep(50);
    expect(seen).toHaveLength(10);
  });

  test("a company's queue has a bound; another company still finds room", async () => {
    const queue = await makeQueue();
    await queue.publish("classify", items("flood", 25_000));
    await queue.publish("classify", items("small", 1));
    // The driver between nodes counts roughly.
    expect(queue.depth().classify.waiting).toBeLessThanOrEqual(20_001);
    expect(queue.depth().classify.waiting).toBeGreaterThan(15_000);
    const seen: string[] = [];
    queue.consume("classify", { batch: 256, concurrency: 1_024 }, (batch) => {
      seen.push(...batch.map(({ company }) => company));
      return batch.map(() => Promise.resolve());
    });
    await until(() => seen.includes("small"));
  });

  const reject: Handler = (batch) => batch.map(() => Promise.reject(new Error("no")));
  const throwing: Handler = () => {
    throw new Error("no");
  };
  test.each([
    ["rejects", reject],
    ["throws by itself", throwing],
  ])("a handler that %s gives its items back, after a pause", async (_, failing) => {
    const queue = await makeQueue();
    const failed = new Map<string, number>();
    const back = new Map<string, number>();
    queue.consume("draft", { batch: 4, concurrency: 8 }, (batch) => {
      const again = batch.every(({ id }) => failed.has(id));
      for (const { id } of batch) (again ? back : failed).set(id, performance.now());
      return again ? batch.map(() => Promise.resolve()) : failing(batch);
    });
    await queue.publish("draft", items("a", 4));
    await until(() => back.size === 4 && queue.depth().draft.working === 0);
    for (const [id, at] of back) expect(at - (failed.get(id) as number)).toBeGreaterThan(500);
  });

  test("a handler that forgets items does not keep their places", async () => {
    const queue = await makeQueue();
    let count = 0;
    queue.consume("draft", { batch: 2, concurrency: 2 }, (batch) => {
      count += batch.length;
      return [];
    });
    await queue.publish("draft", items("a", 10));
    await until(() => count === 10 && queue.depth().draft.working === 0);
  });

  test("a stop takes nothing new and waits for what was taken", async () => {
    const queue = await makeQueue();
    const done = new Set<string>();
    const consumer = queue.consume("draft", { batch: 2, concurrency: 2 }, (batch) =>
      batch.map(async ({ id }) => {
        await sleep(30);
        done.add(id);
      }),
    );
    await queue.publish("draft", items("a", 10));
    await until(() => queue.depth().draft.working === 2);
    await Promise.all([consumer.stop(), consumer.stop()]);
    const { size } = done;
    expect(size).toBeGreaterThanOrEqual(2);
    expect(queue.depth().draft.working).toBe(0);
    await sleep(50);
    expect(done.size).toBe(size);
    // What is left goes to whoever comes next.
    queue.consume("draft", { batch: 8, concurrency: 16 }, (batch) => {
      for (const { id } of batch) done.add(id);
      return batch.map(() => Promise.resolve());
    });
    await until(() => done.size === 10);
  });

  test("work of one company that hangs leaves places for the others", async () => {
    const queue = await makeQueue();
    let done = 0;
    let hanging = 0;
    queue.consume("deliver", { batch: 16, concurrency: 64 }, (batch) =>
      batch.map(({ company }) => {
        if (company.startsWith("stuck")) {
          hanging++;
          return new Promise<void>(() => undefined);
        }
        done++;
        return Promise.resolve();
      }),
    );
    await queue.publish("deliver", items("stuck", 200));
    await until(() => hanging === 56);
    await queue.publish("deliver", items("stuck-too", 200));
    await queue.publish("deliver", items("well", 30));
    await until(() => done === 30);
    expect(queue.depth().deliver.working).toBeLessThan(64);
  });

  test("a step has one consumer, and a closed queue hands nothing over", async () => {
    const queue = await makeQueue();
    let calls = 0;
    const handler: Handler = (batch) => {
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

  describe("offered items", () => {
    const [one, two, three] = items("a", 3) as [QueueItem, QueueItem, QueueItem];
    const hang = () => new Promise<void>(() => undefined);

    test("go to this node's consumer at once, with what they carry", async () => {
      const queue = await makeQueue();
      expect(queue.offer("draft", [one])).toEqual([one]);
      const seen: QueueItem[] = [];
      queue.consume("draft", { batch: 2, concurrency: 8 }, (batch) => {
        seen.push(...batch);
        return batch.map(hang);
      });
      expect(queue.offer("draft", [{ ...one, carried: 1 }, two])).toEqual([]);
      expect(seen).toEqual([{ ...one, carried: 1 }, two]);
      // It is in work already.
      expect(queue.offer("draft", [one, three])).toEqual([one]);
      expect(queue.depth().draft.working).toBe(3);
    });

    test("are refused where there is no place", async () => {
      const queue = await makeQueue();
      queue.consume("draft", { batch: 2, concurrency: 2 }, (batch) => batch.map(hang));
      const refused = queue.offer("draft", [one, two, three]);
      expect(refused).toEqual([three]);
    });

    test("are refused while work of the step waits for places", async () => {
      const queue = await makeQueue();
      queue.consume("draft", { batch: 2, concurrency: 2 }, (batch) => batch.map(hang));
      await queue.publish("draft", items("b", 10));
      await until(() => queue.depth().draft.working === 2);
      expect(queue.offer("draft", [one])).toEqual([one]);
    });

    test("are told when there may be a place, and when there will be none", async () => {
      const queue = await makeQueue();
      expect(await queue.room("draft", 60_000)).toBe(false);
      let finish: () => void = () => undefined;
      const consumer = queue.consume("draft", { batch: 2, concurrency: 2 }, (batch) =>
        batch.map(
          () =>
            new Promise<void>((resolve) => {
              finish = resolve;
            }),
        ),
      );
      queue.offer("draft", [one, two]);
      expect(queue.offer("draft", [three])).toEqual([three]);
      expect(await queue.room("draft", 20)).toBe(false);
      const room = queue.room("draft", 60_000);
      finish();
      expect(await room).toBe(true);
      expect(queue.offer("draft", [three])).toEqual([]);
      const none = queue.room("draft", 60_000);
      void consumer.stop();
      expect(await none).toBe(false);
      expect(await queue.room("draft", 60_000)).toBe(false);
    });

    test("come through the queue after a failure, without what they carried", async () => {
      const queue = await makeQueue();
      const seen: QueueItem[] = [];
      queue.consume("draft", { batch: 2, concurrency: 8 }, (batch) => {
        seen.push(...batch);
        return batch.map(() => (seen.length === 1 ? Promise.reject(new Error("no")) : Promise.resolve()));
      });
      queue.offer("draft", [{ ...one, carried: 1 }]);
      await until(() => seen.length === 2);
      expect(seen[1]).toEqual(one);
    });
  });

  test("who listens for gaps is told of the one at the start", async () => {
    const queue = await makeQueue();
    let told = 0;
    queue.onGap(() => told++);
    await until(() => told === 1);
  });
}

describe("the queue in memory", () => {
  suite(async () => {
    const queue = createMemoryQueue();
    onTestFinished(() => queue.close());
    return queue;
  });
});

describeWith("nats", "the queue in NATS JetStream", () => {
  let server: TestNats;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server.stop());
  suite(async () => (await openQueue(server)).queue);
});
