/** deskwire evaluate-model as an operator runs it: on a file, with mistakes in it, and without one. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runDeskwire } from "../testing/hub.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";

let folder: string;
beforeAll(async () => {
  folder = await makeTempFolder("evaluate");
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command in the folder, which is no project: it needs none. */
const run = (...args: string[]) => runDeskwire(folder, ["evaluate-model", ...args]);
const write = async (name: string, content: string) => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
const tickets = [
  "subject,text,type,department",
  "Parcel,Where is my parcel?,question,shipping",
  "Invoice,I was charged twice for one order,incident,billing",
  "Broken,too,many,columns,here",
  "Login,I cannot log in since yesterday,incident,Kundendienst",
].join("\n");

test("prints a report with what was left out and which labels are unknown", async () => {
  const { code, output } = await run("--data", await write("tickets.csv", tickets));
  expect(output).toContain("# How good default@2.0.0 is on tickets.csv");
  expect(output).toContain("1 row was left out (line 4: more or fewer columns than the heading).");
  expect(output).toMatch(/department: labels that the model does not have count as wrong: Kundendienst 1/);
  expect(output).toMatch(/\| type +\| +3 \|/);
  expect(code).toBe(0);
});

test("writes Markdown and a page into a folder, with a curve where asked for", async () => {
  const out = join(folder, "reports/today");
  const { code, output } = await run(
    "--data",
    await write("tickets.jsonl", '{"text":"Where is my parcel?","type":"question"}\n'),
    "--out",
    out,
    "--curve",
  );
  expect(output).toBe(`${join(out, "evaluation.md")}\n${join(out, "evaluation.html")}\n`);
  expect(code).toBe(0);
  expect(await readFile(join(out, "evaluation.md"), "utf8")).toContain(
    "too few, or too alike, for a learning curve",
  );
  expect(await readFile(join(out, "evaluation.html"), "utf8")).toMatch(/^<!doctype html>/);
});

test("says what it needs where there is no file, none of use, or no model", async () => {
  expect(await run()).toMatchObject({
    code: 2,
    output: expect.stringMatching(/--data FILE.csv.*text.*type/),
  });
  expect(await run("--data", join(folder, "none.csv"))).toMatchObject({
    code: 2,
    output: expect.stringMatching(/^cannot read .*none\.csv: correct the path/),
  });
  const data = await write("odd.csv", "a,b\n1,2\n");
  expect(await run("--data", data)).toMatchObject({
    code: 2,
    output: expect.stringMatching(/odd\.csv lacks columns.*found: a, b/),
  });
  expect(await run("--data", data, "--model", join(folder, "none.bin"))).toMatchObject({
    code: 2,
    output: expect.stringMatching(/^cannot read the model/),
  });
  const good = await write("good.csv", tickets);
  expect(await run("--data", good, "--out", good)).toMatchObject({
    code: 2,
    output: expect.stringMatching(/^cannot write to .*--out/),
  });
});
