import { expect, test } from "vitest";
import { createLimiter } from "./limiter.ts";

test("a burst goes through at once, then the rate holds", () => {
  let time = 0;
  const limiter = createLimiter({ perSecond: 8, burst: 3 }, () => time);
  expect([1, 2, 3].map(() => limiter.take("a"))).toEqual([0, 0, 0]);
  expect(limiter.take("a")).toBe(125);
  time = 62.5;
  expect(limiter.take("a")).toBe(63);
  time = 125;
  expect(limiter.take("a")).toBe(0);
  expect(limiter.take("a")).toBe(125);
});

test("a bucket never holds more than its burst", () => {
  let time = 0;
  const limiter = createLimiter({ perSecond: 1_000, burst: 2 }, () => time);
  limiter.take("a");
  time = 50_000;
  expect([1, 2, 3].map(() => limiter.take("a") === 0)).toEqual([true, true, false]);
});

test("one key's flood does not touch another key", () => {
  const limiter = createLimiter({ perSecond: 1, burst: 1 }, () => 0);
  for (let i = 0; i < 1_000; i++) limiter.take("flood");
  expect(limiter.take("other")).toBe(0);
});

test("an empty bucket is not forgotten, so that waiting keys gain nothing by a sweep", () => {
  let time = 0;
  const limiter = createLimiter({ perSecond: 0.001, burst: 1 }, () => time);
  expect(limiter.take("a")).toBe(0);
  time = 61_000;
  expect(limiter.take("b")).toBe(0);
  expect(limiter.take("a")).toBeGreaterThan(0);
});
