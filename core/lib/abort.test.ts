import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { firstOf, sleep, untilAborted } from "./abort.ts";

const never = new Promise<never>(() => undefined);

test("a sleep ends as soon as its signal aborts, with the signal's reason", async () => {
  const abort = new AbortController();
  const slept = sleep(60_000, abort.signal);
  setTimeout(() => abort.abort(new Error("enough")), 10);
  await expect(slept).rejects.toThrow("enough");
});

test("a sleep whose signal has aborted before does not begin", async () => {
  await expect(sleep(60_000, AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
});

test("a sleep without a signal just ends", async () => {
  await expect(sleep(5)).resolves.toBeUndefined();
});

test("work that does not heed its signal is left behind", async () => {
  const abort = new AbortController();
  const result = untilAborted(never, abort.signal);
  abort.abort(new Error("stop"));
  await expect(result).rejects.toThrow("stop");
});

test("what work left behind throws later is no unhandled rejection", async () => {
  let fail: (error: Error) => void = () => undefined;
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  await expect(untilAborted(work, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  fail(new Error("later"));
  await sleep(10);
});

test("no listener stays on a signal that lives long", async () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 50; i++) {
    await sleep(0, signal);
    await untilAborted(Promise.resolve(i), signal);
    await untilAborted(Promise.reject(new Error("x")), signal).catch(() => undefined);
  }
  await sleep(1);
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("the first of several signals ends a signal, with its own reason, whenever it aborts", () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const { signal } = firstOf([first.signal, second.signal]);
  expect(signal.aborted).toBe(false);
  second.abort(new Error("second"));
  first.abort(new Error("first"));
  expect(signal.reason).toMatchObject({ message: "second" });
  const late = firstOf([AbortSignal.abort(new Error("before"))], 60_000);
  expect(late.signal.reason).toMatchObject({ message: "before" });
});

test("time ends a signal as well, and nothing does after its end", async () => {
  const timed = firstOf([], 5);
  await sleep(30);
  expect(timed.signal.reason).toMatchObject({ name: "TimeoutError" });
  const abort = new AbortController();
  const ended = firstOf([abort.signal], 5);
  ended.end();
  abort.abort();
  await sleep(30);
  expect(ended.signal.aborted).toBe(false);
  expect(getEventListeners(abort.signal, "abort")).toEqual([]);
});
