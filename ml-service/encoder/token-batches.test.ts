import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type BatchLimits, createTokenBatches } from "./token-batches.ts";

/** A text of so many tokens, all of them `id`. */
const row = (id: number, tokens = 4) => new Int32Array(tokens).fill(id);
const poison = 666;

/** A model whose vectors tell which text they are for. A batch with poison fails; `hold` keeps batches until it is let go. */
function createModel() {
  const ran: number[][] = [];
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  return {
    ran,
    hold() {
      gate = Promise.withResolvers();
      return gate.resolve;
    },
    async run(rows: Int32Array[]) {
      ran.push(rows.map(([id]) => id ?? -1));
      await gate.promise;
      if (rows.some(([id]) => id === poison)) throw new Error("the batch was refused");
      return rows.map(([id]) => Float32Array.of(id ?? -1));
    },
  };
}

const limits: BatchLimits = { tokens: 40, waitMs: 1, queue: 100 };
const ids = (vectors: Float32Array[]) => vectors.map(([id]) => id);

test("texts of several callers share a batch, and each caller gets its own in order", async () => {
  const model = createModel();
  const batches = createTokenBatches(model.run, limits);
  const answers = await Promise.all([
    batches.encode([row(1, 8), row(2, 3)]),
    batches.encode([row(3, 5)]),
    batches.encode([]),
  ]);
  expect(answers.map(ids)).toEqual([[1, 2], [3], []]);
  expect(model.ran).toEqual([[2, 3, 1]]);
  expect(batches.stats()).toEqual({
    texts: 3,
    batches: 1,
    failed: 0,
    fill: 24 / 40,
    padding: expect.closeTo(8 / 24),
    waiting: 0,
    held: 0,
  });
});

test("a full batch goes at once, and the rest is put together while it runs", async () => {
  const model = createModel();
  const release = model.hold();
  const batches = createTokenBatches(model.run, { ...limits, waitMs: 60_000 });
  const first = batches.encode(Array.from({ length: 10 }, (_, at) => row(at)));
  expect(model.ran).toHaveLength(1);
  const second = [batches.encode([row(20)]), batches.encode([row(21)])];
  await nextTurn();
  expect(model.ran).toHaveLength(1);
  expect(batches.stats().waiting).toBe(2);
  release();
  expect(ids(await first)).toHaveLength(10);
  await batches.close();
  expect((await Promise.all(second)).map(ids)).toEqual([[20], [21]]);
  expect(model.ran.slice(1)).toEqual([[20, 21]]);
});

test("one bad text fails alone, whoever shares its batch", async () => {
  const model = createModel();
  const batches = createTokenBatches(model.run, limits);
  const calls = [[1, 2], [3, poison], [4], [5, 6]].map((texts) => batches.encode(texts.map((id) => row(id))));
  const settled = await Promise.allSettled(calls);
  expect(settled.map((one) => (one.status === "fulfilled" ? ids(one.value) : one.reason.message))).toEqual([
    [1, 2],
    "text 2 of 2 cannot be encoded",
    [4],
    [5, 6],
  ]);
  expect((settled[1] as PromiseRejectedResult).reason.cause.message).toBe("the batch was refused");
  expect(batches.stats()).toMatchObject({ failed: 1, waiting: 0 });
});

test("beyond the queue callers wait in turn, and nothing is lost", async () => {
  const model = createModel();
  const release = model.hold();
  const batches = createTokenBatches(model.run, { ...limits, queue: 5 });
  const calls = Array.from({ length: 4 }, (_, call) =>
    batches.encode(Array.from({ length: 12 }, (_, at) => row(100 * call + at))),
  );
  const { waiting, held } = batches.stats();
  expect(waiting).toBe(5);
  expect(waiting + held + model.ran.flat().length).toBe(48);
  release();
  const answers = await Promise.all(calls);
  expect(answers.map(ids)).toEqual(
    [0, 1, 2, 3].map((call) => Array.from({ length: 12 }, (_, at) => 100 * call + at)),
  );
  expect(model.ran.flat()).toEqual(model.ran.flat().toSorted((a, b) => a - b));
});

test("who gives up gets the signal's reason at once, leaves the line, and harms nobody", async () => {
  const model = createModel();
  const release = model.hold();
  const batches = createTokenBatches(model.run, { ...limits, queue: 20 });
  const stop = new AbortController();
  const running = batches.encode(Array.from({ length: 20 }, (_, at) => row(at)));
  const patient = batches.encode([row(50)]);
  const given = batches.encode(
    Array.from({ length: 60 }, (_, at) => row(60 + at)),
    stop.signal,
  );
  stop.abort(new Error("no longer wanted"));
  await expect(given).rejects.toThrow("no longer wanted");
  expect(batches.stats()).toMatchObject({ waiting: 1, held: 0 });
  release();
  expect(ids(await running)).toHaveLength(20);
  expect(ids(await patient)).toEqual([50]);
  expect(model.ran.flat().filter((id) => id >= 60)).toEqual([]);
  await expect(batches.encode([row(1)], stop.signal)).rejects.toThrow("no longer wanted");
});

test("texts of very different length do not fill each other up, and the long one does not starve", async () => {
  const model = createModel();
  const batches = createTokenBatches(model.run, { ...limits, tokens: 1_000 });
  await Promise.all([batches.encode([row(1, 100)]), ...[2, 3, 4].map((id) => batches.encode([row(id, 10)]))]);
  expect(model.ran).toEqual([[1], [2, 3, 4]]);
  expect(batches.stats().padding).toBe(0);
});

test("closing finishes what was taken without waiting for more, and takes nothing new", async () => {
  const model = createModel();
  const batches = createTokenBatches(model.run, { ...limits, waitMs: 60_000, queue: 2 });
  const calls = [batches.encode([row(1), row(2), row(3)]), batches.encode([row(4)])];
  await batches.close();
  expect((await Promise.all(calls)).map(ids)).toEqual([[1, 2, 3], [4]]);
  await expect(batches.encode([row(5)])).rejects.toThrow("the encoder is closed");
  await batches.close();
});
