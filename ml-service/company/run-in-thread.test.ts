import { spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";

const given = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
/** Two hundred labels with descriptions of more than a thousand letters take many seconds. */
const script = `
  import { setTimeout as sleep } from "node:timers/promises";
  import { runInThread } from ${given("./run-in-thread.ts")};
  const describe = (label) => Array.from({ length: 200 }, (_, at) => "word" + at * label).join(" ");
  const entries = Array.from({ length: 200 }, (_, at) => ["label " + at, describe(at)]);
  const job = { company: "bank", labels: { type: Object.fromEntries(entries), department: Object.fromEntries(entries) } };
  for (const ms of [200, 400, 600]) {
    const stop = AbortSignal.timeout(ms);
    const ended = await runInThread(new URL(${given("./describe-worker.ts")}), job, stop).catch((error) => error);
    console.log(ended.name);
    // What goes wrong does so when the thread comes to its end.
    await sleep(100);
  }`;

test("a thread that is given up at work leaves its process alone", async () => {
  const folder = await makeTempFolder("threads");
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "script.mjs");
  await writeFile(path, script);
  const { status, stdout } = spawnSync(process.execPath, [path], { encoding: "utf8" });
  expect(stdout.split("\n")).toEqual(["TimeoutError", "TimeoutError", "TimeoutError", ""]);
  expect(status).toBe(0);
});
