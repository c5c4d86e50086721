/** How the classifier's benchmark calibrates and judges, on answers that are known. */
import { describe, expect, test } from "vitest";
import { answersOf, calibrateBy, type Scored, sample, shareRight, spreadOf } from "./judge.ts";

const labels = ["a", "b"];
/** Claims nearly always to be sure of a; one in four is b. */
const scored = Array.from(
  { length: 400 },
  (_, at): Scored => ({ right: at % 4 === 0 ? "b" : "a", logits: Float64Array.of(8, 0) }),
);

describe("judging", () => {
  test("counts the likeliest label, whatever the confidence", () => {
    expect(shareRight(scored, labels)).toBe(0.75);
    expect(shareRight([], labels)).toBe(0);
  });

  test("softens claims that are too strong, and applies nothing where the promise cannot be kept", () => {
    const calibration = calibrateBy(scored, labels);
    const [answer] = answersOf(scored, labels, calibration);
    expect(answer).toMatchObject({ right: "b", label: "a", abstained: true });
    expect(answer?.confidence).toBeCloseTo(0.75, 1);
  });

  test("applies labels that are right where it is sure", () => {
    const sure = scored.map(({ right }, at) => ({
      right,
      logits: right === "a" ? Float64Array.of(4 + at / 400, 0) : Float64Array.of(0, 4),
    }));
    const answers = answersOf(sure, labels, calibrateBy(sure, labels));
    expect(answers.every(({ abstained }) => !abstained)).toBe(true);
  });
});

test("a sample depends on its seed alone, and holds nothing twice", () => {
  const items = Array.from({ length: 50 }, (_, at) => at);
  expect(sample(items, 20, 1)).toEqual(sample(items, 20, 1));
  expect(sample(items, 20, 1)).not.toEqual(sample(items, 20, 2));
  expect(new Set(sample(items, 99, 1)).size).toBe(50);
});

test("a spread is the deviation that other samples would show", () => {
  expect(spreadOf([1, 3])).toBeCloseTo(Math.SQRT2);
  expect(spreadOf([5])).toBe(0);
});
