/** The page on the conformance kit, as a reader would use it: its world against the connector of the page before, and its list. */
import { spawnSync } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeHubProject, type TestProject } from "../core/testing/hub.ts";
import { reference } from "../plugins/kit/broken/reference.ts";
import { referenceWorld } from "../plugins/kit/broken/reference-world.ts";
import { conformanceChecks } from "../plugins/kit/conformance.ts";
import { markdownTable } from "./table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = (name: string) => readFile(join(root, "docs", name), "utf8");

async function codeOf(name: string): Promise<string> {
  const code = /```ts\n([\s\S]*?)```/.exec(await page(name))?.[1];
  if (code === undefined) throw new Error(`${name} has no example`);
  return code;
}

let project: TestProject;
beforeAll(async () => {
  project = await makeHubProject({});
  await project.write("package.json", JSON.stringify({ private: true, type: "module" }));
  await project.write("notedesk/index.ts", await codeOf("connector-authors.md"));
  await project.write("notedesk/conformance.test.ts", await codeOf("conformance-kit.md"));
  const modules = join(project.dir, "node_modules");
  await mkdir(join(modules, "@types"), { recursive: true });
  await symlink(root, join(modules, "deskwire"));
  await symlink(join(root, "node_modules/zod"), join(modules, "zod"));
  await symlink(join(root, "node_modules/@types/node"), join(modules, "@types/node"));
});
afterAll(() => project?.remove());

test("the world has less than sixty lines, and its types are right", async () => {
  expect((await codeOf("conformance-kit.md")).trim().split("\n").length).toBeLessThan(60);
  const { compilerOptions } = JSON.parse(await readFile(join(root, "tsconfig.json"), "utf8")) as {
    compilerOptions: object;
  };
  await project.write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["notedesk"] }));
  const tsc = join(root, "node_modules/.bin/tsc");
  const { stdout, status } = spawnSync(tsc, ["-p", project.dir], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});

test("Node's own test runner passes it, with the grade that the page shows", async () => {
  const args = ["--test", "--test-reporter=spec", "notedesk/conformance.test.ts"];
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: project.dir, encoding: "utf8" });
  const grade = /```text\n([\s\S]*?)```/.exec(await page("conformance-kit.md"))?.[1] ?? "no grade";
  expect(stdout).toContain(grade);
  expect(status, stdout).toBe(0);
});

test("the page names all checks", async () => {
  const rows = conformanceChecks(referenceWorld(reference)).map(({ name, covers }) => [
    `\`${covers}\``,
    name,
  ]);
  expect(await page("conformance-kit.md")).toContain(markdownTable(["Block", "Check"], rows));
});
