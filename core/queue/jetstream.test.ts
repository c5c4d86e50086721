/** What the queue in NATS JetStream does beyond what every driver does (behaviour.test.ts): nodes, and a server that fails. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { describe, expect, onTestFinished, test } from "vitest";
import { startNats, type TestNats } from "../testing/nats.ts";
import { items, openQueue, until } from "../testing/queue.ts";
import { describeWith } from "../testing/system-packages.ts";
import type { Handler, Queue } from "./queue.ts";

async function makeServer(): Promise<TestNats> {
  const server = await startNats();
  onTestFinished(() => server.stop());
  return server;
}

/** Counts how often each item was handed over; `work` is what the handler does. */
function recorder(work: (id: string) => Promise<void> = () => Promise.resolve()) {
  const times = new Map<string, number>();
  const handler: Handler = (batch) =>
    batch.map(({ id }) => {
      times.set(id, (times.get(id) ?? 0) + 1);
      return work(id);
    });
  return { times, handler };
}

const hang = () => new Promise<void>(() => undefined);

/** A node that queues everything anew at each gap, as the pipeline does with what is open. */
function requeueAtGaps(queue: Queue, open: () => ReturnType<typeof items>) {
  const gaps = { told: 0 };
  queue.onGap(() => {
    gaps.told++;
    void queue.publish("draft", open());
  });
  return gaps;
}

describeWith("nats", "the queue between nodes", () => {
  test("nodes share the work, and an item goes to one of them", async () => {
    const server = await makeServer();
    const name = randomUUID();
    const nodes = await Promise.all([1, 2].map(() => openQueue(server, { name })));
    const records = nodes.map(({ queue }) => {
      const record = recorder(() => sleep(5));
      queue.consume("draft", { batch: 8, concurrency: 16 }, record.handler);
      return record.times;
    });
    const publisher = await openQueue(server, { name });
    await publisher.queue.publish(
      "draft",
      ["a", "b"].flatMap((company) => items(company, 300)),
    );
    const [first, second] = records as [Map<string, number>, Map<string, number>];
    await until(() => first.size + second.size === 600);
    expect(Math.min(first.size, second.size)).toBeGreaterThan(50);
    await sleep(100);
    expect([...first.values(), ...second.values()].every((count) => count === 1)).toBe(true);
    expect([...first.keys()].some((id) => second.has(id))).toBe(false);
    await until(() => publisher.queue.depth().draft.waiting === 0);
  });

  test("a node that dies leaves its items to another", async () => {
    const server = await makeServer();
    const shared = { name: randomUUID(), ackWaitMs: 1_000 };
    const dying = await openQueue(server, shared);
    const other = await openQueue(server, shared);
    const lost = recorder(hang);
    dying.queue.consume("draft", { batch: 8, concurrency: 64 }, lost.handler);
    await other.queue.publish("draft", items("a", 20));
    await until(() => lost.times.size === 20);
    const found = recorder();
    other.queue.consume("draft", { batch: 8, concurrency: 64 }, found.handler);
    // As long as it shows signs of life, its items are its own.
    await sleep(1_500);
    expect(found.times.size).toBe(0);
    await dying.die();
    await until(() => found.times.size === 20);
  });

  test("work that takes longer than a node may be silent is not handed over twice", async () => {
    const server = await makeServer();
    const shared = { name: randomUUID(), ackWaitMs: 600 };
    const slow = await openQueue(server, shared);
    const other = await openQueue(server, shared);
    const record = recorder(() => sleep(2_000));
    slow.queue.consume("draft", { batch: 4, concurrency: 20 }, record.handler);
    await slow.queue.publish("draft", items("a", 10));
    await until(() => record.times.size === 10);
    other.queue.consume("draft", { batch: 4, concurrency: 20 }, record.handler);
    await until(() => slow.queue.depth().draft.working === 0);
    expect([...record.times.values()]).toEqual(Array(10).fill(1));
  });

  test("a node that stops gives back what it has not begun, and others get it at once", async () => {
    const server = await makeServer();
    const name = randomUUID();
    const [stopping, other] = (await Promise.all([1, 2].map(() => openQueue(server, { name })))) as [
      Awaited<ReturnType<typeof openQueue>>,
      Awaited<ReturnType<typeof openQueue>>,
    ];
    const first = recorder(() => sleep(50));
    const second = recorder();
    const consumer = stopping.queue.consume("draft", { batch: 4, concurrency: 8 }, first.handler);
    await other.queue.publish("draft", items("a", 100));
    await until(() => first.times.size > 4);
    other.queue.consume("draft", { batch: 4, concurrency: 8 }, second.handler);
    await consumer.stop();
    await until(() => first.times.size + second.times.size === 100);
    expect([...first.times.keys()].some((id) => second.times.has(id))).toBe(false);
  });

  test("a closed node's work goes to another without a wait", async () => {
    const server = await makeServer();
    const name = randomUUID();
    const closing = await openQueue(server, { name });
    const other = await openQueue(server, { name });
    const first = recorder(hang);
    closing.queue.consume("draft", { batch: 4, concurrency: 20 }, first.handler);
    await other.queue.publish("draft", items("a", 10));
    await until(() => first.times.size === 10);
    const second = recorder();
    other.queue.consume("draft", { batch: 4, concurrency: 20 }, second.handler);
    const from = performance.now();
    await closing.queue.close();
    await until(() => second.times.size === 10);
    expect(performance.now() - from).toBeLessThan(8_000);
  });
});

describeWith("nats", "a queue whose server fails", () => {
  test.each(["kept", "wiped"])("goes on after a kill and a restart, with its files %s", async (files) => {
    const server = await makeServer();
    const { queue } = await openQueue(server);
    const done = new Set<string>();
    const all = items("a", 500);
    const gaps = requeueAtGaps(queue, () => all.filter(({ id }) => !done.has(id)));
    queue.consume("draft", { batch: 8, concurrency: 20 }, (batch) =>
      batch.map(async ({ id }) => {
        await sleep(10);
        done.add(id);
      }),
    );
    await until(() => done.size > 50);
    await server.kill();
    await until(() => !queue.available);
    if (files === "wiped") await server.wipe();
    await server.start();
    await until(() => done.size === 500);
    expect(gaps.told).toBeGreaterThan(1);
    expect(queue.available).toBe(true);
    await until(() => queue.depth().draft.working === 0 && queue.depth().draft.waiting === 0);
  });

  test("drops at once what is published while the server is away, and tells of the gap later", async () => {
    const server = await makeServer();
    const { queue } = await openQueue(server, { ackWaitMs: 60_000 });
    const record = recorder();
    const gaps = requeueAtGaps(queue, () => items("a", 10));
    await until(() => gaps.told === 1);
    await server.kill();
    const from = performance.now();
    await Promise.all(Array.from({ length: 100 }, () => queue.publish("draft", items("a", 1_000))));
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(gaps.told).toBe(1);
    queue.consume("draft", { batch: 4, concurrency: 8 }, record.handler);
    await server.start();
    await until(() => record.times.size === 10);
    expect(gaps.told).toBeGreaterThan(1);
  });

  test("what waits for the server's answer is dropped as soon as the server is away", async () => {
    const server = await makeServer();
    const { queue } = await openQueue(server, { timeoutMs: 20_000 });
    const gaps = requeueAtGaps(queue, () => []);
    await until(() => gaps.told === 1);
    server.freeze();
    const from = performance.now();
    const published = queue.publish("draft", items("a", 10));
    await sleep(50);
    await server.kill();
    await published;
    expect(performance.now() - from).toBeLessThan(5_000);
  });

  test("a server that answers nothing delays a publish by the time limit once, and then not at all", async () => {
    const server = await makeServer();
    const { queue } = await openQueue(server, { timeoutMs: 500 });
    const gaps = requeueAtGaps(queue, () => []);
    await until(() => gaps.told === 1);
    await queue.publish("draft", items("a", 1));
    server.freeze();
    const from = performance.now();
    await queue.publish("draft", items("a", 5_000));
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(queue.available).toBe(false);
    const then = performance.now();
    await queue.publish("draft", items("a", 5_000));
    expect(performance.now() - then).toBeLessThan(300);
    server.thaw();
    await until(() => queue.available && gaps.told > 1);
  });

  test("a gap that nobody was told of is kept for the first who listens", async () => {
    const server = await makeServer();
    const { queue } = await openQueue(server);
    await server.kill();
    await until(() => !queue.available);
    await server.start();
    await until(() => queue.available);
    let told = 0;
    const end = queue.onGap(() => told++);
    expect(told).toBe(1);
    end();
  });

  test("opens while the server is away, and works as soon as it is there", async () => {
    const server = await makeServer();
    await server.kill();
    const { queue } = await openQueue(server);
    expect(queue.available).toBe(false);
    await queue.publish("draft", items("a", 1));
    const record = recorder();
    queue.consume("draft", { batch: 4, concurrency: 8 }, record.handler);
    requeueAtGaps(queue, () => items("a", 1));
    await server.start();
    await until(() => record.times.size === 1);
  });

  test("what was in work when the server was wiped is not answered for in the new stream", async () => {
    const server = await makeServer();
    const name = randomUUID();
    const { queue } = await openQueue(server, { name, scanMs: 100_000 });
    let release: () => void = () => undefined;
    const record = recorder(() => new Promise((resolve) => (release = resolve)));
    queue.consume("draft", { batch: 1, concurrency: 1 }, record.handler);
    await queue.publish("draft", items("a", 1));
    await until(() => record.times.size === 1);
    await server.kill();
    await server.wipe();
    await server.start();
    await until(() => queue.available);
    // The new stream's first item has the number that the old one's had, and another node has it in work.
    const other = await openQueue(server, { name });
    const others = recorder(hang);
    await other.queue.publish("draft", items("a", 1, 1));
    other.queue.consume("draft", { batch: 1, concurrency: 8 }, others.handler);
    await until(() => others.times.size === 1);
    release();
    await until(() => queue.depth().draft.working === 0);
    await sleep(100);
    expect(await stored(server, name)).toBe(1);
  });

  describe("when an administrator removes", () => {
    test("the stream, it is made anew, and the gap is told", async () => {
      const server = await makeServer();
      const name = randomUUID();
      const { queue } = await openQueue(server, { name });
      const gaps = requeueAtGaps(queue, () => items("a", 5));
      const record = recorder();
      await until(() => gaps.told === 1);
      await administrate(server, (manager) => manager.streams.delete(name));
      await until(() => gaps.told > 1);
      queue.consume("draft", { batch: 4, concurrency: 8 }, record.handler);
      await until(() => record.times.size === 5);
    });

    test("the consumers, they are made anew, and what waited is handed over", async () => {
      const server = await makeServer();
      const name = randomUUID();
      const { queue } = await openQueue(server, { name });
      await queue.publish("draft", items("a", 5));
      await administrate(server, async (manager) => {
        for (const consumer of await manager.consumers.list(name).next())
          await manager.consumers.delete(name, consumer.name);
      });
      const record = recorder();
      queue.consume("draft", { batch: 4, concurrency: 8 }, record.handler);
      await until(() => record.times.size === 5);
    });
  });

  test("a stream that is full refuses, and takes again when there is room", async () => {
    const server = await makeServer();
    const { queue } = await openQueue(server, { maxItems: 100 });
    await queue.publish("draft", items("a", 150));
    expect(queue.depth().draft.waiting).toBe(100);
    expect(queue.available).toBe(true);
    const record = recorder();
    queue.consume("draft", { batch: 16, concurrency: 64 }, record.handler);
    await until(() => record.times.size === 100);
    await until(() => queue.depth().draft.working === 0);
    await expect
      .poll(async () => {
        await queue.publish("draft", items("a", 1, 149));
        return record.times.has("a-149");
      })
      .toBe(true);
  });
});

type Manager = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>["jetstreamManager"]>>;

async function administrate<T>(server: TestNats, work: (manager: Manager) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: server.url });
  try {
    return await work(await connection.jetstreamManager());
  } finally {
    await connection.close();
  }
}

/** How many items lie in the stream, waiting or in work. */
function stored(server: TestNats, name: string): Promise<number> {
  return administrate(server, async (manager) => (await manager.streams.info(name)).state.messages);
}
