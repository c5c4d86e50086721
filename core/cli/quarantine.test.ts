/** The quarantine on the command line: listed, and read once more. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { databaseUrl, makeHubProject, runDeskwire, type TestProject } from "../testing/hub.ts";
import { createTestDatabase, type TestDatabase } from "../testing/postgres.ts";

const plugin = fileURLToPath(new URL("../testing/archive-connector.ts", import.meta.url));
const broken = (id: string) => ({
  id,
  by: "nobody",
  thread: id,
  at: "2026-01-05T10:00:00Z",
  text: "Where is my order?",
});
let database: TestDatabase;
let project: TestProject;
const configure = (mended: boolean) =>
  project.write(
    "config/companies/acme.yaml",
    `name: Acme\nconnectors:\n  mail: ${JSON.stringify({ plugin, mended, items: [broken("a"), broken("b\nforged line")] })}\n`,
  );
const replay = (...args: string[]) => runDeskwire(project.dir, ["replay", "--quarantine", ...args]);

beforeAll(async () => {
  database = await createTestDatabase();
  project = await makeHubProject({}, { database: { url: databaseUrl(database.connection) } });
  await configure(false);
});
afterAll(async () => {
  await database.drop();
  await project.remove();
});

test("items are listed with their reasons, kept while they cannot be read, and taken in when they can", {
  timeout: 60_000,
}, async () => {
  expect((await replay("--list")).output).toBe("nothing is in quarantine\n");
  const read = await runDeskwire(project.dir, ["backfill", "acme/mail", "--since", "2020-01-01"]);
  expect(read.output).toContain("2 in quarantine");

  const { code, output } = await replay("--list");
  expect(code).toBe(0);
  const lines = output.trim().split("\n");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^[0-9a-f-]{36} {2}acme\/mail {2}20\S+Z {2}b\\nforged line {2}nobody wrote it$/);
  const id = lines[1]?.slice(0, 36) ?? "";
  expect((await replay("--list", "--company", "beta")).output).toBe("nothing is in quarantine\n");

  const kept = await replay();
  expect(kept.output).toContain("2 items: 0 taken in, 2 still cannot be read\n");
  expect(kept.output).toContain(`${id}  acme/mail  a: nobody wrote it\n`);
  expect(kept.code).toBe(0);

  await configure(true);
  expect(await replay(id)).toEqual({ code: 0, output: "1 item: 1 taken in\n" });
  expect(await replay("--company", "acme")).toEqual({ code: 0, output: "1 item: 1 taken in\n" });
  expect((await replay("--list")).output).toBe("nothing is in quarantine\n");
});

test("what is no item's id is told", async () => {
  expect(await replay("first")).toMatchObject({
    code: 2,
    output: expect.stringContaining('"first" is not the id of an item'),
  });
});
