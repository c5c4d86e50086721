/** Patience: nothing is given up too early, in an outage of all, or since nobody asked. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createPatience, type Patience } from "./patience.ts";

let patience: Patience;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
  patience = createPatience(1_000);
});
afterEach(() => void vi.useRealTimers());

const failed = (afterMs: number, id = 1, needsOthers = false) => {
  vi.advanceTimersByTime(afterMs);
  return patience.isOver("ticket", id, needsOthers);
};

test("it is over after some failures and that time, and stays over until there is a success", () => {
  expect([failed(0), failed(10), failed(900), failed(100), failed(0)]).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
  patience.had("ticket", 1);
  expect(failed(0)).toBe(false);
});

test("a long time with hardly a failure is not enough, and each thing has a time of its own", () => {
  expect([failed(0), failed(5_000), failed(0)]).toEqual([false, false, true]);
  expect(failed(0, 2)).toBe(false);
});

test("where others have to be had, a success of the same kind since the first failure is asked for", () => {
  patience.had("ticket", 2);
  expect([failed(0, 1, true), failed(2_000, 1, true), failed(0, 1, true)]).toEqual([false, false, false]);
  patience.had("file", 3);
  expect(failed(0, 1, true)).toBe(false);
  patience.had("ticket", 2);
  expect(failed(0, 1, true)).toBe(true);
});
