/** Replaces `${env:NAME}`, `${file:PATH}` and `${generated:NAME}` in config values; `$${` is a literal `${`. */
import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { GeneratedSecrets } from "./generated-secrets.ts";
import type { Path } from "./mistakes.ts";
import type { Mistake } from "./types.ts";
import type { YamlFile } from "./yaml-file.ts";

/** The largest file taken by `${file:}`, in bytes. */
const maxFileBytes = 1_000_000;

export interface ReferenceSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Null where generated secrets cannot be had: in the setting that says where they are kept. */
  readonly generated: GeneratedSecrets | null;
}

/** Plain values after the references are replaced, and which of them came from one. */
export interface Resolved {
  readonly value: Record<string, unknown>;
  readonly mistakes: Mistake[];
  /** Text as written, by the JSON of its path: for what came from references, and so must not be shown resolved. */
  readonly written: ReadonlyMap<string, string>;
  /** JSON paths whose reference could not be replaced: whatever else is wrong there follows from it. */
  readonly failed: ReadonlySet<string>;
  /** Absolute paths of files referred to, those that are missing too. */
  readonly files: string[];
}

export const pathKey = (path: Path): string => JSON.stringify(path);

/** Replaces the references in all strings of `file`. Names of fields are left as they are. */
export async function resolveReferences(
  file: YamlFile,
  absolutePath: string,
  sources: ReferenceSources,
): Promise<Resolved> {
  const mistakes: Mistake[] = [];
  const written = new Map<string, string>();
  const failed = new Set<string>();
  const files: string[] = [];
  const look = { ...sources, folder: dirname(absolutePath), files };

  const walk = async (value: unknown, path: Path): Promise<unknown> => {
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const [i, item] of value.entries()) items.push(await walk(item, [...path, i]));
      return items;
    }
    if (typeof value === "object" && value !== null) {
      const entries: Array<[string, unknown]> = [];
      for (const [key, item] of Object.entries(value)) entries.push([key, await walk(item, [...path, key])]);
      return Object.fromEntries(entries);
    }
    if (typeof value !== "string" || !value.includes("${")) return value;
    const result = await replaceReferences(value, look);
    if (result.referred) written.set(pathKey(path), value);
    if (result.faults.length > 0) failed.add(pathKey(path));
    for (const fault of result.faults) mistakes.push(file.at(path, fault));
    return result.text;
  };

  const value = (await walk(file.value ?? {}, [])) as Record<string, unknown>;
  return { value, mistakes, written, failed, files };
}

interface Look extends ReferenceSources {
  readonly folder: string;
  readonly files: string[];
}

/** Replaces the references in one string; a reference that cannot be replaced stays as written and is among `faults`. */
async function replaceReferences(
  text: string,
  look: Look,
): Promise<{ text: string; referred: boolean; faults: string[] }> {
  const faults: string[] = [];
  let out = "";
  let last = 0;
  let referred = false;
  for (const match of text.matchAll(/\$\$\{|\$\{([^}]*)(\}?)/g)) {
    out += text.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[0] === "$${") {
      out += "${";
      continue;
    }
    referred = true;
    const found = match[2]
      ? await lookUp(match[1] ?? "", look)
      : { fault: `expected a closing } after \${${match[1]}` };
    if ("fault" in found) {
      faults.push(found.fault);
      out += match[0];
    } else out += found.value;
  }
  return { text: out + text.slice(last), referred, faults };
}

type Found = { value: string } | { fault: string };

async function lookUp(reference: string, look: Look): Promise<Found> {
  const colon = reference.indexOf(":");
  const kind = reference.slice(0, Math.max(colon, 0));
  const name = reference.slice(colon + 1).trim();
  if (kind === "env") return fromEnvironment(name, look);
  if (kind === "file") return fromFile(name, look);
  if (kind === "generated") return fromGenerated(name, look);
  return {
    fault: `expected \${env:NAME}, \${file:PATH} or \${generated:NAME}, got \${${reference}}; for the characters themselves write $\${`,
  };
}

function fromEnvironment(name: string, { env }: Look): Found {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return { fault: `expected the name of an environment variable (letters, digits, _), got "${name}"` };
  }
  const value = env[name];
  if (value === undefined) return { fault: `expected the environment variable ${name}, which is not set` };
  if (value === "") return { fault: `expected the environment variable ${name}, which is empty` };
  return { value };
}

async function fromFile(name: string, { folder, files }: Look): Promise<Found> {
  if (name === "") return { fault: "expected a path after ${file:" };
  const path = resolve(folder, name);
  files.push(path);
  try {
    const found = await stat(path);
    if (!found.isFile()) return { fault: `expected the file ${path}, which is not a regular file` };
    if (found.size > maxFileBytes)
      return { fault: `expected the file ${path} to have ${maxFileBytes} bytes at most` };
    const bytes = await readFile(path);
    if (!isUtf8(bytes)) return { fault: `expected the file ${path} to be UTF-8 text` };
    return { value: bytes.toString("utf8").replace(/\r?\n$/, "") };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return {
      fault: `expected the file ${path}, which ${code === "ENOENT" ? "is missing" : `cannot be read (${code})`}`,
    };
  }
}

async function fromGenerated(name: string, { generated }: Look): Promise<Found> {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    return { fault: `expected a name of a-z, 0-9 and - after \${generated:, got "${name}"` };
  }
  if (!generated)
    return { fault: "expected ${env:NAME} or ${file:PATH}: generated secrets are kept in this very folder" };
  try {
    return { value: await generated.get(name) };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}
