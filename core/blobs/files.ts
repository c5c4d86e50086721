/** Blobs as files in a folder: written beside, flushed to the disk, then renamed, so that no half a file is ever seen. */
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { newId } from "../lib/ids.ts";
import { BlobError, type Blobs, blobKey } from "./blobs.ts";

function blobError(error: unknown, what: string): BlobError {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown";
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BlobError("full", `${what}: no room left on the disk that holds the blobs`, error);
  }
  if (code === "ENOENT") return new BlobError("missing", `${what}: there is no such blob`, error);
  return new BlobError("broken", `${what}: ${code}`, error);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Writes a file that is whole on the disk, or not there. */
async function writeWhole(path: string, content: Uint8Array): Promise<void> {
  const beside = `${path}.${newId()}.part`;
  const file = await open(beside, "wx", 0o600);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await removeLeftover(beside, error);
    throw error;
  }
}

async function removeLeftover(path: string, cause: unknown): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    const message = `a half-written file could not be removed (${(error as Error).message}) after ${(cause as Error).message}`;
    throw new BlobError("broken", message, cause);
  }
}

/** A new folder survives a power loss only once the folder above it is on the disk as well. */
async function syncFolders(lowest: string, firstMade: string | undefined): Promise<void> {
  await syncFolder(lowest);
  for (let folder = lowest; firstMade !== undefined && folder.length >= firstMade.length; ) {
    folder = dirname(folder);
    await syncFolder(folder);
  }
}

/** @param dir the folder; made when the first blob is written */
export function createFileBlobs(dir: string): Blobs {
  const pathOf = (key: string) => {
    const match = /^([a-z0-9][a-z0-9-]*)\/([0-9a-f]{64})$/.exec(key);
    if (!match) throw new BlobError("missing", `${JSON.stringify(key)} is no blob's key`);
    const [, company, hash] = match as unknown as [string, string, string];
    return join(dir, company, hash.slice(0, 2), hash);
  };
  return {
    async put(company, content) {
      const key = blobKey(company, content);
      const path = pathOf(key);
      try {
        if (await exists(path)) return key;
        const firstMade = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeWhole(path, content);
        await syncFolders(dirname(path), firstMade);
        return key;
      } catch (error) {
        throw error instanceof BlobError ? error : blobError(error, "storing a file");
      }
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        throw error instanceof BlobError ? error : blobError(error, "reading a file");
      }
    },
  };
}
