/** Finds a connector plugin by its built-in name, a path or a package's name, and makes sure that it fits this hub. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire, findPackageJSON } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { closest, distance } from "fastest-levenshtein";
import semver from "semver";
import { type AnyConnector, contractVersion } from "./contract/connector.ts";
import { ConnectorError, describeError } from "./contract/errors.ts";
import { identityFaults, shapeFaults } from "./spec-faults.ts";

export interface PluginLoaderOptions {
  /** The connectors that come with Deskwire, by name. */
  readonly builtIn: Readonly<Record<string, AnyConnector>>;
  /** The project's folder: packages are looked for from here. */
  readonly root: string;
}

export interface PluginLoader {
  /**
   * Loads a plugin: the name of a built-in one, a path (`./x`, `../x`, `/x`: a file, or a folder with an index file), or
   * an installed package. A file is imported once; what failed to import is tried afresh the next time.
   * @param fromDir the folder that relative paths start from
   * @throws ConnectorError of kind `config`, whose message says what to do
   */
  load(reference: string, fromDir: string): Promise<AnyConnector>;
}

export function createPluginLoader({ builtIn, root }: PluginLoaderOptions): PluginLoader {
  const loaded = new Map<string, Promise<AnyConnector>>();
  const failures = new Map<string, number>();
  return {
    async load(reference, fromDir) {
      if (Object.hasOwn(builtIn, reference)) return checkPlugin(builtIn[reference], reference);
      const file = isPath(reference)
        ? findByPath(reference, fromDir)
        : findPackage(reference, root, Object.keys(builtIn));
      const before = loaded.get(file);
      if (before) return before;
      const attempt = importPlugin(file, reference, failures.get(file) ?? 0);
      loaded.set(file, attempt);
      try {
        return await attempt;
      } catch (error) {
        loaded.delete(file);
        failures.set(file, (failures.get(file) ?? 0) + 1);
        throw error;
      }
    },
  };
}

const isPath = (reference: string) => /^(\.{0,2}\/|\.{1,2}$)/.test(reference);

const fault = (message: string, cause?: unknown) => new ConnectorError("config", message, { cause });

const indexFiles = ["index.ts", "index.js", "index.mjs"];

function findByPath(reference: string, fromDir: string): string {
  const path = resolve(fromDir, reference);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw fault(`the plugin "${reference}" is not there: no file or folder ${path}`);
  if (found.isFile()) return realpathSync(path);
  const index = indexFiles.find((name) => statSync(join(path, name), { throwIfNoEntry: false })?.isFile());
  if (!index) {
    throw fault(`the plugin "${reference}" has no ${indexFiles.join(", ")} in its folder ${path}`);
  }
  return realpathSync(join(path, index));
}

function findPackage(name: string, root: string, builtIn: readonly string[]): string {
  const base = join(root, "package.json");
  try {
    return realpathSync(createRequire(base).resolve(name));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // require() does not see what a package exports to import alone.
    const entry = code === "ERR_PACKAGE_PATH_NOT_EXPORTED" ? importEntry(name, base) : null;
    if (entry) return realpathSync(entry);
    const manifest = code === "MODULE_NOT_FOUND" ? null : manifestOf(name, base);
    if (manifest)
      throw fault(
        `the package "${name}" has no entry that can be imported: see "exports" in ${manifest}`,
        error,
      );
    throw fault(notFound(name, root, builtIn));
  }
}

function notFound(name: string, root: string, builtIn: readonly string[]): string {
  const near = builtIn.length > 0 ? closest(name, builtIn) : "";
  const hint = near && distance(name, near) <= 2 ? `; did you mean "${near}"?` : "";
  const list = builtIn.length > 0 ? ` (${builtIn.join(", ")})` : "";
  return `there is no plugin "${name}": it is neither built in${list} nor a package installed in ${root}; a path starts with ./${hint}`;
}

function manifestOf(name: string, base: string): string | undefined {
  try {
    return findPackageJSON(name, pathToFileURL(base));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_")) return undefined;
    throw error;
  }
}

/** The file that `import` would take: the first match among the conditions of the package's "exports". */
function importEntry(name: string, base: string): string | null {
  const manifest = manifestOf(name, base);
  if (!manifest) return null;
  let target: unknown = JSON.parse(readFileSync(manifest, "utf8")).exports;
  while (typeof target === "object" && target !== null) {
    const conditions = target as Record<string, unknown>;
    const key = Object.keys(conditions).find((one) =>
      [".", "node", "import", "module-sync", "default"].includes(one),
    );
    target = key === undefined ? null : conditions[key];
  }
  return typeof target === "string" ? join(dirname(manifest), target) : null;
}

async function importPlugin(file: string, reference: string, failedBefore: number): Promise<AnyConnector> {
  // Node remembers a module that threw; another address makes it look again.
  const url = `${pathToFileURL(file).href}${failedBefore > 0 ? `?attempt=${failedBefore}` : ""}`;
  let module: Record<string, unknown>;
  try {
    module = await import(/* @vite-ignore */ url);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING") {
      throw fault(
        `the plugin "${reference}" is TypeScript inside a package, which Node does not run: ask for a version built to JavaScript`,
      );
    }
    throw fault(
      `the plugin "${reference}" cannot be loaded from ${file}: ${describeError(error)}`,
      undefined,
    );
  }
  return checkPlugin(specOf(module), reference, file);
}

/** The default export or `connector`; a default inside the default comes from TypeScript compiled to CommonJS. */
function specOf(module: Record<string, unknown>): unknown {
  const main = module.default as Record<string, unknown> | undefined | null;
  const candidates = [main?.default, main?.connector, main, module.connector];
  return candidates.find((one) => looksLikeSpec(one)) ?? main ?? module.connector;
}

function looksLikeSpec(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && ("open" in value || "core" in value || "name" in value)
  );
}

function checkPlugin(spec: unknown, reference: string, file?: string): AnyConnector {
  const place = file ? ` (${file})` : "";
  if (typeof spec !== "object" || spec === null) {
    throw fault(
      `the plugin "${reference}"${place} exports no connector: expected \`export default defineConnector({ … })\``,
    );
  }
  const fields = spec as Record<string, unknown>;
  refuse(identityFaults(fields), reference, place);
  shakeHands(String(fields.core), reference);
  refuse(shapeFaults(fields), reference, place);
  return spec as AnyConnector;
}

function refuse(faults: readonly string[], reference: string, place: string): void {
  if (faults.length > 0)
    throw fault(`the plugin "${reference}"${place} is not a connector: ${faults.join("; ")}`);
}

/** Compares the plugin's range with this hub's version of the contract. */
function shakeHands(range: string, reference: string): void {
  if (semver.validRange(range) === null) {
    throw fault(
      `the plugin "${reference}" is not a connector: core: expected a version range such as "^1", got "${range}"`,
    );
  }
  if (semver.satisfies(contractVersion, range)) return;
  const remedy = semver.ltr(contractVersion, range)
    ? "update Deskwire, or install an older version of the plugin"
    : `install a version of the plugin that is written for ^${semver.major(contractVersion)}`;
  throw fault(
    `the plugin "${reference}" wants version ${range} of the connector contract, and this hub has ${contractVersion}: ${remedy}`,
  );
}
