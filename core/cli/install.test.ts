import { spawnSync } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeTempFolder } from "../testing/temp-folder.ts";

interface Entry {
  version: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string;
  dependencies?: Record<string, string>;
}

let home: string;
let root: string;

beforeEach(async () => {
  home = await makeTempFolder("install");
  root = join(home, "a clone, with spaces");
  await mkdir(join(root, "core", "cli"), { recursive: true });
  await copyFile(
    fileURLToPath(new URL("install.mjs", import.meta.url)),
    join(root, "core", "cli", "install.mjs"),
  );
  await writeLock(lock);
  await fakeNpm("");
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const otherPlatform = process.platform === "linux" ? "darwin" : "linux";
const lock: Record<string, object> = {
  "": {
    dependencies: { alpha: "1.0.0" },
    devDependencies: { tools: "2.0.0" },
    optionalDependencies: { "only-elsewhere": "1.0.0", "not-here": "1.0.0" },
  },
  "node_modules/alpha": { version: "1.0.0", dependencies: { beta: "1.0.0" } },
  "node_modules/alpha/node_modules/beta": { version: "1.0.0" },
  "node_modules/beta": { version: "9.0.0", dev: true },
  "node_modules/tools": { version: "2.0.0", dev: true, dependencies: { beta: "9.0.0" } },
  "node_modules/only-elsewhere": {
    version: "1.0.0",
    optional: true,
    os: [otherPlatform],
    dependencies: { behind: "1" },
  },
  // Not bound to a platform itself, but only what is bound to one leads to it.
  "node_modules/behind": { version: "1.0.0", optional: true },
  "node_modules/not-here": { version: "1.0.0", optional: true, os: [`!${process.platform}`] },
};
const production: Record<string, Entry> = {
  "node_modules/alpha": { version: "1.0.0" },
  "node_modules/alpha/node_modules/beta": { version: "1.0.0" },
};
const everything: Record<string, Entry> = {
  ...production,
  "node_modules/beta": { version: "9.0.0", dev: true },
  "node_modules/tools": { version: "2.0.0", dev: true },
};

async function writeLock(packages: object): Promise<void> {
  await writeFile(join(root, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages }));
}

/** Makes node_modules look as npm leaves it. */
async function installed(packages: Record<string, Entry>): Promise<void> {
  for (const path of Object.keys(packages)) {
    await mkdir(join(root, path), { recursive: true });
    await writeFile(join(root, path, "package.json"), "{}");
  }
  await writeFile(join(root, "node_modules", ".package-lock.json"), JSON.stringify({ packages }));
}

/** An npm that notes what it was called with and then does `body`. */
async function fakeNpm(body: string): Promise<void> {
  const bin = join(home, "bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, "npm"), `#!/bin/sh\necho "$PWD: $*" >> '${home}/calls'\n${body}\n`);
  await chmod(join(bin, "npm"), 0o755);
}

/** An npm whose install succeeds with these packages. */
async function npmInstalls(packages: Record<string, Entry>): Promise<void> {
  const files = Object.keys(packages).map((path) => `mkdir -p '${path}'; echo '{}' > '${path}/package.json'`);
  const hidden = `echo '${JSON.stringify({ packages })}' > node_modules/.package-lock.json`;
  await fakeNpm(["rm -rf node_modules; mkdir node_modules", ...files, hidden].join("\n"));
}

function run(
  mode: string,
  env: Record<string, string> = {},
): { status: number | null; out: string; error: string } {
  const result = spawnSync(process.execPath, [join(root, "core", "cli", "install.mjs"), mode], {
    cwd: home,
    encoding: "utf8",
    env: { PATH: `${join(home, "bin")}:/usr/bin:/bin`, HOME: home, ...env },
  });
  return { status: result.status, out: result.stdout, error: result.stderr };
}

async function calls(): Promise<string[]> {
  try {
    return (await readFile(join(home, "calls"), "utf8")).trim().split("\n");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

test("nothing is said or done where all is there, whatever other systems would need", async () => {
  await installed(everything);
  expect(run("test")).toEqual({ status: 0, out: "", error: "" });
  expect(run("start")).toEqual({ status: 0, out: "", error: "" });
  expect(await calls()).toEqual([]);
});

test("the start does without the packages for tests, the tests do not", async () => {
  await installed(production);
  expect(run("start")).toEqual({ status: 0, out: "", error: "" });
  await npmInstalls(everything);
  const { status, out } = run("test");
  expect(status).toBe(0);
  expect(out).toBe("Installing with npm ci: tools, beta missing or out of date. This takes a minute.\n");
  expect(await calls()).toEqual([`${root}: ci --include=dev --include=optional`]);
});

test("a first start installs without the packages for tests", async () => {
  await npmInstalls(production);
  expect(run("start").status).toBe(0);
  expect(await calls()).toEqual([`${root}: ci --omit=dev --include=optional`]);
  expect(run("start")).toEqual({ status: 0, out: "", error: "" });
});

test("a start with a stale package keeps the packages for tests", async () => {
  await installed({ ...everything, "node_modules/alpha": { version: "0.9.0" } });
  await npmInstalls(everything);
  expect(run("start").out).toContain("alpha missing or out of date");
  expect(await calls()).toEqual([`${root}: ci --include=dev --include=optional`]);
});

test("a package whose folder was removed is missing", async () => {
  await installed(everything);
  await rm(join(root, "node_modules", "alpha", "node_modules", "beta"), { recursive: true });
  await npmInstalls(everything);
  expect(run("start").out).toContain("beta missing");
});

test("an optional package that npm leaves out is not asked for again", async () => {
  await writeLock({ ...lock, "node_modules/not-here": { version: "1.0.0", optional: true } });
  await npmInstalls(production);
  expect(run("start").status).toBe(0);
  expect(run("start")).toEqual({ status: 0, out: "", error: "" });
  expect(await calls()).toHaveLength(1);
});

test("the npm that called is used again, with the Node that it runs on", async () => {
  const script = join(home, "npm-cli.js");
  await writeFile(
    script,
    `require("fs").appendFileSync(${JSON.stringify(join(home, "calls"))}, "cli " + process.argv[2]);`,
  );
  expect(run("start", { npm_execpath: script, npm_node_execpath: process.execPath }).error).toContain(
    "npm ci left packages out: node_modules/alpha, node_modules/alpha/node_modules/beta",
  );
  expect(await calls()).toEqual(["cli ci"]);
});

test("an unreachable registry is named as the reason", async () => {
  await fakeNpm("echo 'npm warn old'; echo 'npm error code ENOTFOUND' >&2; exit 1");
  const { status, error } = run("start");
  expect(status).toBe(1);
  expect(error).toContain("npm error code ENOTFOUND\n\nnpm ci failed (1). npm could not reach its registry.");
  expect(error).not.toContain("old");
});

test("a missing npm is named as the reason", async () => {
  await rm(join(home, "bin", "npm"));
  expect(run("start", { PATH: join(home, "bin") }).error).toContain(
    "npm was not found. Install Node 24 with npm",
  );
});

test("a missing lock file is named as the reason", async () => {
  await rm(join(root, "package-lock.json"));
  expect(run("start").error).toContain("package-lock.json is missing or damaged");
});

test("a wrong argument is answered with the usage", () => {
  expect(run("everything")).toMatchObject({
    status: 1,
    error: expect.stringContaining("install.mjs start|test"),
  });
});

test("a Node from npm that does not run here makes way for the system's", async () => {
  await installed(everything);
  await mkdir(join(root, "node_modules", ".bin"));
  await writeFile(join(home, "broken"), "#!/does/not/exist\n", { mode: 0o755 });
  await symlink(join(home, "broken"), join(root, "node_modules", ".bin", "node"));
  expect(run("start")).toEqual({ status: 0, out: "", error: "" });
  await expect(readFile(join(root, "node_modules", ".bin", "node"))).rejects.toMatchObject({
    code: "ENOENT",
  });
});
