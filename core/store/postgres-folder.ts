/** The folder of the embedded database: who owns it, and whether that user can reach it. */
import { createHash, randomBytes } from "node:crypto";
import { chmod, chown, lstat, mkdir, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConnectorError } from "../../plugins/contract/errors.ts";

/** The user that PostgreSQL runs as where we are root: it refuses to be root itself. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresFolder {
  /** The folder itself, without symbolic links. */
  readonly dir: string;
  readonly data: string;
  /** Undefined where PostgreSQL runs as ourselves. */
  readonly owner: Owner | undefined;
}

const nobody: Owner = { uid: 65_534, gid: 65_534 };
/** A socket's path may have 108 bytes on Linux and 104 on macOS, its end included. */
const longestSocketPath = 100;

/** Where the parts of an embedded database in `dir` lie; creates nothing. `dir` must exist. */
export async function describeFolder(dir: string): Promise<PostgresFolder> {
  const real = await realpath(dir);
  return { dir: real, data: join(real, "data"), owner: await ownerOf(join(real, "data")) };
}

/**
 * Creates `dir` where it is missing and makes sure that PostgreSQL's user can work in it.
 *
 * @throws ConnectorError of kind `config`, naming the folder in the way.
 */
export async function prepareFolder(dir: string): Promise<PostgresFolder> {
  const created = await mkdir(dir, { recursive: true, mode: 0o755 });
  const folder = await describeFolder(dir);
  const { owner } = folder;
  if (owner) {
    if (created) {
      // Under a strict umask the folders that were just made would shut PostgreSQL's user out.
      const top = await realpath(created);
      for (let path = folder.dir; path.length >= top.length; path = dirname(path)) await chmod(path, 0o711);
    }
    if (created || (await readdir(folder.dir)).length === 0) {
      await chown(folder.dir, owner.uid, owner.gid);
      await chmod(folder.dir, 0o700);
    }
    const barrier = await firstUnreachable(folder.dir, owner);
    if (barrier !== undefined) throw unreachable(barrier, owner);
  } else if (created) {
    await chmod(folder.dir, 0o700);
  }
  await removeAbandonedDrafts(folder.dir);
  return folder;
}

/** As root we act as whoever owns the data, so that a folder made without root goes on working. */
async function ownerOf(data: string): Promise<Owner | undefined> {
  const uid = process.getuid?.() ?? 0;
  const found = await statOrUndefined(data);
  if (uid === 0) return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : nobody;
  if (found && found.uid !== uid) {
    throw new ConnectorError(
      "config",
      `The database in ${data} belongs to user ${found.uid}, and this is user ${uid}. Start Deskwire as that user, ` +
        "or set stateDir in config/hub.yaml (or DESKWIRE_STATE_DIR) to a folder of your own.",
    );
  }
  return undefined;
}

function unreachable(barrier: string, owner: Owner): ConnectorError {
  return new ConnectorError(
    "config",
    `The embedded database runs as user ${owner.uid}, since PostgreSQL refuses to run as root, and that user may not ` +
      `enter ${barrier}. Set stateDir in config/hub.yaml, or DESKWIRE_STATE_DIR, to a folder that every user may enter, ` +
      "such as /var/lib/deskwire, or start Deskwire as another user than root.",
  );
}

/** The topmost of `path` and the folders above it that `owner` may not enter, by their mode bits. */
export async function firstUnreachable(path: string, owner: Owner): Promise<string | undefined> {
  const folders: string[] = [];
  for (let at = await realpath(path); ; at = dirname(at)) {
    folders.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const folder of folders) {
    const { mode, uid, gid } = await lstat(folder);
    const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
  }
  return undefined;
}

/**
 * The folder of the socket: inside `dir`, or under the system's temporary folder where its path would be too long.
 * Only PostgreSQL's user (and root) may enter it.
 */
export async function prepareSocketFolder(folder: PostgresFolder): Promise<string> {
  const inside = join(folder.dir, "run");
  const fits = Buffer.byteLength(join(inside, ".s.PGSQL.5432")) <= longestSocketPath;
  const name = `deskwire-${createHash("sha256").update(folder.dir).digest("hex").slice(0, 16)}`;
  const path = fits ? inside : join(folder.owner ? "/tmp" : tmpdir(), name);
  try {
    await mkdir(path, { mode: 0o700 });
    if (folder.owner) await chown(path, folder.owner.uid, folder.owner.gid);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  const found = await lstat(path);
  // The temporary folder is everybody's: a stranger may have been there first to listen in our place.
  if (!found.isDirectory() || found.uid !== (folder.owner?.uid ?? process.getuid?.())) {
    throw new ConnectorError(
      "config",
      `${path} is in the way: it belongs to somebody else. Remove it, then start again.`,
    );
  }
  await chmod(path, 0o700);
  return path;
}

/** PostgreSQL inherits nothing from us: locale, time zone and PG* variables of the shell must not change what it does. */
export const postgresEnv: NodeJS.ProcessEnv = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  LC_ALL: "C",
  TZ: "UTC",
};

/** A folder `<dir>/<what>.new-<our pid>-…` for something that will be renamed once it is whole. */
export async function makeDraftFolder(dir: string, what: string): Promise<string> {
  const path = join(dir, `${what}.new-${process.pid}-${randomBytes(6).toString("hex")}`);
  await mkdir(path, { mode: 0o700 });
  return path;
}

/** Removes what processes that are gone left half-made. */
async function removeAbandonedDrafts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const pid = /\.new-(\d+)-[0-9a-f]+(\.password)?$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(dir, name), { recursive: true, force: true });
  }
}

/** Whether a process of this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
    if (errorCode(error) === "EPERM") return true;
    throw error;
  }
}

export async function statOrUndefined(path: string) {
  return orUndefined(lstat(path));
}

export async function textOrUndefined(path: string): Promise<string | undefined> {
  return orUndefined(readFile(path, "utf8"));
}

async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The code of a system's or PostgreSQL's error, or an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
