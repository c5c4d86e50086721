import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { sleep, untilAborted } from "./abort.ts";

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
