import { readdir } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { type CompanyResult, type LoadPlugin, loadCompany } from "./company.ts";
import { type Environment, pickEnvironment } from "./environment.ts";
import { didYouMean } from "./explain.ts";
import { digestOf } from "./files.ts";
import { type Hub, loadHub } from "./hub.ts";
import { ConfigError, inOrder } from "./mistakes.ts";
import { type HubConfig, type Role, roles } from "./schema.ts";
import type { Company, LoadedConfig, Mistake } from "./types.ts";

export interface LoadOptions {
  /** The project's folder, in which config/ lies. */
  readonly dir: string;
  /** Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Goes before hub.yaml and DESKWIRE_STATE_DIR; relative to `dir`. */
  readonly stateDir?: string;
  readonly loadPlugin: LoadPlugin;
  /** False to only look (`check`): generated secrets that are not there yet are not made, others stand in for them. */
  readonly createSecrets: boolean;
  /** Default: whether this process runs as root. */
  readonly isRoot?: boolean;
  /** A connector that is taken as enabled, whatever its entry says: for a look at it before it is. */
  readonly enable?: { readonly company: string; readonly connector: string };
}

/** The environment as Deskwire sees it. Everything else asks here, never process.env. */
export function readEnvironment(env: LoadOptions["env"] = process.env): Environment {
  return pickEnvironment(env);
}

/** Loads and checks everything. Throws a `ConfigError` with all mistakes of all files. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const project = resolve(options.dir);
  const environment = readEnvironment(options.env);
  const configDir = resolve(project, environment.configDir ?? "config");
  const show = (path: string) => shownPath(project, path);
  const hub = await loadHub({ ...options, dir: project }, environment, configDir, show);
  const { active, mistakes: rolesMistakes } = readRoles(environment);
  const companies = active.some((role) => role !== "ml")
    ? await loadCompanies(configDir, show, hub, options)
    : noCompanies(configDir);
  const across = acrossCompanies(companies.results);
  const hubDigest = digestOf([hub.digest, active]);
  const watched = [
    ...new Set([
      hub.path,
      ...hub.files,
      companies.folder,
      ...companies.results.flatMap((one) => one.watched),
    ]),
  ];
  if (hub.config) rolesMistakes.push(...acrossNodes(hub.config, active, show(hub.path)));
  const mistakes = inOrder([...hub.mistakes, ...rolesMistakes, ...companies.mistakes, ...across.mistakes]);
  const good = companies.results.flatMap(({ id, company, usesHubDrafter }) =>
    company && !across.broken.has(id) && (hub.config || !usesHubDrafter) ? [company] : [],
  );
  const byId = new Map(good.map((company) => [company.id, company]));
  if (mistakes.length > 0 || !hub.config) {
    const broken = new Set([...companies.results.map(({ id }) => id), ...companies.misnamed]);
    for (const id of byId.keys()) broken.delete(id);
    const hubBroken = hub.mistakes.length + rolesMistakes.length > 0;
    throw new ConfigError(mistakes, {
      companies: byId,
      broken,
      complete: companies.results.length > 0,
      hubDigest: hubBroken ? null : hubDigest,
      watched,
    });
  }
  const warnings = inOrder([...hub.warnings, ...companies.results.flatMap((one) => one.warnings)]);
  return {
    hub: hub.config,
    roles: active,
    stateDir: hub.stateDir,
    companies: byId,
    warnings,
    hubDigest,
    watched,
  };
}

function shownPath(project: string, path: string): string {
  const inside = relative(project, path);
  return inside.startsWith("..") || isAbsolute(inside) ? path : inside.split(sep).join("/");
}

function readRoles(environment: Environment): { active: Role[]; mistakes: Mistake[] } {
  const known: readonly string[] = roles;
  const mistakes = environment.roles
    .filter((role) => !known.includes(role))
    .map((role): Mistake => {
      const near = didYouMean(role, known);
      const message = `expected roles out of ${roles.join(", ")}, got "${role}"${near ? `; did you mean "${near}"?` : ""}`;
      return { file: "environment", line: 0, field: "DESKWIRE_ROLES", message };
    });
  const active =
    environment.roles.length > 0 ? roles.filter((role) => environment.roles.includes(role)) : [...roles];
  return { active, mistakes };
}

/** What a node of many needs: a way to the others, and a database that all of them can reach. */
function acrossNodes({ nats, database }: HubConfig, active: readonly Role[], file: string): Mistake[] {
  const missing = roles.filter((role) => !active.includes(role));
  if (missing.length > 0 && nats.url === undefined) {
    const message = `expected nats.url (or DESKWIRE_NATS_URL), since this node leaves ${missing.join(", ")} to others; without DESKWIRE_ROLES one node does all`;
    return [{ file: "environment", line: 0, field: "DESKWIRE_ROLES", message }];
  }
  const needsDatabase = active.some((role) => role !== "ml");
  if (nats.url !== undefined && needsDatabase && database.url === undefined) {
    const message =
      "expected database.url (or DESKWIRE_DATABASE_URL) beside nats.url: the embedded database belongs to one process, nodes share one";
    return [{ file, line: 0, field: "database.url", message }];
  }
  return [];
}

async function loadCompanies(
  configDir: string,
  show: (path: string) => string,
  { sources, drafter: hubDrafter }: Pick<Hub, "sources" | "drafter">,
  { loadPlugin, enable }: Pick<LoadOptions, "loadPlugin" | "enable">,
): Promise<{ folder: string; results: CompanyResult[]; misnamed: string[]; mistakes: Mistake[] }> {
  const folder = join(configDir, "companies");
  const whole = (message: string, name = ""): Mistake => ({
    file: show(join(folder, name)),
    line: 0,
    field: "",
    message,
  });
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message =
      code === "ENOENT"
        ? "expected this folder, with a file such as acme.yaml for each company"
        : `cannot be read (${code})`;
    return { folder, results: [], misnamed: [], mistakes: [whole(message)] };
  }
  const misnamed = names.filter((name) => /\.ya?ml$/i.test(name) && !name.endsWith(".yaml"));
  const mistakes = misnamed.map((name) =>
    whole(`expected the ending .yaml: rename it to ${name.replace(/\.\w+$/, ".yaml")}`, name),
  );
  const files = names.filter((name) => name.endsWith(".yaml"));
  if (files.length === 0 && mistakes.length === 0)
    mistakes.push(whole("expected a file such as acme.yaml for each company, found none"));
  const results: CompanyResult[] = [];
  for (const name of files) {
    const path = join(folder, name);
    const own = enable?.company === stem(name) ? { enable: enable.connector } : {};
    results.push(await loadCompany({ path, shown: show(path), sources, loadPlugin, hubDrafter, ...own }));
  }
  return {
    folder,
    results,
    misnamed: misnamed.map(stem),
    mistakes: [...mistakes, ...results.flatMap((one) => one.mistakes)],
  };
}

/** A node that only classifies gets texts and gives labels: it needs no company's settings, and none of their secrets. */
function noCompanies(configDir: string): Awaited<ReturnType<typeof loadCompanies>> {
  return { folder: join(configDir, "hub.yaml"), results: [], misnamed: [], mistakes: [] };
}

const stem = (name: string) => name.replace(/\.\w+$/, "");

/** What no company's file shows by itself: an API key must say whose it is, and the demo page has one place. */
function acrossCompanies(results: readonly CompanyResult[]): { mistakes: Mistake[]; broken: Set<string> } {
  const mistakes: Mistake[] = [];
  const broken = new Set<string>();
  const keys = new Map<string, { id: string; name: string }>();
  let demo: Company | undefined;
  for (const { id, company, file } of results) {
    if (!company) continue;
    for (const { name, secret } of company.keys) {
      const first = keys.get(secret.reveal());
      if (!first) {
        keys.set(secret.reveal(), { id, name });
        continue;
      }
      mistakes.push(
        file.at(
          ["keys", name],
          `expected a key of its own, got the same as keys.${first.name} of ${first.id}`,
        ),
      );
      broken.add(id).add(first.id);
    }
    if (!company.demo) continue;
    if (demo) {
      mistakes.push(file.at(["demo"], `expected one company with a demo at most; ${demo.id} has it already`));
      broken.add(id).add(demo.id);
    }
    demo ??= company;
  }
  return { mistakes, broken };
}
