/** Blobs as files in a folder: written beside, flushed to the disk, then renamed, so that no half a file is ever seen. */
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { newId } from "../lib/ids.ts";
import { BlobError, type Blobs, blobKey } from "./blobs.ts";
import { blobError, codeOf, syncFolders, writeBeside } from "./durable.ts";

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
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
        const beside = `${path}.${newId()}.part`;
        await writeBeside(beside, content, () => rename(beside, path));
        await syncFolders(dirname(path), firstMade);
        return key;
      } catch (error) {
        throw blobError(error, "storing a file");
      }
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        throw blobError(error, "reading a file");
      }
    },
  };
}
