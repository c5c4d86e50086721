/** `deskwire new-connector`: what it writes passes its own tests, is well typed, and loads; what it cannot write it refuses. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { builtIn } from "../../connectors/index.ts";
import { createPluginLoader } from "../../plugins/load.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";
import { newConnector } from "./new-connector.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const main = join(root, "core/cli/deskwire.mjs");

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function tempFolder(): Promise<string> {
  const folder = await realpath(await makeTempFolder("new-connector"));
  folders.push(folder);
  return folder;
}

async function run(cwd: string, program: string, ...args: string[]) {
  // The runner of this test tells its children of itself.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: chunks.join("") };
}

const deskwire = (cwd: string, ...args: string[]) =>
  run(cwd, process.execPath, main, "new-connector", ...args);

/** What `npm install` would bring, without a registry. */
async function linkPackages(folder: string): Promise<void> {
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, "@types"), { recursive: true });
  await symlink(root, join(modules, "deskwire"));
  for (const name of ["zod", "@types/node"])
    await symlink(join(root, "node_modules", name), join(modules, name));
}

test("in a folder of one's own it makes a package whose tests pass with nothing but Node, and that a hub loads", {
  timeout: 60_000,
}, async () => {
  const project = await tempFolder();
  const { code, output } = await deskwire(project, "shop-desk");
  expect(output).toMatch(/^shop-desk holds a connector that works/);
  expect(output).toContain(`shop-desk: { plugin: ${join(project, "shop-desk")}, `);
  expect(code).toBe(0);
  const folder = join(project, "shop-desk");
  const files = ["README.md", "conformance.test.ts", "index.ts", "package.json"];
  expect((await readdir(folder)).sort()).toEqual(files);
  for (const file of files) expect(await readFile(join(folder, file), "utf8")).not.toMatch(/template.desk/i);
  await linkPackages(folder);

  const tested = await run(folder, process.execPath, "--test", "--test-reporter=spec");
  const grade = /shop-desk: (covered (\d+) of \2)\n/.exec(tested.output)?.[1];
  expect(grade, tested.output).toBeDefined();
  expect(await readFile(join(root, "docs/connector-authors.md"), "utf8")).toContain(`notedesk: ${grade}`);
  expect(tested.code).toBe(0);

  const { compilerOptions } = JSON.parse(await readFile(join(root, "tsconfig.json"), "utf8")) as object & {
    compilerOptions: object;
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  expect(await run(folder, join(root, "node_modules/.bin/tsc"), "-p", ".")).toEqual({ code: 0, output: "" });

  const loader = createPluginLoader({ builtIn, root: project });
  expect(await loader.load("./shop-desk", project)).toMatchObject({ name: "shop-desk" });
});

test("in a checkout it makes a connector beside the others, whose tests vitest runs with the others", {
  timeout: 60_000,
}, async () => {
  const checkout = await tempFolder();
  await writeFile(join(checkout, "package.json"), JSON.stringify({ private: true, type: "module" }));
  for (const name of ["plugins", "node_modules"]) await symlink(join(root, name), join(checkout, name));
  await newConnector({ name: "fax2", into: undefined, cwd: checkout, root: checkout });
  const folder = join(checkout, "connectors/fax2");
  expect((await readdir(folder)).sort()).toEqual(["README.md", "conformance.test.ts", "index.ts"]);
  expect(await readFile(join(folder, "index.ts"), "utf8")).toContain('"../../plugins/toolkit/note.ts"');

  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = ["run", "--root", checkout, "--testTimeout", "30000", "connectors/fax2"];
  const tested = await run(checkout, process.execPath, vitest, ...args);
  expect(tested.output).toMatch(/fax2: covered (\d+) of \1\n/);
  expect(tested.code, tested.output).toBe(0);

  const loader = createPluginLoader({ builtIn: {}, root: checkout });
  expect(await loader.load("./connectors/fax2", checkout)).toMatchObject({ name: "fax2" });
});

test.each([
  [[], "say how the connector is called"],
  [["Shop Desk"], '"Shop Desk" is no name for a connector'],
  [["../x"], '"../x" is no name for a connector'],
  [["a".repeat(41)], "at most 40"],
  [["email"], '"email" is built in already (api, '],
])("it refuses the name %j, says why, and writes nothing", async (args, reason) => {
  const project = await tempFolder();
  const { code, output } = await deskwire(project, ...args);
  expect(output).toContain(reason);
  expect(output.trim().split("\n")).toHaveLength(1);
  expect(code).toBe(2);
  expect(await readdir(project)).toEqual([]);
});

test("it writes into an empty folder, and never over what is there", async () => {
  const project = await tempFolder();
  await mkdir(join(project, "mine"));
  expect((await deskwire(project, "fax", "--into", "mine")).code).toBe(0);
  await writeFile(join(project, "mine/index.ts"), "// my work");
  const again = await deskwire(project, "fax", "--into", "mine");
  expect(again.output).toBe(`${join(project, "mine")} is there already and not empty: nothing was written\n`);
  expect(again.code).toBe(2);
  expect(await readFile(join(project, "mine/index.ts"), "utf8")).toBe("// my work");
  const onFile = await deskwire(project, "fax", "--into", "mine/index.ts");
  expect(onFile.output).toContain("is a file");
});

test("through a link into the checkout its imports lead to where it really lies, and a link that leads nowhere is refused", async () => {
  const checkout = await tempFolder();
  await symlink(join(root, "plugins"), join(checkout, "plugins"));
  await mkdir(join(checkout, "connectors/ours"), { recursive: true });
  const elsewhere = await tempFolder();
  await symlink(join(checkout, "connectors/ours"), join(elsewhere, "link"));
  const options = { name: "fax3", cwd: elsewhere, root: checkout };
  await newConnector({ ...options, into: "link/deep/fax3" });
  const made = await readFile(join(checkout, "connectors/ours/deep/fax3/index.ts"), "utf8");
  expect(made).toContain('"../../../../plugins/toolkit/note.ts"');

  await symlink(join(elsewhere, "nowhere"), join(elsewhere, "dangling"));
  for (const into of ["dangling", "dangling/fax3"])
    await expect(newConnector({ ...options, into })).rejects.toMatchObject({
      kind: "config",
      message: expect.stringContaining("is a link that leads nowhere"),
    });
  expect((await readdir(elsewhere)).sort()).toEqual(["dangling", "link"]);
});
