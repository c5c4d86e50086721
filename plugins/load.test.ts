import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, contractVersion, defineConnector } from "./contract/connector.ts";
import { ConnectorError } from "./contract/errors.ts";
import { createPluginLoader } from "./load.ts";

const mail = defineConnector({
  name: "mail",
  core: "^1",
  config: z.strictObject({}),
  limits: { requests: 1, perMs: 1, concurrency: 1 },
  open: async () => ({}),
  check: async () => ({ ok: true }),
  close: async () => undefined,
  deliver: { as: "draft", put: async () => ({ externalId: "1", created: true }) },
});

/** A spec as an author without our types would write it; `changes` are source text, by field. */
function source(changes: Record<string, string> = {}, exported = "export default"): string {
  const fields = {
    name: '"own"',
    core: '"^1"',
    // A schema is known by its shape: a plugin may bring another copy of zod.
    config: "{ safeParseAsync: async (data) => ({ success: true, data }) }",
    limits: "{ requests: 10, perMs: 1000, concurrency: 1 }",
    open: "async () => ({})",
    check: "async () => ({ ok: true })",
    close: "async () => {}",
    serve: "{ handle: async () => null }",
    ...changes,
  };
  const lines = Object.entries(fields).map(([field, text]) => `  ${field}: ${text},`);
  return `${exported} {\n${lines.join("\n")}\n};\n`;
}

async function project(files: Record<string, string>, builtIn: Record<string, AnyConnector> = { mail }) {
  const root = await realpath(await mkdtemp(join(tmpdir(), "deskwire-plugins-")));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  for (const [path, text] of Object.entries(files)) await write(path, text);
  const { load } = createPluginLoader({ builtIn, root });
  const fault = async (reference: string): Promise<string> => {
    const error = await load(reference, root).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectorError);
    expect((error as ConnectorError).kind).toBe("config");
    return (error as ConnectorError).message;
  };
  return { root, load, fault, write };
}

const pkg = (fields: object) => JSON.stringify({ name: "deskwire-own", version: "1.0.0", ...fields });

describe("where plugins are found", () => {
  test("by built-in name", async () => {
    const { load, root } = await project({});
    expect(await load("mail", root)).toBe(mail);
  });

  test.each(["index.ts", "index.js", "index.mjs"])("by a path to a folder with %s", async (name) => {
    const { load, root } = await project({
      [`plugins/own/${name}`]: source(),
      "package.json": '{"type":"module"}',
    });
    expect((await load("./plugins/own", root)).name).toBe("own");
    expect((await load("../own", join(root, "plugins/other"))).name).toBe("own");
    expect((await load(join(root, "plugins/own"), "/")).name).toBe("own");
  });

  test("by a path to a file, TypeScript included, and by a named export", async () => {
    const { load, root } = await project({
      "own.ts": `const one: number = 1;\nexport const loads = one;\n${source({}, "export const connector =")}`,
    });
    expect((await load("./own.ts", root)).name).toBe("own");
  });

  test.each([
    ["an ES module", { "index.js": source() }, { type: "module", exports: "./index.js" }],
    [
      "one exported to import alone",
      { "dist/a.mjs": source() },
      { exports: { ".": { types: "./a.d.ts", import: "./dist/a.mjs" } } },
    ],
    ["CommonJS", { "index.js": source({}, "module.exports =") }, { main: "index.js" }],
    [
      "CommonJS made from TypeScript",
      { "index.js": `exports.__esModule = true;\n${source({}, "exports.default =")}` },
      {},
    ],
  ])("by the name of a package: %s", async (_, files, manifest) => {
    const inPackage = Object.entries(files).map(([name, text]) => [
      `node_modules/deskwire-own/${name}`,
      text,
    ]);
    const { load } = await project({
      ...Object.fromEntries(inPackage),
      "node_modules/deskwire-own/package.json": pkg(manifest),
    });
    expect((await load("deskwire-own", "/")).name).toBe("own");
  });

  test("a file is imported once, by whatever path it is named", async () => {
    const { load, root } = await project({
      "own/index.mjs": `globalThis.__imports = (globalThis.__imports ?? 0) + 1;\n${source()}`,
    });
    onTestFinished(() => void Reflect.deleteProperty(globalThis, "__imports"));
    const specs = await Promise.all([
      load("./own", root),
      load("./own/index.mjs", root),
      load("../own", join(root, "own")),
    ]);
    expect(new Set(specs).size).toBe(1);
    expect(Reflect.get(globalThis, "__imports")).toBe(1);
  });
});

describe("what is refused, and what is said", () => {
  test("a name that is nowhere", async () => {
    const { fault, root } = await project({});
    expect(await fault("mial")).toBe(
      `there is no plugin "mial": it is neither built in (mail) nor a package installed in ${root}; a path starts with ./; did you mean "mail"?`,
    );
    expect(await fault("./gone")).toBe(`the plugin "./gone" is not there: no file or folder ${root}/gone`);
    for (const name of ["constructor", "fs", "node:fs", "Not A Package", "a/../b", ""]) {
      expect(await fault(name)).toMatch(/^(there is no|the) p/);
    }
  });

  test("a folder without an index file, and a package without an entry", async () => {
    const { fault } = await project({
      "own/readme.md": "",
      "node_modules/deskwire-own/package.json": pkg({ exports: { "./other": "./other.js" } }),
    });
    expect(await fault("./own")).toContain("has no index.ts, index.js, index.mjs in its folder");
    expect(await fault("deskwire-own")).toContain('has no entry that can be imported: see "exports"');
  });

  test("a module that throws, does not parse, or lacks what it imports", async () => {
    const { fault, write, load, root } = await project({
      "throws.mjs": 'throw new Error("no licence key");',
      "broken.mjs": "export default {",
      "lacks.mjs": 'import "not-installed-here"; export default {};',
    });
    expect(await fault("./throws.mjs")).toBe(
      `the plugin "./throws.mjs" cannot be loaded from ${root}/throws.mjs: no licence key`,
    );
    expect(await fault("./broken.mjs")).toContain("cannot be loaded from");
    expect(await fault("./lacks.mjs")).toContain("not-installed-here");
    // Put right, it loads without a restart.
    await write("throws.mjs", source());
    expect((await load("./throws.mjs", root)).name).toBe("own");
  });

  test("a module that exports no connector", async () => {
    const { fault } = await project({
      "none.mjs": "export const x = 1;",
      "null.mjs": "export default null;",
    });
    expect(await fault("./none.mjs")).toContain(
      "exports no connector: expected `export default defineConnector({ … })`",
    );
    expect(await fault("./null.mjs")).toContain("exports no connector");
  });

  test("TypeScript inside a package, and a module that is put right, in plain Node", async () => {
    const { root } = await project({
      "node_modules/deskwire-own/index.ts": `const a: number = 1;\n${source()}`,
      "node_modules/deskwire-own/package.json": pkg({ type: "module", exports: "./index.ts" }),
      "own.ts": 'throw new Error("not yet");',
      "fixed.txt": source(),
      // The test runner compiles what it imports, Node by itself does not: hence a process of its own.
      "main.mjs": `import { copyFileSync } from "node:fs";
        import { createPluginLoader } from ${JSON.stringify(new URL("./load.ts", import.meta.url).href)};
        const { load } = createPluginLoader({ builtIn: {}, root: import.meta.dirname });
        const say = async (name) => console.log(await load(name, import.meta.dirname).then((spec) => spec.name, (e) => e.message));
        await say("deskwire-own");
        await say("./own.ts");
        copyFileSync(import.meta.dirname + "/fixed.txt", import.meta.dirname + "/own.ts");
        await say("./own.ts");`,
    });
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "main.mjs")]);
    expect(stdout.trim().split("\n")).toEqual([
      expect.stringContaining("ask for a version built to JavaScript"),
      expect.stringContaining("not yet"),
      "own",
    ]);
  });

  test("another version of the contract: which is wanted, which is here, and what to do", async () => {
    const { fault } = await project({
      "new.mjs": source({ core: '"^2"' }),
      "old.mjs": source({ core: '"^0.9"', pull: "5" }),
      "odd.mjs": source({ core: '"latest please"' }),
    });
    expect(await fault("./new.mjs")).toBe(
      `the plugin "./new.mjs" wants version ^2 of the connector contract, and this hub has ${contractVersion}: update Deskwire, or install an older version of the plugin`,
    );
    // The shape of another version is not held against it.
    expect(await fault("./old.mjs")).toBe(
      `the plugin "./old.mjs" wants version ^0.9 of the connector contract, and this hub has ${contractVersion}: install a version of the plugin that is written for ^1`,
    );
    expect(await fault("./odd.mjs")).toContain(
      'core: expected a version range such as "^1", got "latest please"',
    );
  });

  test("a spec with wrong fields: each is named", async () => {
    const { fault } = await project({
      "identity.mjs": source({ name: "undefined", core: "1" }),
      "shape.mjs": source({
        config: "{}",
        limits: '{ requests: 0, perMs: "1000" }',
        open: "undefined",
        pull: "{}",
        push: "{ verify: () => ({}), parse: null }",
        serve: "undefined",
        delivr: "{}",
        deliver: '{ as: "mail", put: async () => {} }',
        anything: "1",
      }),
      "useless.mjs": source({ serve: "undefined" }),
    });
    expect(await fault("./identity.mjs")).toContain(
      'is not a connector: name: expected a name of a-z, 0-9 and -, got nothing; core: expected a version range such as "^1", got 1',
    );
    expect((await fault("./shape.mjs")).split(" is not a connector: ")[1]?.split("; ")).toEqual([
      "config: expected a zod schema, got an object",
      "limits.requests: expected a number above 0, got 0",
      'limits.perMs: expected a number above 0 (milliseconds), got "1000"',
      "limits.concurrency: expected a whole number above 0, got nothing",
      "open: expected a function, got nothing",
      "pull.pages: expected a function, got nothing",
      "push.parse: expected a function, got null",
      'deliver.as: expected "draft", "internal-note" or "reply", got "mail"',
      "delivr: there is no such field",
      'did you mean "deliver"?',
    ]);
    expect(await fault("./useless.mjs")).toContain("expected at least one of them");
  });
});
