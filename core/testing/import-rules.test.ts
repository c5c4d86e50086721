/** The arrows between folders are held by the linter: what it must refuse, and what it must let through. */
import { spawnSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "./temp-folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const refused: Record<string, string> = {
  "plugins/contract/up.ts": "../load.ts",
  "plugins/up.ts": "../core/lib/ids.ts",
  "plugins/kit/up.ts": "../load.ts",
  "plugins/kit/checks/up.ts": "../../spec-faults.ts",
  "plugins/kit/core.ts": "../../core/lib/ids.ts",
  "plugins/kit/connector.ts": "../../connectors/api/index.ts",
  "plugins/toolkit/up.ts": "../load.ts",
  "plugins/toolkit/kit.ts": "../kit/world.ts",
  "plugins/toolkit/core.ts": "../../core/lib/ids.ts",
  "connectors/mail/core.ts": "../../core/lib/ids.ts",
  "connectors/mail/loader.ts": "../../plugins/load.ts",
  "connectors/mail/kit.ts": "../../plugins/kit/world.ts",
  "config/up.ts": "../core/lib/ids.ts",
  "ml-service/core.ts": "../core/lib/ids.ts",
  "ml-service/kernels/up.ts": "../features.ts",
  "core/lib/up.ts": "../store/database.ts",
  "core/lib/config.ts": "../../config/types.ts",
  "core/store/beside.ts": "../queue/queue.ts",
  "core/store/up.ts": "../pipeline/stages.ts",
  "core/queue/beside.ts": "../store/database.ts",
  "core/blobs/up.ts": "../pipeline/stages.ts",
  "core/llm/up.ts": "../hosting/push.ts",
  "core/pipeline/up.ts": "../hosting/push.ts",
  "core/pipeline/model.ts": "../../ml-service/model.ts",
  "core/pipeline/beside.ts": "../learning/teach.ts",
  "core/learning/beside.ts": "../pipeline/stages.ts",
  "core/learning/up.ts": "../hosting/push.ts",
  "core/learning/model.ts": "../../ml-service/model.ts",
  "core/hosting/up.ts": "../services/health.ts",
  "core/hosting/connector.ts": "../../connectors/api/index.ts",
  "core/services/up.ts": "../cli/start.ts",
  "core/services/root.ts": "../../moleculer.config.ts",
  "core/learning/parts.ts": "../parts/classifier.ts",
  "core/parts/up.ts": "../services/health.ts",
  "ml-service/parts.ts": "../core/parts/classifier.ts",
};

const allowed: Record<string, string> = {
  "connectors/mail/contract.ts": "../../plugins/contract/events.ts",
  "connectors/mail/toolkit.ts": "../../plugins/toolkit/note.ts",
  "plugins/toolkit/contract.ts": "../contract/events.ts",
  "connectors/mail/conformance.test.ts": "../../plugins/kit/conformance.ts",
  "plugins/kit/contract.ts": "../contract/events.ts",
  "plugins/kit/checks/within.ts": "../world.ts",
  "core/store/down.ts": "../lib/ids.ts",
  "core/pipeline/down.ts": "../store/database.ts",
  "core/pipeline/schema.ts": "../../ml-service/classify-schema.ts",
  "core/learning/down.ts": "../store/database.ts",
  "core/learning/schema.ts": "../../ml-service/train-schema.ts",
  "core/hosting/down.ts": "../pipeline/stages.ts",
  "core/services/down.ts": "../hosting/push.ts",
  "core/pipeline/config.ts": "../../config/types.ts",
};

let dir: string;
beforeAll(async () => {
  dir = await makeTempFolder("lint");
  const rules = JSON.parse(await readFile(join(root, "biome.json"), "utf8")) as Record<string, unknown>;
  await writeFile(
    join(dir, "biome.json"),
    JSON.stringify({ ...rules, $schema: undefined, vcs: { enabled: false } }),
  );
  for (const [path, imported] of Object.entries({ ...refused, ...allowed })) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), `import { x } from "${imported}";\n\nexport const y = x;\n`);
  }
  const circle = (other: string) => `import { x } from "./${other}.ts";\n\nexport const y = x;\n`;
  await writeFile(join(dir, "core/lib/round.ts"), circle("about"));
  await writeFile(join(dir, "core/lib/about.ts"), circle("round"));
  const typed = (own: string, other: string) =>
    `import type { ${other} } from "./${other}.ts";\n\nexport type ${own} = ${other}[];\n`;
  await writeFile(join(dir, "core/lib/egg.ts"), typed("egg", "hen"));
  await writeFile(join(dir, "core/lib/hen.ts"), typed("hen", "egg"));
});
afterAll(() => rm(dir, { recursive: true }));

/** The files that a rule finds fault with. */
function lint(rule: string): string[] {
  const args = ["lint", `--only=${rule}`, "--reporter=json", "--max-diagnostics=none", "."];
  const { stdout } = spawnSync(join(root, "node_modules/.bin/biome"), args, { cwd: dir, encoding: "utf8" });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: Array<{ location: { path: string | { file: string } } }>;
  };
  const paths = diagnostics.map(({ location: { path } }) => (typeof path === "string" ? path : path.file));
  return [...new Set(paths)].sort();
}

test("imports that point up, or beside, are refused; those that point down pass", () => {
  expect(lint("style/noRestrictedImports")).toEqual(Object.keys(refused).sort());
});

test("imports in a circle are refused, those of types as well", () => {
  const circles = ["about", "egg", "hen", "round"].map((name) => `core/lib/${name}.ts`);
  expect(lint("suspicious/noImportCycles")).toEqual(circles);
});
