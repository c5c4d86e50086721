import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { describeWith, findProgram, missingPrograms } from "./system-packages.ts";

test("a program is either found or missing", () => {
  expect(missingPrograms().includes("chromium")).toBe(findProgram("chromium") === undefined);
});

describeWith("chromium", "the browser for tests", (path) => {
  test("runs", () => {
    expect(spawnSync(path, ["--version"], { encoding: "utf8" }).stdout).toMatch(/chrom/i);
  });
});
