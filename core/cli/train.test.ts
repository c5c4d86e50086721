/** What is learnt from, on the command line: trained with, exported, and judged by. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TrainRequest } from "../../ml-service/train-schema.ts";
import { openDatabase } from "../store/database.ts";
import { takeLease } from "../store/leases.ts";
import { migrate } from "../store/migrate.ts";
import { databaseUrl, makeHubProject, runDeskwire, type TestProject } from "../testing/hub.ts";
import { storeLessons } from "../testing/lessons.ts";
import { createTestDatabase, type TestDatabase } from "../testing/postgres.ts";
import { quietLog } from "../testing/store.ts";
import { trained } from "../testing/teaching.ts";
import { train } from "./train.ts";

let project: TestProject;
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  const { connection } = database;
  project = await makeHubProject({ acme: "", beta: "" }, { database: { url: databaseUrl(connection) } });
  await migrate(connection);
  await withDatabase((db) => storeLessons(db, 20));
});
afterAll(async () => {
  await project.remove();
  await database.drop();
});

async function withDatabase(work: (db: ReturnType<typeof openDatabase>) => Promise<unknown>): Promise<void> {
  const db = openDatabase(database.connection, 4, quietLog);
  await work(db).finally(() => db.close());
}

const requests: TrainRequest[] = [];
async function run(
  options: { company?: string; full?: boolean } = {},
  answer: () => Promise<ReturnType<typeof trained>> = async () => trained({ leftOut: 2 }),
) {
  let output = "";
  const open = async () => (request: TrainRequest) => {
    requests.push(request);
    return answer();
  };
  const code = await train(project.dir, { company: "acme", full: false, ...options }, open, (text) => {
    output += text;
  });
  return { code, output };
}

test("a company is trained for at once, and what came of it is told in words", async () => {
  expect(await run()).toEqual({
    code: 0,
    output:
      "acme: a new model is in force (v1): better; 20 lessons, 2 left out since their labels are not in the config\n",
  });
  expect(
    await run({ full: true }, async () => trained({ outcome: "kept", version: null, message: "worse" })),
  ).toEqual({
    code: 0,
    output: "acme: the model in force stays, since the new one is worse: worse; 20 lessons\n",
  });
  expect(requests.map(({ company, reason }) => [company, reason])).toEqual([
    ["acme", "correction"],
    ["acme", "manual"],
  ]);
  expect(await run({ company: "beta" })).toEqual({
    code: 0,
    output: expect.stringMatching(/^beta: nothing was learnt: there are 0 lessons, and it takes 20/),
  });
});

test("a training that fails, or goes on elsewhere, ends with 1, and a company that is not there is told", async () => {
  expect(await run({}, () => Promise.reject(new Error("no memory")))).toEqual({
    code: 1,
    output: "acme: FAILED: no memory\n",
  });
  await withDatabase((db) => takeLease(db, "training:acme", "a node", 60_000));
  expect(await run()).toEqual({ code: 1, output: expect.stringContaining("try again") });
  const error = { kind: "config", message: expect.stringContaining("there is: acme, beta") };
  await expect(run({ company: "gamma" })).rejects.toMatchObject(error);
});

test("lessons are exported as JSON lines that the owner alone may read, and the classifier is judged by them", async () => {
  const printed = await runDeskwire(project.dir, ["export", "acme", "--lessons"]);
  const lines = printed.output.trimEnd().split("\n");
  expect(lines).toHaveLength(20);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    subject: "Subject 0",
    text: "Text 0",
    type: "incident",
  });

  const file = join(project.dir, "lessons.jsonl");
  const written = await runDeskwire(project.dir, ["export", "acme", "--lessons", "--out", file]);
  expect(written).toEqual({ code: 0, output: `acme: 20 lessons in ${file}\n` });
  expect(await readFile(file, "utf8")).toBe(printed.output);
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  const judged = await runDeskwire(project.dir, ["evaluate-model", "--data", file]);
  expect(judged.output).toMatch(/\| type +\| +20 \|/);
  const own = await runDeskwire(project.dir, ["evaluate-model", "--company", "acme"]);
  expect(own.output).toContain("on the corrections of acme");
  expect(own.output).toMatch(/\| type +\| +20 \|/);
});

test("what cannot be exported or judged is told, with what to do", async () => {
  const told = async (...args: string[]) => {
    const { code, output } = await runDeskwire(project.dir, args);
    return `${code} ${output}`;
  };
  expect(await told("export", "acme")).toMatch(/^2 say what to export: .*--lessons/);
  expect(await told("export", "acme", "--lessons", "--out", project.dir)).toMatch(/^2 cannot write .*--out/);
  expect(await told("evaluate-model", "--company", "beta")).toMatch(/^2 no label of beta's .*--data/);
});
