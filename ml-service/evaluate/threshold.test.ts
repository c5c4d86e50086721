/** The promise of a threshold, kept over many simulated companies, and not bought with needless abstaining. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../train/random.ts";
import type { Answer } from "./answers.ts";
import { abstainAlways, chooseThreshold, leastAnswers } from "./threshold.ts";

const answer = (right: boolean, confidence: number): Answer => ({
  right: "a",
  label: right ? "a" : "b",
  confidence,
  abstained: false,
});

/**
 * Draws answers with even confidences, of which those with confidence c are wrong with the chance wrong(c), and chooses.
 * @returns how often the true risk is above the promised one, and the mean coverage
 */
function simulate(wrong: (confidence: number) => number, rows: number, runs: number) {
  const random = createRandom(rows);
  const riskAbove = (threshold: number) => {
    const grid = Array.from({ length: 500 }, (_, at) => (at + 0.5) / 500).filter((at) => at >= threshold);
    return grid.reduce((sum, at) => sum + wrong(at), 0) / Math.max(1, grid.length);
  };
  let broken = 0;
  let coverage = 0;
  for (let run = 0; run < runs; run += 1) {
    const answers = Array.from({ length: rows }, () => {
      const confidence = random();
      return answer(random() >= wrong(confidence), confidence);
    });
    const choice = chooseThreshold(answers, { risk: 0.05 });
    if (choice.threshold <= 1 && riskAbove(choice.threshold) > 0.05) broken += 1;
    coverage += choice.coverage.share / runs;
  }
  return { broken: broken / runs, coverage };
}

describe("the promise of 5 % with 90 %", () => {
  test("is broken in no more than one case in ten, also where every threshold breaks it by a hair", () => {
    // Three standard deviations of 600 runs are 0.037.
    for (const rows of [60, 200, 1_000]) {
      expect(simulate(() => 0.0501, rows, 600).broken, `flat, ${rows}`).toBeLessThan(0.137);
      expect(simulate((at) => 0.5 * (1 - at) ** 2, rows, 300).broken, `falling, ${rows}`).toBeLessThan(0.1);
    }
  });

  test("leaves little on the table: 0.55 of the answers could be applied if all were known", () => {
    expect(simulate((at) => 0.5 * (1 - at) ** 2, 1_000, 100).coverage).toBeGreaterThan(0.35);
    expect(simulate((at) => 0.5 * (1 - at) ** 2, 5_000, 50).coverage).toBeGreaterThan(0.45);
    expect(simulate(() => 0.01, 300, 100).coverage).toBeGreaterThan(0.8);
  });
});

describe("a threshold", () => {
  test("abstains always where the answers are too few, and says how many are needed", () => {
    expect(leastAnswers({ risk: 0.05 })).toBe(45);
    const few = Array.from({ length: 44 }, () => answer(true, 0.9));
    expect(chooseThreshold(few, { risk: 0.05 })).toMatchObject({
      threshold: abstainAlways,
      bound: 1,
      reason: "at least 45 judged answers are needed, there are 44",
    });
    expect(chooseThreshold([...few, answer(true, 0.8)], { risk: 0.05 })).toMatchObject({
      threshold: 0.8,
      reason: null,
    });
    expect(chooseThreshold([], { risk: 0.05 }).threshold).toBe(abstainAlways);
  });

  test("abstains always where the most confident answers are wrong", () => {
    const wrong = Array.from({ length: 400 }, (_, at) => answer(at % 3 > 0, 0.9 - at / 1_000));
    expect(chooseThreshold(wrong, { risk: 0.05 })).toMatchObject({
      threshold: abstainAlways,
      reason: expect.stringContaining("too many wrong"),
    });
  });

  test("outlives one early mistake where there are enough answers", () => {
    const list = Array.from({ length: 800 }, (_, at) => answer(at !== 3, 1 - at / 1_000));
    const choice = chooseThreshold(list, { risk: 0.05 });
    expect(choice.coverage.share).toBe(1);
    expect(choice.bound).toBeLessThan(0.01);
  });

  test("takes in or leaves out all answers of one confidence", () => {
    const list = [
      ...Array.from({ length: 100 }, () => answer(true, 0.9)),
      ...Array.from({ length: 100 }, (_, at) => answer(at < 50, 0.6)),
    ];
    expect(chooseThreshold(list, { risk: 0.05 })).toMatchObject({ threshold: 0.9, coverage: { part: 100 } });
  });

  test("refuses a risk that is none", () => {
    expect(() => chooseThreshold([], { risk: 0 })).toThrow(RangeError);
    expect(() => chooseThreshold([], { risk: 0.05, confidence: 1 })).toThrow(RangeError);
  });
});
