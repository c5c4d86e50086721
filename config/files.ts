/** Looks at files and folders of the configuration: what is there, and whether it has changed. */
import { createHmac, randomBytes } from "node:crypto";
import type { Dirent } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { deepestFolder, isMarkdownName, largestFile, mostFiles } from "./knowledge-files.ts";

/** Keyed anew in each process: a digest says that two values differ, and nothing about a short secret among them. */
const digestKey = randomBytes(32);

/** The same in all processes: for what goes to other nodes, and nowhere else. */
const sharedKey = "deskwire config";

function digestWith(key: string | Buffer, value: unknown): string {
  const sorted = JSON.stringify(value, (_, item) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
  return createHmac("sha256", key)
    .update(sorted ?? "undefined")
    .digest("base64url");
}

/** A digest of plain values, comparable within this process only. The order of names does not matter. */
export function digestOf(value: unknown): string {
  return digestWith(digestKey, value);
}

/** The same, comparable between nodes. */
export function sharedDigestOf(value: unknown): string {
  return digestWith(sharedKey, value);
}

interface FoundFile {
  /** Under the folder's name as it was given. */
  path: string;
  /** A link to a file that is not under the folder: articles are not read from there. */
  outside: boolean;
}

/**
 * The Markdown files under a folder, and the YAML files right in it, in a fixed order; hidden ones left out.
 * Links are followed within the folder, and each file and folder is visited once. A folder that is missing has none.
 */
async function filesUnder(folder: string): Promise<FoundFile[]> {
  const root = await realpathOrNull(folder);
  if (root === null) return [];
  const within = root.endsWith(sep) ? root : root + sep;
  const found: FoundFile[] = [];
  const seen = new Set([root]);
  let articles = 0;

  async function visit(entry: Dirent, real: string, path: string, depth: number): Promise<void> {
    const isArticle = isMarkdownName(entry.name);
    const isYaml = depth === 0 && /\.ya?ml$/i.test(entry.name);
    if (entry.isFile() && !isArticle && !isYaml) return;
    const info = entry.isFile() || entry.isDirectory() ? entry : await statOrNull(real);
    const outside = !real.startsWith(within);
    if (info?.isDirectory() && !outside && !seen.has(real)) {
      seen.add(real);
      await walk(real, path, depth + 1);
    } else if (info?.isFile() && (isYaml || (isArticle && articles < mostFiles)) && !seen.has(real)) {
      seen.add(real);
      if (isArticle) articles++;
      found.push({ path, outside });
    }
  }

  async function walk(realFolder: string, shown: string, depth: number): Promise<void> {
    if (depth > deepestFolder || articles >= mostFiles) return;
    for (const entry of await entriesOf(realFolder)) {
      const place = join(realFolder, entry.name);
      // Only a link can lead elsewhere; asking for each file would double the work of every look.
      const real = entry.isFile() || entry.isDirectory() ? place : await realpathOrNull(place);
      if (real !== null) await visit(entry, real, join(shown, entry.name), depth);
    }
  }

  await walk(root, folder, 0);
  return found;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter(({ name }) => !name.startsWith("."))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** A digest of the articles under some folders: their places in there, and contents. Comparable between nodes. */
export async function digestFolders(folders: readonly string[]): Promise<string> {
  const parts: unknown[] = [];
  for (const [index, folder] of folders.entries()) {
    for (const { path, outside } of await filesUnder(folder)) {
      if (outside || !isMarkdownName(path)) continue;
      parts.push([index, relative(folder, path), await digestOfFile(path)]);
    }
  }
  return sharedDigestOf(parts);
}

async function digestOfFile(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > largestFile) return "too large";
    return createHmac("sha256", sharedKey)
      .update(await readFile(path))
      .digest("base64url");
  } catch (error) {
    // Deleted meanwhile, or not ours to read: either way a state of its own.
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/**
 * What `stat` says of files, and of the articles and YAML files under folders, as one string: it differs where
 * something was changed.
 */
export async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    const entry = await statOrNull(path);
    // A company's file may be a link to one elsewhere: `stat` alone reads nothing of it.
    const files = entry?.isDirectory() ? (await filesUnder(path)).map((file) => file.path) : [path];
    parts.push(`${path}${entry ? "" : " missing"}`);
    for (const file of files) {
      const found = await statOrNull(file);
      if (found) parts.push(`${file} ${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`);
    }
  }
  return parts.join("\n");
}

/** `stat`, or null where there is nothing to be seen. */
export async function statOrNull(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

async function realpathOrNull(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "");
}
