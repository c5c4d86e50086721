/** Learning curves: the same test part, nested samples, and no near-duplicate on both sides. */
import { expect, test } from "vitest";
import { learner } from "../train/settings.ts";
import { learningCurve } from "./learning-curve.ts";
import { createHeadTrainer, type LabelledText } from "./train-heads.ts";

interface Numbered {
  readonly number: number;
  readonly group: string;
}

/** 100 examples, three in each group. */
const numbered: Numbered[] = Array.from({ length: 100 }, (_, number) => ({
  number,
  group: `group ${Math.floor(number / 3)}`,
}));
const always = (right: boolean) => ({
  head: "type",
  right: "a",
  label: right ? "a" : "b",
  confidence: 1,
  abstained: false,
});

/** Runs a curve and keeps what was trained and judged. */
async function record(seed: number) {
  const calls: { train: readonly Numbered[]; test: readonly Numbered[] }[] = [];
  const curve = await learningCurve<Numbered>({
    examples: numbered,
    sizes: [10, 30, 500],
    repeats: 3,
    seed,
    trainAndAnswer(train, test) {
      calls.push({ train, test });
      return test.map((_, at) => always(at < train.length / 10));
    },
    asIs: (test) => test.map(() => always(true)),
  });
  return { calls, curve };
}

test("all sizes are judged on the same part, which shares no group with what was learnt", async () => {
  const { calls, curve } = await record(1);
  expect(calls).toHaveLength(9);
  const test = calls[0]?.test ?? [];
  expect(test.length).toBeGreaterThan(15);
  expect(test.length).toBeLessThanOrEqual(20);
  const groups = new Set(test.map(({ group }) => group));
  for (const call of calls) {
    expect(call.test).toEqual(test);
    expect(call.train.some(({ group }) => groups.has(group))).toBe(false);
  }
  expect(curve).toMatchObject({ train: 100 - test.length, test: test.length, repeats: 3 });
});

test("each sample of a repeat holds the smaller ones, and repeats differ", async () => {
  const { calls } = await record(1);
  const [small, middle, all, other] = calls.map(({ train }) => train.map(({ number }) => number));
  expect(small).toHaveLength(10);
  expect(middle?.slice(0, 10)).toEqual(small);
  expect(all?.slice(0, 30)).toEqual(middle);
  expect(other).not.toEqual(small);
});

test("points tell mean and spread; sizes that are not there are left out, and all there are is added", async () => {
  const { curve } = await record(1);
  const [head] = curve.heads;
  expect(head?.points.map(({ size }) => size)).toEqual([10, 30, curve.train]);
  expect(head?.points[0]).toMatchObject({ mean: 1 / curve.test, spread: 0, least: 1 / curve.test });
  expect(head?.asIs).toMatchObject({ share: 1, of: curve.test });
});

test("the same seed gives the same curve", async () => {
  expect((await record(7)).calls).toEqual((await record(7)).calls);
  expect((await record(8)).calls).not.toEqual((await record(7)).calls);
});

test("examples that are all alike, or none, give a curve without points", async () => {
  const options = { sizes: [1], repeats: 2, seed: 1, trainAndAnswer: () => [always(true)] };
  const alike = numbered.map(({ number }) => ({ number, group: "one" }));
  expect(await learningCurve({ ...options, examples: alike })).toMatchObject({ test: 0, heads: [] });
  expect(await learningCurve({ ...options, examples: [] })).toMatchObject({ train: 0, heads: [] });
});

test("stops when told to", async () => {
  const stop = new AbortController();
  const curve = learningCurve({
    examples: numbered,
    sizes: [10],
    repeats: 2,
    seed: 1,
    signal: stop.signal,
    trainAndAnswer() {
      stop.abort();
      return [];
    },
  });
  await expect(curve).rejects.toThrow("abort");
});

test("heads with a company's own labels are learnt, the better the more there is", async () => {
  const words = { Lager: ["pallet", "shelf", "forklift"], Werkstatt: ["brake", "engine", "tyre"] };
  const examples = Object.entries(words).flatMap(([label, list]) =>
    Array.from({ length: 60 }, (_, at): LabelledText & { group: string } => ({
      subject: null,
      text: `please look after the ${list[at % 3]} number ${at} of ${["monday", "tuesday", "friday"][at % 7] ?? "may"}`,
      labels: { department: label },
      group: `${label} ${at}`,
    })),
  );
  const options = { ...learner, bits: 10, hidden: 8, vectors: null };
  const trainAndAnswer = createHeadTrainer<LabelledText>(options);
  const curve = await learningCurve({ examples, sizes: [2], repeats: 3, seed: 1, trainAndAnswer });
  const [few, many] = curve.heads[0]?.points ?? [];
  expect(curve.heads[0]?.head).toBe("department");
  expect(many?.mean).toBeGreaterThan(0.95);
  expect(few?.mean).toBeLessThan(many?.mean ?? 0);
});
