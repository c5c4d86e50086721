/** The data folder of the embedded database: how it is made, whole or not at all, and the password in it. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import {
  errorCode,
  makeDraftFolder,
  type PostgresFolder,
  postgresEnv,
  statOrUndefined,
  textOrUndefined,
} from "./postgres-folder.ts";

export const superuser = "deskwire";
const passwordFile = "deskwire.password";

/**
 * Makes the data folder where there is none. It is made beside and then renamed, so that an interrupted attempt leaves
 * nothing that looks finished, and of two processes one wins.
 *
 * @param durable false skips waiting for the disk, for tests.
 * @throws ConnectorError of kind `config` where the data belongs to another major version of PostgreSQL.
 */
export async function ensureData(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  options: { durable: boolean; warn: (message: string) => void },
): Promise<void> {
  if (await hasData(folder, binaries)) return;
  if ((await statOrUndefined(folder.data)) && (await readdir(folder.data)).length > 0) {
    const aside = `${folder.data}.incomplete-${Date.now()}`;
    await rename(folder.data, aside);
    options.warn(`the database folder was incomplete and is set aside as ${aside}; a new one is made`);
  }
  const draft = await makeDraftFolder(folder.dir, "data");
  try {
    if (folder.owner) await chown(draft, folder.owner.uid, folder.owner.gid);
    await initdb(folder, binaries, draft, options);
    await rename(draft, folder.data);
    if (options.durable) await syncFolder(folder.dir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error))) throw error;
  }
}

async function hasData(folder: PostgresFolder, binaries: PostgresBinaries): Promise<boolean> {
  const version = await textOrUndefined(join(folder.data, "PG_VERSION"));
  if (version === undefined || !(await statOrUndefined(join(folder.data, "global", "pg_control"))))
    return false;
  if (version.trim() !== binaries.major) {
    throw new ConnectorError(
      "config",
      `The database in ${folder.data} was made by PostgreSQL ${version.trim()}, and this Deskwire brings PostgreSQL ` +
        `${binaries.major}. Export it with the Deskwire that made it, or move that folder away to start empty.`,
    );
  }
  return true;
}

/** The password of the superuser. It lies in the data folder, so that the two are made, copied and removed together. */
export async function readPassword(folder: PostgresFolder): Promise<string> {
  const path = join(folder.data, passwordFile);
  const password = await textOrUndefined(path);
  if (password === undefined) {
    throw new ConnectorError(
      "config",
      `${path} is missing: without it the database cannot be opened. Restore it.`,
    );
  }
  return password.trim();
}

async function initdb(
  folder: PostgresFolder,
  binaries: PostgresBinaries,
  draft: string,
  options: { durable: boolean },
): Promise<void> {
  // initdb insists on an empty folder, so the password first lies beside it.
  const temporary = `${draft}.password`;
  await writeFile(temporary, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  try {
    if (folder.owner) await chown(temporary, folder.owner.uid, folder.owner.gid);
    const run = (ctype: string) =>
      promisify(execFile)(
        join(binaries.bin, "initdb"),
        [
          ...["-D", draft, "-U", superuser, "-A", "scram-sha-256", "--pwfile", temporary],
          // The built-in provider knows upper and lower case of all of Unicode, the same on every system.
          ...["-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
          `--lc-ctype=${ctype}`,
          ...["--data-checksums", "--no-instructions", "-c", "timezone=UTC", "-c", "log_timezone=UTC"],
          ...(options.durable ? [] : ["--no-sync"]),
        ],
        {
          cwd: folder.dir,
          env: postgresEnv,
          ...folder.owner,
        },
      );
    await firstKnownLocale(run);
    await rename(temporary, join(draft, passwordFile));
  } catch (cause) {
    throw new ConnectorError("config", `PostgreSQL could not make a database in ${folder.dir}`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * pg_trgm still asks the system which characters are letters, and in the plain C locale only ASCII's are: Cyrillic text
 * would have no trigrams. Which UTF-8 locales exist differs by system.
 */
async function firstKnownLocale(run: (ctype: string) => Promise<unknown>): Promise<void> {
  for (const ctype of ["C.UTF-8", "en_US.UTF-8"]) {
    try {
      await run(ctype);
      return;
    } catch (error) {
      if (!describeError(error).includes("invalid locale")) throw error;
    }
  }
  await run("C");
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
