import { expect, test } from "vitest";
import { untilAborted } from "../lib/abort.ts";
import { Unavailable } from "../lib/unavailable.ts";
import { createFence } from "./fence.ts";

const forever = (signal: AbortSignal) => untilAborted(new Promise<never>(() => undefined), signal);
const silence = () => new Promise<never>(() => undefined);

test("work goes on while answers come, and ends when none has come for too long", async () => {
  let answers = 3;
  const fence = createFence({
    what: "NATS",
    ask: () => (answers-- > 0 ? Promise.resolve() : silence()),
    patienceMs: 50,
    everyMs: 10,
  });
  const work = fence.guard(forever);
  await expect(work).rejects.toThrow(Unavailable);
  await expect(work).rejects.toThrow("NATS is not available");
  expect(answers).toBeLessThan(0);
});

test("a refused question is no answer", async () => {
  const ask = () => Promise.reject(new Error("there is no connection"));
  await expect(createFence({ what: "NATS", ask, patienceMs: 20, everyMs: 5 }).guard(forever)).rejects.toThrow(
    Unavailable,
  );
});

test("what comes after work that was ended has its own time, and nothing is asked without work", async () => {
  let asked = 0;
  const ask = () => {
    asked++;
    return silence();
  };
  const fence = createFence({ what: "NATS", ask, patienceMs: 20, everyMs: 5 });
  await expect(fence.guard(forever)).rejects.toThrow(Unavailable);
  expect(await fence.guard(async (signal) => signal.aborted)).toBe(false);
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(asked).toBe(before);
});
