/** Loads one company's file. */
import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import type { AnyConnector } from "../plugins/contract/connector.ts";
import { describeError } from "../plugins/contract/errors.ts";
import { valueAt } from "./explain.ts";
import { digestFolders, digestOf, sharedDigestOf, statOrNull } from "./files.ts";
import type { Path } from "./mistakes.ts";
import { type ReferenceSources, type Resolved, resolveReferences } from "./references.ts";
import { companyIdPattern, companySchema, connectorEntrySchema, type DrafterConfig } from "./schema.ts";
import type { Company, ConnectorInstance, Mistake } from "./types.ts";
import { check } from "./validate.ts";
import { readYamlFile, type YamlFile } from "./yaml-file.ts";

export type LoadPlugin = (reference: string, fromDir: string) => Promise<AnyConnector>;

/** The hub's own drafter, with digests as a company has them. */
export interface HubDrafter {
  readonly config: DrafterConfig;
  readonly digest: string;
  readonly sharedDigest: string;
}

export interface CompanyOptions {
  /** Absolute. */
  readonly path: string;
  /** As it is shown in mistakes. */
  readonly shown: string;
  readonly sources: ReferenceSources;
  readonly loadPlugin: LoadPlugin;
  /** Used where the company has no drafter of its own. */
  readonly hubDrafter: HubDrafter;
  /** A connector that is taken as enabled, whatever its entry says. */
  readonly enable?: string;
}

export interface CompanyResult {
  readonly id: string;
  /** Null where there are mistakes. */
  readonly company: Company | null;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
  /** Files and folders to watch, beside the company's own file. */
  readonly watched: string[];
  /** True where it has no drafter of its own, and so depends on the hub's. */
  readonly usesHubDrafter: boolean;
  /** For mistakes found later, across companies. */
  readonly file: YamlFile;
}

/** Reads, resolves and checks. What is wrong is in `mistakes`; only a programmer's error is thrown. */
export async function loadCompany(options: CompanyOptions): Promise<CompanyResult> {
  const { path, shown, sources, enable } = options;
  const id = path.replace(/^.*\//, "").replace(/\.yaml$/, "");
  const read = await readYamlFile(path, shown, "mistake");
  const file = { ...read, value: read.value && withoutDisabled(read.value, enable) };
  const mistakes = [...file.mistakes];
  if (!companyIdPattern.test(id)) {
    const message = `expected a file name of a-z, 0-9 and - (40 characters at most) before .yaml, got "${id}"`;
    mistakes.push({ file: shown, line: 0, field: "", message });
  }
  if (!file.value)
    return { id, company: null, mistakes, warnings: [], watched: [], file, usesHubDrafter: true };

  const resolved = await resolveReferences(file, path, sources);
  mistakes.push(...resolved.mistakes);
  const checked = await check(companySchema, { file, resolved });
  mistakes.push(...checked.mistakes);
  const connectors = await loadConnectors(file, resolved, options);
  mistakes.push(...connectors.mistakes);
  const folders = await findFolders(id, path, file, resolved);
  mistakes.push(...folders.mistakes);

  const result = {
    id,
    mistakes,
    warnings: [...checked.warnings, ...connectors.warnings],
    file,
    usesHubDrafter: !checked.output?.drafter,
  };
  const watched = [...resolved.files, folders.knowledge, folders.macros];
  if (mistakes.length > 0 || !checked.output) return { ...result, company: null, watched };
  const { name, demo, keys, drafter, classifier } = checked.output;
  const articles = await digestFolders([folders.knowledge, folders.macros]);
  const parts = (hubDrafter: string) => [id, resolved.value, drafter ? null : hubDrafter, articles];
  const company: Company = {
    id,
    file: path,
    name,
    demo,
    keys: Object.entries(keys).map(([keyName, secret]) => ({ name: keyName, secret })),
    drafter: drafter ?? options.hubDrafter.config,
    classifier,
    knowledgeDir: folders.knowledge,
    macrosDir: folders.macros,
    connectors: connectors.instances,
    // Where the folders lie is another thing on each node.
    digest: digestOf([parts(options.hubDrafter.digest), folders]),
    sharedDigest: sharedDigestOf(parts(options.hubDrafter.sharedDigest)),
  };
  return { ...result, company, watched };
}

/** A disabled connector keeps nothing but that: its secrets need not be there, its plugin need not load. */
function withoutDisabled(value: Record<string, unknown>, enable?: string): Record<string, unknown> {
  const { connectors } = value;
  if (typeof connectors !== "object" || connectors === null || Array.isArray(connectors)) return value;
  const kept = Object.entries(connectors).map(([instance, entry]) => {
    // An entry with nothing under it asks for a connector with all its defaults.
    if (entry === null) return [instance, {}];
    if (instance === enable) return [instance, entry];
    return [instance, valueAt(entry, ["enabled"]) === false ? { enabled: false } : entry];
  });
  return { ...value, connectors: Object.fromEntries(kept) };
}

interface Connectors {
  readonly instances: Map<string, ConnectorInstance>;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
}

async function loadConnectors(
  file: YamlFile,
  resolved: Resolved,
  options: CompanyOptions,
): Promise<Connectors> {
  const result: Connectors = { instances: new Map(), mistakes: [], warnings: [] };
  const entries = valueAt(resolved.value, ["connectors"]);
  if (typeof entries !== "object" || entries === null || Array.isArray(entries)) return result;
  for (const [instance, entry] of Object.entries(entries)) {
    const base = ["connectors", instance];
    // What is wrong with the entry itself, the company's schema has said.
    const own = await check(connectorEntrySchema, { file, resolved, base });
    if (!own.output || !(own.output.enabled || instance === options.enable)) continue;
    const plugin = own.output.plugin ?? instance;
    let spec: AnyConnector;
    try {
      spec = await options.loadPlugin(plugin, dirname(options.path));
    } catch (error) {
      const at: Path = own.output.plugin === undefined ? base : [...base, "plugin"];
      result.mistakes.push(file.at(at, describeError(error)));
      continue;
    }
    const { plugin: _plugin, enabled: _enabled, ...settings } = entry as Record<string, unknown>;
    const checked = await check(spec.config as z.ZodType, { file, resolved, base, value: settings });
    result.mistakes.push(...checked.mistakes);
    result.warnings.push(...checked.warnings);
    if (checked.mistakes.length > 0) continue;
    result.instances.set(instance, {
      instance,
      plugin,
      spec,
      config: checked.output,
      digest: digestOf([plugin, settings]),
    });
  }
  return result;
}

async function findFolders(id: string, path: string, file: YamlFile, resolved: Resolved) {
  const mistakes: Mistake[] = [];
  const find = async (field: "knowledge" | "macros") => {
    const named = resolved.value[field];
    if (typeof named !== "string") return join(dirname(path), id, field);
    const folder = resolve(dirname(path), named);
    if (!(await statOrNull(folder))?.isDirectory()) {
      mistakes.push(file.at([field], `expected a folder, and there is none at ${folder}`));
    }
    return folder;
  };
  return { knowledge: await find("knowledge"), macros: await find("macros"), mistakes };
}
