import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createLog } from "./log.ts";
import { createReleaser } from "./release.ts";

function makeReleaser(deadlineMs = 1_000) {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "text", write: (line) => lines.push(line) });
  return { releaser: createReleaser(log, { totalMs: deadlineMs, leastMs: deadlineMs }), lines };
}

test("what was opened is closed in reverse order, one after the other", async () => {
  const { releaser } = makeReleaser();
  const closed: string[] = [];
  for (const name of ["a", "b", "c"]) {
    releaser.add(name, async () => {
      await sleep(2);
      closed.push(name);
    });
  }
  await releaser.release();
  expect(closed).toEqual(["c", "b", "a"]);
});

test("a closing that fails, at once or later, is logged and does not keep the others", async () => {
  const { releaser, lines } = makeReleaser();
  const closed: string[] = [];
  releaser.add("first", () => void closed.push("first"));
  releaser.add("later", () => Promise.reject(new Error("broken later")));
  releaser.add("at once", () => {
    throw new Error("broken at once");
  });
  await releaser.release();
  expect(closed).toEqual(["first"]);
  expect(lines.join("")).toMatch(
    /closing at once failed.*broken at once[\s\S]*closing later failed.*broken later/,
  );
});

test("a closing that hangs is left behind at its deadline", async () => {
  const { releaser, lines } = makeReleaser(20);
  const closed: string[] = [];
  releaser.add("first", () => void closed.push("first"));
  releaser.add("stuck", () => new Promise(() => undefined));
  const started = performance.now();
  await releaser.release();
  expect(performance.now() - started).toBeLessThan(1_000);
  expect(closed).toEqual(["first"]);
  expect(lines.join("")).toContain("closing stuck failed");
});

test("a second release waits for the first and closes nothing twice", async () => {
  const { releaser } = makeReleaser();
  let closed = 0;
  releaser.add("a", async () => {
    await sleep(10);
    closed++;
  });
  await Promise.all([releaser.release(), releaser.release()]);
  await releaser.release();
  expect(closed).toBe(1);
});

test("what is opened while all else is being closed is closed too", async () => {
  const { releaser } = makeReleaser();
  const closed: string[] = [];
  releaser.add("a", () => sleep(10).then(() => void closed.push("a")));
  const released = releaser.release();
  await sleep(1);
  releaser.add("late", () => void closed.push("late"));
  await released;
  await releaser.release();
  releaser.add("later", () => void closed.push("later"));
  await releaser.release();
  expect(closed.sort()).toEqual(["a", "late", "later"]);
});

test("all closings together keep to their time: those after a slow one have little left, but something", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "text", write: (line) => lines.push(line) });
  const releaser = createReleaser(log, { totalMs: 60, leastMs: 20 });
  for (const name of ["third", "second", "first"]) releaser.add(name, () => new Promise(() => undefined));
  let closed = false;
  releaser.add("zeroth", async () => {
    closed = true;
  });
  const started = performance.now();
  await releaser.release();
  expect(performance.now() - started).toBeGreaterThanOrEqual(95);
  expect(closed).toBe(true);
  expect(lines.join("")).toMatch(/first failed.*60 ms[\s\S]*second failed.*20 ms[\s\S]*third failed.*20 ms/);
});
