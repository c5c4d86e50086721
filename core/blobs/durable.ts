/** Writing files so that they are whole on the disk or not there, and what the file system's errors mean. */
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BlobError } from "./blobs.ts";

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** @param what what was being done, such as "storing a file" */
export function blobError(error: unknown, what: string): BlobError {
  if (error instanceof BlobError) return error;
  const code = codeOf(error) ?? "unknown";
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BlobError("full", `${what}: no room left on the disk that holds the blobs`, error);
  }
  if (code === "ENOENT") return new BlobError("missing", `${what}: there is no such blob`, error);
  return new BlobError("broken", `${what}: ${code}`, error);
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Writes to a file beside, flushes it to the disk, and has it put in its place. Nothing of it is left where that fails.
 * @param beside the path of the new file
 * @param place renames or links the file
 */
export async function writeBeside<T>(
  beside: string,
  content: Uint8Array,
  place: () => Promise<T>,
): Promise<T> {
  const file = await open(beside, "wx", 0o600);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    return await place();
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

/**
 * A new folder survives a power loss only once the folder above it is on the disk as well.
 * @param firstMade the topmost folder that is new, as `mkdir` tells it
 */
export async function syncFolders(lowest: string, firstMade: string | undefined): Promise<void> {
  await syncFolder(lowest);
  for (let folder = lowest; firstMade !== undefined && folder.length >= firstMade.length; ) {
    folder = dirname(folder);
    await syncFolder(folder);
  }
}
