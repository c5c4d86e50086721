/** Looks at files and folders of the configuration: what is there, and whether it has changed. */
import { createHmac, randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Keyed anew in each process: a digest says that two values differ, and nothing about a short secret among them. */
const digestKey = randomBytes(32);

/** A digest of plain values, comparable within this process only. The order of names does not matter. */
export function digestOf(value: unknown): string {
  const sorted = JSON.stringify(value, (_, item) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
  return createHmac("sha256", digestKey)
    .update(sorted ?? "undefined")
    .digest("base64url");
}

/** Files under a folder, sorted; hidden ones left out. A folder that is missing has none. */
async function filesUnder(folder: string, depth = 0): Promise<string[]> {
  // Deeper than anyone files articles; a link back up ends here too.
  if (depth > 12) return [];
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
  const found: string[] = [];
  for (const name of names.sort()) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const entry = await statOrNull(path);
    if (entry?.isDirectory()) found.push(...(await filesUnder(path, depth + 1)));
    else if (entry?.isFile()) found.push(path);
  }
  return found;
}

/** A digest of the files under some folders: their places and contents. */
export async function digestFolders(folders: readonly string[]): Promise<string> {
  const parts: unknown[] = [];
  for (const folder of folders) {
    for (const file of await filesUnder(folder)) {
      try {
        parts.push([
          file,
          createHmac("sha256", digestKey)
            .update(await readFile(file))
            .digest("base64url"),
        ]);
      } catch (error) {
        // Deleted meanwhile, or not ours to read: either way a state of its own.
        parts.push([file, (error as NodeJS.ErrnoException).code ?? String(error)]);
      }
    }
  }
  return digestOf(parts);
}

/** What `stat` says of files and of all that is under folders, as one string: it differs where something was changed. */
export async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    const entry = await statOrNull(path);
    const files = entry?.isDirectory() ? await filesUnder(path) : [path];
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

function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "");
}
