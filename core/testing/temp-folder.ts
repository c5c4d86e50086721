/** Temporary folders for tests, in a place that PostgreSQL's user can reach. */
import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "deskwire-test-";

/** Where temporary folders lie: as root not under TMPDIR, which may be root's alone. */
export function tempRoot(): string {
  return process.getuid?.() === 0 ? "/var/tmp" : tmpdir();
}

/** Makes a folder that names this process, so that a later run can tell whose it was. The caller removes it. */
export async function makeTempFolder(name: string): Promise<string> {
  return mkdtemp(join(tempRoot(), `${prefix}${process.pid}-${name}-`));
}

/** The temporary folders that a run which was killed has left. */
export async function abandonedTempFolders(isAlive: (pid: number) => boolean): Promise<string[]> {
  const names = await readdir(tempRoot());
  return names
    .filter((name) => {
      const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
      return pid > 0 && !isAlive(pid);
    })
    .map((name) => join(tempRoot(), name));
}
