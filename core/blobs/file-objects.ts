/**
 * Objects as files. An object is a folder, and each put a file of its own in it, with the next number as its name, made by a
 * hard link: of two processes one makes it, and there is no lock that a killed one could leave behind.
 */
import { createHash } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newId } from "../lib/ids.ts";
import { BlobError } from "./blobs.ts";
import { blobError, codeOf, syncFolder, syncFolders, writeBeside } from "./durable.ts";
import { checkKey, type Objects, type PutCondition } from "./objects.ts";

/** How long what has been replaced is kept, in milliseconds: longer than anybody takes from a look to his link. */
const replacedKeptMs = 600_000;
/** How often a put looks anew because a removal took its folder away. */
const attempts = 5;

// No segment of a key begins with @.
const nameOf = (n: number) => `@${n}`;
const fileOf = (folder: string, n: number) => join(folder, nameOf(n));
const numberOf = (name: string) => (/^@\d+$/.test(name) ? Number(name.slice(1)) : 0);

function tagOf(n: number, bytes: Uint8Array): string {
  return `${n}-${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}`;
}

/** @returns what a call answers, or null where a file or folder is not there */
async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** The numbers of the object's files, the newest last. */
async function numbersIn(folder: string): Promise<number[]> {
  const numbers = ((await orNull(readdir(folder))) ?? []).map(numberOf).filter((n) => n > 0);
  return numbers.sort((a, b) => a - b);
}

const newestIn = async (folder: string) => (await numbersIn(folder)).at(-1) ?? 0;

async function read(folder: string): Promise<{ bytes: Uint8Array; tag: string } | null> {
  for (let n = await newestIn(folder); n > 0; n = await newestIn(folder)) {
    const bytes = await orNull(readFile(fileOf(folder, n)));
    // Otherwise it was removed at this moment.
    if (bytes) return { bytes, tag: tagOf(n, bytes) };
  }
  return null;
}

async function isMet(condition: PutCondition, folder: string, newest: number): Promise<boolean> {
  if ("ifNew" in condition) return newest === 0;
  const bytes = newest > 0 ? await orNull(readFile(fileOf(folder, newest))) : null;
  return bytes !== null && tagOf(newest, bytes) === condition.ifTag;
}

/** @returns the number under which the file was linked */
async function linkNext(
  folder: string,
  beside: string,
  condition: PutCondition | undefined,
): Promise<number> {
  for (;;) {
    const lookedAt = Date.now();
    const newest = await newestIn(folder);
    if (condition && !(await isMet(condition, folder, newest))) {
      throw new BlobError("conflict", `somebody else has written ${folder} meanwhile: read it again`);
    }
    const mine = fileOf(folder, newest + 1);
    try {
      await link(beside, mine);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      // A network file system may show an old list for a while.
      await sleep(5);
      continue;
    }
    // A process that was put to sleep in between may have got a number that was free again.
    const slept = Date.now() - lookedAt > replacedKeptMs / 2;
    if (!slept || (await newestIn(folder)) === newest + 1) return newest + 1;
    await rm(mine, { force: true });
  }
}

/** Links a file into the object's folder, which a removal may take away while it is empty. */
async function place(folder: string, beside: string, condition: PutCondition | undefined): Promise<number> {
  for (let left = attempts; ; left--) {
    const firstMade = await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      const n = await linkNext(folder, beside, condition);
      await syncFolders(folder, firstMade);
      return n;
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || left === 0) throw error;
    }
  }
}

/** Removes those of the named files that have lain there for longer. */
async function removeOld(folder: string, names: string[], keptMs: number): Promise<void> {
  for (const path of names.map((name) => join(folder, name))) {
    const changed = (await orNull(stat(path)))?.ctimeMs;
    if (changed !== undefined && Date.now() - changed > keptMs) await rm(path, { force: true });
  }
}

/** The keys of a folder's objects, with its own where it is one. */
async function keysIn(folder: string, key: string): Promise<string[]> {
  const entries = (await orNull(readdir(folder, { withFileTypes: true }))) ?? [];
  const keys = entries.some(({ name }) => numberOf(name) > 0) ? [key] : [];
  for (const entry of entries) {
    if (entry.isDirectory()) keys.push(...(await keysIn(join(folder, entry.name), `${key}/${entry.name}`)));
  }
  return keys;
}

/** Removes folders that are empty now, up to but without the root. */
async function removeEmpty(folder: string, root: string): Promise<void> {
  for (let empty = folder; empty !== root; empty = dirname(empty)) {
    try {
      await rmdir(empty);
    } catch (error) {
      if (codeOf(error) === "ENOENT") continue;
      if (["ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "")) return;
      throw error;
    }
  }
}

/**
 * @param dir the folder, on a file system with hard links; made when the first object is written
 * @param keptMs how long what has been replaced is kept, for tests
 */
export function createFileObjects(dir: string, keptMs = replacedKeptMs): Objects {
  const during = async <T>(what: string, key: string, work: (folder: string) => Promise<T>): Promise<T> => {
    checkKey(key);
    try {
      return await work(join(dir, key));
    } catch (error) {
      throw blobError(error, `${what} ${key}`);
    }
  };
  const parts = join(dir, "@parts");
  return {
    put: (key, bytes, condition) =>
      during("storing", key, async (folder) => {
        await mkdir(parts, { recursive: true, mode: 0o700 });
        const beside = join(parts, newId());
        const n = await writeBeside(beside, bytes, () => place(folder, beside, condition));
        await rm(beside, { force: true });
        const replaced = (await numbersIn(folder)).filter((older) => older < n);
        await removeOld(folder, replaced.map(nameOf), keptMs);
        // Of processes that were killed.
        await removeOld(parts, await readdir(parts), keptMs);
        return { tag: tagOf(n, bytes) };
      }),
    get: (key) =>
      during("reading", key, async (folder) => {
        const found = await read(folder);
        if (!found) throw new BlobError("missing", `there is no object ${key}`);
        return found;
      }),
    list: (prefix) =>
      during("listing", prefix, async (folder) => {
        const keys = await keysIn(folder, prefix);
        return keys.filter((key) => key !== prefix).sort();
      }),
    remove: (key) =>
      during("removing", key, async (folder) => {
        const numbers = await numbersIn(folder);
        if (numbers.length === 0) return;
        // The newest last: what it replaced must not show up again.
        for (const n of numbers) await rm(fileOf(folder, n), { force: true });
        await syncFolder(folder);
        await removeEmpty(folder, dir);
      }),
  };
}
