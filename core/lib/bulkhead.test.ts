import { expect, test } from "vitest";
import { createBulkhead } from "./bulkhead.ts";
import { createGate } from "./gate.ts";
import { Unavailable } from "./unavailable.ts";

const make = (options: { fullAfterMs?: number; patienceMs?: number }) =>
  createBulkhead(createGate({ requests: 1_000, perMs: 1_000, concurrency: 2 }), {
    what: "the desk",
    ...options,
  });
const endless = () => new Promise<never>(() => undefined);
const failure = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("work goes through in turn, with its result or its error", async () => {
  const bulkhead = make({});
  const all = Array.from({ length: 20 }, (_, i) => bulkhead(async () => i));
  expect(await Promise.all(all)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  const error = new Error("no");
  expect(await failure(bulkhead(() => Promise.reject(error)))).toBe(error);
});

test("who waits behind work that hangs goes away untried, and who comes then does at once", async () => {
  const bulkhead = make({ fullAfterMs: 30, patienceMs: 200 });
  const hanging = [bulkhead(endless), bulkhead(endless)];
  const waiting = failure(bulkhead(async () => "never"));
  await later(60);
  let tried = false;
  const started = performance.now();
  const refused = await failure(
    bulkhead(async () => {
      tried = true;
    }),
  );
  expect(performance.now() - started).toBeLessThan(100);
  for (const error of [refused, await waiting]) {
    expect(error).toBeInstanceOf(Unavailable);
    expect((error as Unavailable).retryAfterMs).toBeGreaterThan(0);
  }
  expect(tried).toBe(false);
  expect(hanging).toHaveLength(2);
});

test("an abort takes its own out of the line; work that is under way is told by its own signal", async () => {
  const bulkhead = make({});
  const abort = new AbortController();
  const hanging = [bulkhead(endless), bulkhead(endless)];
  const waiting = failure(bulkhead(async () => "never", abort.signal));
  abort.abort(new Error("stop"));
  expect(await waiting).toEqual(new Error("stop"));
  expect(await failure(bulkhead(async () => "never", abort.signal))).toEqual(new Error("stop"));
  expect(hanging).toHaveLength(2);
});
