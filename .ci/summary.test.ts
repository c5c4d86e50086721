import { spawnSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeTempFolder } from "../core/testing/temp-folder.ts";

let home: string;
beforeEach(async () => {
  home = await makeTempFolder("summary");
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

async function summarise(
  report: unknown,
  ...problems: string[]
): Promise<{ status: number | null; lines: string[] }> {
  const path = join(home, "report.json");
  await writeFile(path, typeof report === "string" ? report : JSON.stringify({ testResults: report }));
  const script = fileURLToPath(new URL("summary.mjs", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [script, path, ...problems], { encoding: "utf8" });
  return { status, lines: stdout.trimEnd().split("\n") };
}

function file(...statuses: string[]) {
  const assertionResults = statuses.map((status, i) => ({ status, fullName: `test ${i}` }));
  return { name: "a.test.ts", status: statuses.includes("failed") ? "failed" : "passed", assertionResults };
}

test("a good run has one line", async () => {
  expect(await summarise([file("passed", "passed"), file("passed")])).toEqual({
    status: 0,
    lines: ["3 passed, 0 failed"],
  });
});

test("failed, skipped and planned tests are named and count as failed", async () => {
  expect(
    await summarise([file("passed", "failed", "skipped", "todo", "pending")], "npm test failed"),
  ).toEqual({
    status: 1,
    lines: [
      "failed: a.test.ts: test 1",
      "skipped: a.test.ts: test 2",
      "only planned: a.test.ts: test 3",
      "skipped: a.test.ts: test 4",
      "1 passed, 4 failed",
    ],
  });
});

test("a file that cannot be loaded counts as failed", async () => {
  const broken = {
    name: "b.test.ts",
    status: "failed",
    message: "Cannot find module\nstack",
    assertionResults: [],
  };
  expect(await summarise([file("passed"), broken], "npm test failed")).toEqual({
    status: 1,
    lines: ["failed: b.test.ts: Cannot find module", "1 passed, 1 failed"],
  });
});

test("a check that fails counts beside tests that pass", async () => {
  expect(await summarise([file("passed")], "npm run check failed")).toEqual({
    status: 1,
    lines: ["npm run check failed", "1 passed, 1 failed"],
  });
});

test("an error outside of all tests fails the run", async () => {
  expect(await summarise([file("passed")], "npm test failed")).toEqual({
    status: 1,
    lines: ["npm test failed", "1 passed, 1 failed"],
  });
});

test("a run without tests, or without a report, has failed", async () => {
  const nothing = { status: 1, lines: ["no test has run", "0 passed, 1 failed"] };
  expect(await summarise([])).toEqual(nothing);
  expect(await summarise("")).toEqual(nothing);
});
