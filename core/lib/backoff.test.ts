import { expect, test } from "vitest";
import { backoff } from "./backoff.ts";

const options = { firstMs: 100, maxMs: 5_000 };

test("a wait lies between half and all of the doubled time", () => {
  for (const [attempt, full] of [
    [1, 100],
    [2, 200],
    [3, 400],
    [6, 3_200],
  ] as const) {
    expect(backoff(attempt, options, () => 0)).toBe(full / 2);
    expect(backoff(attempt, options, () => 1)).toBe(full);
  }
});

test("a wait never exceeds the longest one, however many attempts have failed", () => {
  for (const attempt of [7, 31, 1_000, 1_000_000]) {
    expect(backoff(attempt, options, () => 1)).toBe(5_000);
    expect(backoff(attempt, options)).toBeGreaterThanOrEqual(2_500);
    expect(backoff(attempt, options)).toBeLessThanOrEqual(5_000);
  }
});

test("items that failed together come back apart", () => {
  const waits = new Set(Array.from({ length: 50 }, () => backoff(5, options)));
  expect(waits.size).toBeGreaterThan(25);
});
