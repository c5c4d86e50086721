import { expect, test } from "vitest";
import { pickBatch } from "./pick-batch.ts";

const pick = (lengths: number[], budget: number) => {
  const { batch, full } = pickBatch(
    lengths.map((tokens) => ({ tokens })),
    budget,
  );
  return { lengths: batch.map(({ tokens }) => tokens), full };
};

test("the one that waited longest goes with those nearest to it in length, and without the others", () => {
  expect(pick([60, 5, 128, 58, 64, 7, 120], 4_096)).toEqual({ lengths: [58, 60, 64], full: false });
});

test("a batch keeps to the budget, padding counted, and says when it is full", () => {
  expect(pick([50, 50, 50, 50, 50], 200)).toEqual({ lengths: [50, 50, 50, 50], full: true });
  expect(pick([50, 50, 50], 200)).toEqual({ lengths: [50, 50, 50], full: false });
  expect(pick([50, 51, 50, 50, 50], 203)).toEqual({ lengths: [50, 50, 50, 50], full: true });
});

test("a text larger than the budget goes alone, so that it is not left in line for ever", () => {
  expect(pick([500, 400, 10], 200)).toEqual({ lengths: [500], full: true });
});

test("very short texts go together, however they differ", () => {
  expect(pick([2, 16, 5, 9, 40], 4_096)).toEqual({ lengths: [2, 5, 9, 16], full: false });
});
