/** The server's process: how it is spawned, recognised by its process id, and stopped. */
import { execFile, spawn } from "node:child_process";
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { chown, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { errorCode, isAlive, type PostgresFolder, postgresEnv, textOrUndefined } from "./postgres-folder.ts";

/** The server's log starts anew above this size. */
const longestLog = 10_000_000;

export interface SpawnedPostmaster {
  readonly pid: number;
  /** Whether it has ended. */
  exited(): boolean;
  /** What it has logged, the last 2,000 characters. */
  output(): string;
}

/**
 * Spawns `postgres` in a process group of its own, so that the terminal's Ctrl-C reaches us alone and we can stop it
 * after all who use it. It logs to `postgres.log` beside the data.
 */
export function spawnPostmaster(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  settings: Readonly<Record<string, string>>,
): SpawnedPostmaster {
  const path = join(folder.dir, "postgres.log");
  const log = openSync(path, "a", 0o600);
  try {
    if (fstatSync(log).size > longestLog) ftruncateSync(log);
    const from = fstatSync(log).size;
    const child = spawn(
      join(binaries.bin, "postgres"),
      ["-D", folder.data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      { cwd: folder.dir, env: postgresEnv, detached: true, stdio: ["ignore", log, log], ...folder.owner },
    );
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
    });
    child.unref();
    return {
      pid: child.pid ?? -1,
      exited: () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
      output: () =>
        failure?.message ?? readFileSync(path).subarray(from).toString("utf8").trim().slice(-2_000),
    };
  } finally {
    closeSync(log);
  }
}

/** What `postmaster.pid` says, whether or not that process lives; undefined where there is none, or it is being written. */
export async function readPostmaster(
  folder: PostgresFolder,
): Promise<{ pid: number; socketDir: string } | undefined> {
  const lines = (await textOrUndefined(join(folder.data, "postmaster.pid")))?.split("\n") ?? [];
  const pid = Number(lines[0]);
  const socketDir = lines[4];
  return Number.isInteger(pid) && pid > 0 && socketDir !== undefined ? { pid, socketDir } : undefined;
}

/** Whether this process is the server of this folder: after a restart of the machine its id may be anybody's. */
export async function isPostmaster(pid: number, folder: PostgresFolder): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const command = await commandLine(pid);
  return command.includes("postgres") && command.includes(folder.data);
}

async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === "linux") return await readFile(`/proc/${pid}/cmdline`, "utf8");
    return (await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)])).stdout;
  } catch (error) {
    // It ended while we looked.
    if (["ENOENT", "ESRCH"].includes(errorCode(error)) || !isAlive(pid)) return "";
    throw error;
  }
}

/**
 * PostgreSQL refuses to start while the process id in `postmaster.pid` is alive, even where it has become another
 * program's. We put our own id there: PostgreSQL ignores its parent's, and still looks for survivors of the old server by
 * the shared memory that the file names, which it could not if the file were removed.
 */
export async function disownStalePid(folder: PostgresFolder): Promise<void> {
  const path = join(folder.data, "postmaster.pid");
  const running = await readPostmaster(folder);
  if (!running || !isAlive(running.pid) || (await isPostmaster(running.pid, folder))) return;
  const lines = (await readFile(path, "utf8")).split("\n");
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, [process.pid, ...lines.slice(1)].join("\n"), { mode: 0o600 });
  if (folder.owner) await chown(draft, folder.owner.uid, folder.owner.gid);
  await rename(draft, path);
  await rm(join(running.socketDir, ".s.PGSQL.5432.lock"), { force: true });
}

/**
 * Stops the server by its process id: sessions are cut, and what was committed is written out. After `deadlineMs` it is
 * told to drop everything; the next start then recovers.
 *
 * @throws ConnectorError of kind `transient` where it does not end even so.
 */
export async function stopPostmaster(
  folder: PostgresFolder,
  pid: number,
  deadlineMs = 30_000,
): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGINT", deadlineMs],
    ["SIGQUIT", 10_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (errorCode(error) === "ESRCH") return;
      throw error;
    }
    for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(10)) {
      if (!(await isPostmaster(pid, folder))) return;
    }
  }
  throw new ConnectorError("transient", `PostgreSQL (process ${pid}) does not stop; end it by hand`);
}
