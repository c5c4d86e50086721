/** Figures against values worked out by hand or taken from the literature, and against simulations. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../train/random.ts";
import type { Answer, HeadAnswer } from "./answers.ts";
import { auroc } from "./auroc.ts";
import { calibrationError, reliabilityBins } from "./calibration.ts";
import { compare } from "./compare.ts";
import { figuresOf } from "./figures.ts";
import { coverageAt, riskCoverage } from "./risk-coverage.ts";
import { atMost, shareOf, upperBound } from "./shares.ts";

/** An answer that is right or not, with a confidence. */
const answer = (right: boolean, confidence = 0.5): Answer => ({
  right: "a",
  label: right ? "a" : "b",
  confidence,
  abstained: false,
});
const named = (right: string, label: string, more: Partial<HeadAnswer> = {}): HeadAnswer => ({
  head: "type",
  right,
  label,
  confidence: 0.9,
  abstained: false,
  ...more,
});

describe("shares", () => {
  test("have Wilson's interval, also at the ends and of nothing", () => {
    const share = shareOf(8, 10);
    expect([share.low, share.high].map((value) => value.toFixed(3))).toEqual(["0.490", "0.943"]);
    expect(shareOf(0, 10)).toMatchObject({ low: 0, high: expect.closeTo(0.278, 3) });
    expect(shareOf(10, 10)).toMatchObject({ low: expect.closeTo(0.722, 3), high: 1 });
    expect(shareOf(0, 0)).toEqual({ part: 0, of: 0, share: 0, low: 0, high: 1 });
  });

  test("have exact bounds, for large samples as well", () => {
    expect(atMost(0, 3, 0.5)).toBeCloseTo(0.125, 10);
    expect(atMost(2, 4, 0.5)).toBeCloseTo(11 / 16, 10);
    expect(atMost(5_000, 100_000, 0.05)).toBeCloseTo(0.504, 2);
    expect(upperBound(0, 45, 0.9)).toBeCloseTo(0.0499, 3);
    expect(upperBound(1, 20, 0.95)).toBeCloseTo(0.2161, 4);
  });
});

describe("one head's figures", () => {
  const answers = [
    named("bill", "bill", { ranked: ["bill", "ship"] }),
    named("bill", "ship", { confidence: 0.4, abstained: true, ranked: ["ship", "bill"] }),
    named("bill", "bill", { ranked: ["bill", "ship"] }),
    named("ship", "bill", { ranked: ["bill", "other"] }),
  ];

  test("are those worked out by hand", () => {
    const figures = figuresOf(answers);
    expect(figures.accuracy).toMatchObject({ part: 2, of: 4 });
    expect(figures).toMatchObject({ majorityLabel: "bill", majority: { share: 0.75 } });
    expect(figures.firstThree).toMatchObject({ part: 3, of: 4 });
    expect(figures.abstained.share).toBe(0.25);
    expect(figures.wrongOfApplied).toMatchObject({ part: 1, of: 3 });
    expect(figures.labels[0]).toMatchObject({
      label: "bill",
      support: 3,
      precision: { part: 2, of: 3 },
      recall: { part: 2, of: 3 },
      f1: expect.closeTo(2 / 3, 10),
    });
    expect(figures.macroF1).toBeCloseTo(1 / 3, 10);
    // Bins at 0.4 (claimed 0.4, none right) and 0.9 (claimed 0.9, 2 of 3 right).
    expect(figures.ece).toBeCloseTo((0.4 + 3 * (0.9 - 2 / 3)) / 4, 10);
    expect(figures.confusion.counts).toEqual([
      [2, 1],
      [1, 0],
    ]);
  });

  test("a label that is given and never right does not count in macro-F1", () => {
    const { labels, macroF1 } = figuresOf([named("a", "a"), named("a", "c")]);
    expect(labels.map(({ label, support }) => [label, support])).toEqual([
      ["a", 2],
      ["c", 0],
    ]);
    expect(macroF1).toBeCloseTo(2 / 3, 10);
  });

  test("of nothing are zero and know nothing", () => {
    expect(figuresOf([])).toMatchObject({
      rows: 0,
      macroF1: 0,
      ece: 0,
      aurc: 0,
      accuracy: { low: 0, high: 1 },
    });
  });

  test("with many labels show the largest twelve and the rest together, and name what is mixed up most", () => {
    const many = Array.from({ length: 20 }, (_, at) =>
      Array.from({ length: 21 - at }, () => named(`l${at}`, at === 3 ? "l19" : `l${at}`)),
    ).flat();
    const { labels, others, counts, pairs } = figuresOf(many).confusion;
    expect(labels).toEqual(Array.from({ length: 12 }, (_, at) => `l${at}`));
    expect(others).toBe(true);
    expect(counts).toHaveLength(13);
    expect(counts[3]?.[12]).toBe(18);
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(many.length);
    expect(pairs).toMatchObject([{ right: "l3", given: "l19", share: { part: 18, of: 18 } }]);
  });
});

describe("calibration", () => {
  test("puts a bound into the bin above it, and 1 into the last", () => {
    const bins = reliabilityBins([answer(true, 0), answer(true, 0.2), answer(false, 1)], 5);
    expect(bins.map(({ right }) => right.of)).toEqual([1, 1, 0, 0, 1]);
  });

  test("is near 0 where confidences are honest and large where they are not", () => {
    const random = createRandom(3);
    const honest = Array.from({ length: 20_000 }, () => {
      const confidence = random();
      return answer(random() < confidence, confidence);
    });
    expect(calibrationError(honest)).toBeLessThan(0.02);
    expect(calibrationError([answer(true, 1), answer(false, 1)])).toBe(0.5);
  });
});

describe("risk and coverage", () => {
  test("never part answers of the same confidence", () => {
    const points = riskCoverage([
      answer(true, 0.9),
      answer(false, 0.8),
      answer(true, 0.8),
      answer(true, 0.7),
    ]);
    expect(points.map(({ applied, wrong }) => [applied, wrong])).toEqual([
      [1, 0],
      [3, 1],
      [4, 1],
    ]);
  });

  test("take the largest share with the precision, also beyond a worse stretch", () => {
    const list = [
      answer(false, 0.99),
      ...Array.from({ length: 19 }, (_, at) => answer(true, 0.9 - at / 100)),
    ];
    expect(coverageAt(riskCoverage(list), 0.95)).toMatchObject({ part: 20, of: 20 });
    expect(coverageAt(riskCoverage([...list, answer(false, 0.1)]), 0.95)).toMatchObject({ part: 20, of: 21 });
    const tied = list.map((one) => ({ ...one, confidence: 0.5 }));
    expect(coverageAt(riskCoverage(tied), 0.96)).toMatchObject({ part: 0, of: 20 });
  });
});

describe("AUROC", () => {
  test("is 1 for a perfect score, a half for ties, and unknown with one kind only", () => {
    const scored = (positive: number[], negative: number[]) => [
      ...positive.map((score) => ({ score, positive: true })),
      ...negative.map((score) => ({ score, positive: false })),
    ];
    expect(auroc(scored([0.8, 0.9], [0.1, 0.2]))).toBe(1);
    expect(auroc(scored([0.5, 0.5], [0.5]))).toBe(0.5);
    expect(auroc(scored([0.3, 0.9], [0.5, 0.1]))).toBe(0.75);
    expect(auroc(scored([0.3], []))).toBeNull();
  });
});

describe("comparing two models", () => {
  const pairs = (both: number, better: number, worse: number, neither: number) => {
    const list = (first: boolean, second: boolean, count: number) =>
      Array.from({ length: count }, () => [answer(first), answer(second)] as const);
    const all = [
      ...list(true, true, both),
      ...list(false, true, better),
      ...list(true, false, worse),
      ...list(false, false, neither),
    ];
    return compare(
      all.map(([first]) => first),
      all.map(([, second]) => second),
    );
  };

  test("tells better, worse and not to be told", () => {
    expect(pairs(50, 30, 5, 15)).toMatchObject({ better: 30, worse: 5, difference: 0.25 });
    expect(pairs(50, 30, 5, 15).low).toBeGreaterThan(0.1);
    expect(pairs(50, 5, 30, 15).high).toBeLessThan(-0.1);
    expect(pairs(50, 6, 5, 15)).toMatchObject({ low: expect.any(Number), high: expect.any(Number) });
    expect(pairs(50, 6, 5, 15).low).toBeLessThan(0);
  });

  test("stays unsure where few messages show no difference, and with none knows nothing", () => {
    expect(pairs(10, 0, 0, 0).low).toBeLessThan(-0.1);
    expect(pairs(10, 0, 0, 0).high).toBeGreaterThan(0.1);
    expect(pairs(0, 0, 0, 0)).toMatchObject({ difference: 0, low: -1, high: 1 });
  });

  test("has the true difference in the interval in about 95 of 100 cases, from 20 messages on", () => {
    const random = createRandom(17);
    for (const [rows, up, down] of [
      [20, 0.1, 0.05],
      [60, 0.2, 0.02],
      [300, 0.05, 0.05],
    ] as const) {
      let held = 0;
      for (let run = 0; run < 2_000; run += 1) {
        let better = 0;
        let worse = 0;
        for (let row = 0; row < rows; row += 1) {
          const chance = random();
          if (chance < up) better += 1;
          else if (chance < up + down) worse += 1;
        }
        const { low, high } = pairs(rows - better - worse, better, worse, 0);
        if (low <= up - down && up - down <= high) held += 1;
      }
      expect(held / 2_000, `${rows} messages`).toBeGreaterThan(0.93);
    }
  });

  test("refuses answers that do not belong together", () => {
    expect(() => compare([answer(true)], [])).toThrow("same messages");
    expect(() => compare([answer(true)], [{ ...answer(true), right: "c" }])).toThrow("place 0");
  });
});
