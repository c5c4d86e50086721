/** Loads the hub's own settings, and finds the folder in which it keeps its state. */
import { createHash } from "node:crypto";
import { basename, join, resolve } from "node:path";
import type { HubDrafter } from "./company.ts";
import type { Environment } from "./environment.ts";
import { digestOf, sharedDigestOf } from "./files.ts";
import { openGeneratedSecrets } from "./generated-secrets.ts";
import { type ReferenceSources, type Resolved, resolveReferences } from "./references.ts";
import { drafterSchema, type HubConfig, hubSchema } from "./schema.ts";
import type { Mistake } from "./types.ts";
import { check } from "./validate.ts";
import { readYamlFile } from "./yaml-file.ts";

export interface HubOptions {
  /** The project's folder, absolute. */
  readonly dir: string;
  readonly stateDir?: string;
  readonly createSecrets: boolean;
  readonly isRoot?: boolean;
}

export interface Hub {
  readonly path: string;
  readonly config: HubConfig | null;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
  readonly stateDir: string;
  readonly sources: ReferenceSources;
  readonly files: string[];
  readonly drafter: HubDrafter;
  readonly digest: string;
}

/** Reads, resolves and checks hub.yaml, with the fields that environment variables set. */
export async function loadHub(
  options: HubOptions,
  environment: Environment,
  configDir: string,
  show: (path: string) => string,
): Promise<Hub> {
  const path = join(configDir, "hub.yaml");
  const file = await readYamlFile(path, show(path), "empty");
  const env = environment.all;
  const { stateDir: named, ...rest } = file.value ?? {};
  // First by itself: generated secrets are kept in the folder that this field names.
  const first = await resolveReferences(
    { ...file, value: named === undefined ? {} : { stateDir: named } },
    path,
    { env, generated: null },
  );
  const stateDir = findStateDir(options, environment, first.value.stateDir, configDir);
  const sources = { env, generated: openGeneratedSecrets(stateDir, options.createSecrets) };
  const resolved = merge(first, await resolveReferences({ ...file, value: rest }, path, sources));
  // Text in place of settings or a list is left for the schema to refuse.
  for (const override of environment.overrides) setAt(resolved.value, override.path, override.value);
  const replaced = (at: readonly (string | number)[]) =>
    environment.overrides.find((one) => one.path.join() === at.join());
  const mistakes = [...file.mistakes, ...resolved.mistakes].filter(
    (mistake) => !environment.overrides.some((one) => one.path.join(".") === mistake.field),
  );
  const checked = await check(hubSchema, {
    file,
    resolved,
    elsewhere: (at) => {
      const override = replaced(at);
      return override ? { file: "environment", field: override.name } : null;
    },
  });
  mistakes.push(...checked.mistakes);
  const { drafter, ...others } = resolved.value;
  return {
    path,
    config: mistakes.length === 0 && checked.output ? withPaths(checked.output, configDir) : null,
    mistakes,
    warnings: checked.warnings,
    stateDir,
    sources,
    files: resolved.files,
    drafter: {
      config: checked.output?.drafter ?? drafterSchema.parse({}),
      digest: digestOf(drafter),
      sharedDigest: sharedDigestOf(drafter),
    },
    digest: digestOf([others, stateDir]),
  };
}

/** The config with the encoder's files as absolute paths. */
function withPaths(config: HubConfig, configDir: string): HubConfig {
  const { encoder } = config.classifier;
  if (!encoder) return config;
  const [model, tokenizer] = [resolve(configDir, encoder.model), resolve(configDir, encoder.tokenizer)];
  return { ...config, classifier: { ...config.classifier, encoder: { ...encoder, model, tokenizer } } };
}

function setAt(root: Record<string, unknown>, path: readonly (string | number)[], value: unknown): void {
  const [section, field] = path as [string, string];
  root[section] ??= {};
  const holder = root[section];
  if (typeof holder === "object" && !Array.isArray(holder))
    (holder as Record<string, unknown>)[field] = value;
}

function merge(a: Resolved, b: Resolved): Resolved {
  return {
    value: { ...a.value, ...b.value },
    mistakes: [...a.mistakes, ...b.mistakes],
    written: new Map([...a.written, ...b.written]),
    failed: new Set([...a.failed, ...b.failed]),
    files: [...a.files, ...b.files],
  };
}

function findStateDir(
  options: HubOptions,
  environment: Environment,
  named: unknown,
  configDir: string,
): string {
  const given = options.stateDir ?? environment.stateDir;
  if (given) return resolve(options.dir, given);
  if (typeof named === "string" && named !== "") return resolve(configDir, named);
  const isRoot = options.isRoot ?? process.getuid?.() === 0;
  if (!isRoot) return join(options.dir, ".deskwire");
  // Root's projects often lie under folders that PostgreSQL's own user may not enter.
  const hash = createHash("sha256").update(options.dir).digest("hex").slice(0, 8);
  return join("/var/lib/deskwire", `${basename(options.dir) || "root"}-${hash}`);
}
