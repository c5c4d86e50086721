/** A disk that is soon full, for tests: a tmpfs of a few kilobytes. Only root on Linux can mount one. */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Mounts a disk of so many kilobytes at a folder, which is made.
 * @returns the function that unmounts it, or null where that cannot be done here: why is printed
 */
export async function mountSmallDisk(dir: string, kilobytes: number): Promise<(() => Promise<void>) | null> {
  await mkdir(dir, { recursive: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", dir]);
  } catch (error) {
    console.warn(
      `not tested: a full disk, since no small one can be mounted: ${(error as Error).message.trim()}`,
    );
    return null;
  }
  return async () => {
    await run("umount", [dir]);
  };
}
