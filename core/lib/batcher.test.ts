import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createBatcher } from "./batcher.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("items of one moment share a batch, and each gets its own result", async () => {
  const batches: number[][] = [];
  const batcher = createBatcher(
    async (items: number[]) => {
      batches.push(items);
      return items.map((item) => item * 2);
    },
    { max: 64, lanes: 1 },
  );
  expect(await Promise.all(numbers(10).map((i) => batcher.add(i)))).toEqual(numbers(10).map((i) => i * 2));
  expect(batches).toEqual([numbers(10)]);
});

test("batches keep the order and the bound, and grow while the lanes are busy", async () => {
  const batches: number[][] = [];
  let running = 0;
  let most = 0;
  const batcher = createBatcher(
    async (items: number[]) => {
      batches.push(items);
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
      return items;
    },
    { max: 8, lanes: 2 },
  );
  const first = batcher.add(0);
  await sleep(1);
  await Promise.all([
    first,
    ...numbers(40)
      .slice(1)
      .map((i) => batcher.add(i)),
  ]);
  expect(batches.flat()).toEqual(numbers(40));
  expect(Math.max(...batches.map((batch) => batch.length))).toBe(8);
  expect(most).toBe(2);
});

test("few items wait for the batch under way and go together, but not for one that takes long", async () => {
  const batches: number[][] = [];
  const ends: Array<() => void> = [];
  const batcher = createBatcher(
    async (items: number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => ends.push(resolve));
      return items;
    },
    { max: 8, lanes: 2 },
  );
  const all = [batcher.add(0)];
  await new Promise(setImmediate);
  all.push(batcher.add(1));
  await new Promise(setImmediate);
  all.push(batcher.add(2));
  await new Promise(setImmediate);
  expect(batches).toEqual([[0]]);
  ends[0]?.();
  await new Promise(setImmediate);
  expect(batches).toEqual([[0], [1, 2]]);
  // Its end does not come.
  all.push(batcher.add(3));
  await sleep(50);
  expect(batches).toEqual([[0], [1, 2], [3]]);
  for (const end of ends) end();
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
});

test("a failed batch fails its own items, and the next one goes on", async () => {
  const batcher = createBatcher(
    async (items: string[]) => {
      if (items.includes("bad")) throw new Error("no");
      return items;
    },
    { max: 2, lanes: 1 },
  );
  const results = await Promise.allSettled(["a", "bad", "b", "c"].map((item) => batcher.add(item)));
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
});

test("a batch that throws at once, or returns too few results, fails its items and frees its lane", async () => {
  let call = 0;
  const batcher = createBatcher(
    (items: number[]): Promise<number[]> => {
      call++;
      if (call === 1) throw new Error("at once");
      return Promise.resolve(call === 2 ? [] : items);
    },
    { max: 1, lanes: 1 },
  );
  await expect(batcher.add(1)).rejects.toThrow("at once");
  await expect(batcher.add(2)).rejects.toThrow("another number of results");
  await expect(batcher.add(3)).resolves.toBe(3);
});

test("idle waits for what waits and for what is under way", async () => {
  let done = 0;
  const batcher = createBatcher(
    async (items: number[]) => {
      await sleep(5);
      done += items.length;
      return items;
    },
    { max: 3, lanes: 1 },
  );
  await batcher.idle();
  const all = Promise.all(numbers(7).map((i) => batcher.add(i)));
  expect(batcher.waiting).toBe(7);
  await batcher.idle();
  expect(done).toBe(7);
  expect(batcher.waiting).toBe(0);
  await all;
});

test("a batch holds so much and no more; what is larger goes alone", async () => {
  const batches: string[][] = [];
  const batcher = createBatcher(
    async (items: string[]) => {
      batches.push(items);
      return items;
    },
    { max: 10, lanes: 1, maxSize: 10, sizeOf: (item) => item.length },
  );
  const texts = ["four", "four", "four", "a very long one", "x", "y"];
  expect(await Promise.all(texts.map((text) => batcher.add(text)))).toEqual(texts);
  expect(batches).toEqual([["four", "four"], ["four"], ["a very long one"], ["x", "y"]]);
});

test("what has waited too long is sent away, and what is under way is not", async () => {
  let finish: () => void = () => undefined;
  const batches: number[][] = [];
  const batcher = createBatcher(
    async (items: number[]) => {
      batches.push(items);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return items;
    },
    { max: 2, lanes: 1, patienceMs: 50, late: () => new Error("too late") },
  );
  const all = [1, 2, 3, 4].map((i) => batcher.add(i));
  await expect(all[2]).rejects.toThrow("too late");
  await expect(all[3]).rejects.toThrow("too late");
  const next = batcher.add(5);
  finish();
  expect(await Promise.all([all[0], all[1]])).toEqual([1, 2]);
  await sleep(1);
  finish();
  expect(await next).toBe(5);
  expect(batches).toEqual([[1, 2], [5]]);
  await batcher.idle();
});
