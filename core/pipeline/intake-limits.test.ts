import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createIntakeLimits, Overloaded, sizeOfEvents } from "./intake-limits.ts";

const endless = () => new Promise<never>(() => undefined);
const failure = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);

test("so many requests and bytes wait, and no more; a single large one always may", async () => {
  const limits = createIntakeLimits({ requests: 2, bytes: 100, answerMs: 10_000 });
  let finish: () => void = () => undefined;
  const large = limits.within(1_000, () => new Promise<void>((resolve) => (finish = resolve)));
  expect(await failure(limits.within(1, async () => "done"))).toBeInstanceOf(Overloaded);
  finish();
  await large;
  const waiting = [limits.within(10, endless), limits.within(10, endless)];
  expect(await failure(limits.within(10, async () => "done"))).toBeInstanceOf(Overloaded);
  expect(waiting).toHaveLength(2);
});

test("what takes too long is answered and goes on, in its place until it is done", async () => {
  const limits = createIntakeLimits({ requests: 1, bytes: 100, answerMs: 20 });
  let done = false;
  const late = limits.within(1, async () => {
    await sleep(60);
    done = true;
  });
  expect(await failure(late)).toBeInstanceOf(Overloaded);
  expect(done).toBe(false);
  expect(await failure(limits.within(1, async () => "next"))).toBeInstanceOf(Overloaded);
  while (!done) await sleep(5);
  await sleep(1);
  expect(await limits.within(1, async () => "next")).toBe("next");
});

test("an event counts with all that it holds", () => {
  const content = new Uint8Array(500);
  const attachments = [{ name: "a", mediaType: "text/plain", content }];
  const size = sizeOfEvents([
    { kind: "message", externalId: "1", text: "x".repeat(2_000), attachments } as never,
  ]);
  expect(size).toBeGreaterThan(2_500);
});
