/** Checks resolved values against a schema and turns what is wrong into mistakes with file, line and field. */
import type { z } from "zod";
import { explainIssues, type Fault, factsOf, type SchemaFacts, showValue, valueAt } from "./explain.ts";
import type { Path } from "./mistakes.ts";
import { pathKey, type Resolved } from "./references.ts";
import type { Mistake } from "./types.ts";
import type { YamlFile } from "./yaml-file.ts";

export interface Checked<Output> {
  /** The schema's output, or null where there are mistakes. */
  readonly output: Output | null;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
}

export interface CheckOptions {
  readonly file: YamlFile;
  readonly resolved: Resolved;
  /** Where in the file the checked value stands. */
  readonly base?: Path;
  /** The value to check, where it is not simply the one at `base`. */
  readonly value?: unknown;
  /** Says for a path (from the file's root) that it was set elsewhere: the place and field to name instead. */
  readonly elsewhere?: (path: Path) => { file: string; field: string } | null;
}

/** Checks one value. A schema that throws by itself is a mistake too. */
export async function check<Schema extends z.ZodType>(
  schema: Schema,
  options: CheckOptions,
): Promise<Checked<z.output<Schema>>> {
  const { file, resolved, base = [] } = options;
  const facts = factsOf(schema);
  const secrets = secretValues(options, facts);
  const mistakeAt = ({ path, message }: Fault): Mistake => {
    const full = [...base, ...path];
    const text = hide(message, secrets);
    const other = options.elsewhere?.(full);
    return other ? { ...other, line: 0, message: text } : file.at(full, text);
  };
  const warnings = plainSecrets(valueAt(file.value, base), [], facts)
    .filter((path) => !resolved.written.has(pathKey([...base, ...path])))
    .filter((path) => !options.elsewhere?.([...base, ...path]))
    .map((path) =>
      file.at(
        [...base, ...path],
        "this secret stands in plain text; ${env:NAME} or ${file:PATH} keeps it out of the file",
      ),
    );
  try {
    const value = structuredClone("value" in options ? options.value : valueAt(resolved.value, base));
    let result = await schema.safeParseAsync(value);
    if (!result.success && repair(value, result.error.issues, options))
      result = await schema.safeParseAsync(value);
    if (result.success) return { output: result.data, mistakes: [], warnings };
    const show = (path: Path, found: unknown) =>
      shown([...base, ...path], found, facts.holdsSecret(path), resolved);
    const faults = explainIssues(result.error.issues, value, facts, show);
    // What follows from a reference that could not be replaced is no second mistake.
    const own = faults.filter(
      ({ path }) => !path.some((_, i) => resolved.failed.has(pathKey([...base, ...path.slice(0, i + 1)]))),
    );
    return { output: null, mistakes: own.map(mistakeAt), warnings };
  } catch (error) {
    const message = `the plugin's own check of its settings failed: ${error instanceof Error ? error.message : String(error)}`;
    return { output: null, mistakes: [mistakeAt({ path: [], message })], warnings };
  }
}

/**
 * Puts right what YAML and references cannot say: a section with nothing under it is an absent one, and text out of a
 * reference is a number or true/false where one of these is wanted. Returns whether anything changed.
 */
function repair(root: unknown, issues: readonly z.core.$ZodIssue[], options: CheckOptions): boolean {
  let changed = false;
  for (const issue of issues) {
    if (issue.code !== "invalid_type" || issue.path.length === 0) continue;
    const path = issue.path as Array<string | number>;
    const key = path.at(-1) as string | number;
    const parent = valueAt(root, path.slice(0, -1));
    if (typeof parent !== "object" || parent === null) continue;
    const holder = parent as Record<string | number, unknown>;
    const found = holder[key];
    if (found === null && !Array.isArray(parent) && ["object", "record", "array"].includes(issue.expected)) {
      delete holder[key];
      changed = true;
    }
    const full = [...(options.base ?? []), ...path];
    const fromText = options.resolved.written.has(pathKey(full)) || Boolean(options.elsewhere?.(full));
    const converted =
      fromText && typeof found === "string" ? convert(found.trim(), issue.expected) : undefined;
    if (converted !== undefined) {
      holder[key] = converted;
      changed = true;
    }
  }
  return changed;
}

function convert(text: string, expected: string): number | boolean | undefined {
  if ((expected === "number" || expected === "int") && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (expected === "boolean" && (text === "true" || text === "false")) return text === "true";
  return undefined;
}

function shown(path: Path, found: unknown, secret: boolean, resolved: Resolved): string {
  const written = resolved.written.get(pathKey(path));
  if (written !== undefined && (!secret || /^\$\{[^}]*\}$/.test(written))) return written;
  if (secret && typeof found !== "object") return "[secret]";
  return showValue(found);
}

/** Paths of strings that the schema calls secrets. */
function plainSecrets(value: unknown, path: Path, facts: SchemaFacts): Path[] {
  if (typeof value === "string") return facts.isSecret(path) ? [path] : [];
  if (typeof value !== "object" || value === null) return [];
  const entries: Array<[string | number, unknown]> = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return entries.flatMap(([key, item]) => plainSecrets(item, [...path, key], facts));
}

/** Values that must not turn up in a message, wherever it comes from: a plugin's schema may quote what it got. */
function secretValues({ resolved, file, base = [] }: CheckOptions, facts: SchemaFacts): string[] {
  const plain = plainSecrets(valueAt(file.value, base), base, {
    ...facts,
    isSecret: (path) => facts.isSecret(path.slice(base.length)),
  });
  const referred = [...resolved.written.keys()].map((key) => JSON.parse(key) as Path);
  return [...plain, ...referred]
    .map((path) => valueAt(resolved.value, path))
    .filter((value): value is string => typeof value === "string" && value.length >= 4)
    .sort((a, b) => b.length - a.length);
}

function hide(message: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => text.replaceAll(secret, "[secret]"), message);
}
