/** Starts, adopts and stops the PostgreSQL that Deskwire brings along, for those who have none of their own. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { locateBinaries } from "./postgres-binaries.ts";
import { ensureData, readPassword, superuser } from "./postgres-data.ts";
import {
  describeFolder,
  errorCode,
  type PostgresFolder,
  prepareFolder,
  prepareSocketFolder,
  textOrUndefined,
} from "./postgres-folder.ts";
import {
  disownStalePid,
  isPostmaster,
  readPostmaster,
  spawnPostmaster,
  stopPostmaster,
} from "./postmaster.ts";

/** What `pg.Pool`, `pg.Client` and knex's `connection` take. */
export interface PostgresConnection {
  /** The folder of the unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface EmbeddedPostgres {
  readonly connection: PostgresConnection;
  /** True where the server was already running: a process was killed, or another one uses it too. */
  readonly adopted: boolean;
  /**
   * Stops the server, unless another process has started or adopted it as well: then the last one out stops it.
   * Connections that are still open are cut. Calling it again does nothing.
   */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** A folder of its own for the database; created where it is missing. */
  dir: string;
  log: { info(message: string): void; warn(message: string): void };
  signal?: AbortSignal;
  /** False gives up safety against power loss for speed: for tests alone. Default true. */
  durable?: boolean;
  /** Further server settings. */
  settings?: Readonly<Record<string, string>>;
  /** Milliseconds that a server which answers nothing is waited for; recovery after a crash may take longer. */
  startTimeoutMs?: number;
}

const database = "deskwire";
const port = 5432;
/** Advisory lock in the database `postgres` that each process which uses the server holds shared. */
const usersLock = 0x6465736b;
/** Class 57 of PostgreSQL's error codes: starting up, recovering or shutting down; and the socket that is not there yet. */
const notYet = ["57P01", "57P02", "57P03", "ENOENT", "ECONNREFUSED", "ECONNRESET"];

/** A server that ends at once is tried again, as survivors of the last one may need a moment: about 5 seconds in all. */
const mostFailures = 18;

const settings = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  port: String(port),
  max_connections: "60",
  shared_buffers: "128MB",
  max_wal_size: "1GB",
  wal_compression: "on",
  jit: "off",
  log_checkpoints: "off",
  log_line_prefix: "%m [%p] ",
  timezone: "UTC",
  log_timezone: "UTC",
} as const;
const durableSettings = { fsync: "on", synchronous_commit: "on", full_page_writes: "on" } as const;
const fastSettings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" } as const;

/**
 * Brings up the database in `dir`: makes it where there is none, starts it where it does not run, adopts it where it does.
 * Any number of processes may do so at once; they share one server.
 *
 * @throws ConnectorError of kind `config` where it cannot work here (message says what to change), `transient` where it
 *   did not come up in time; the reason of `signal` where that aborts.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dir, log, signal, durable = true } = options;
  const folder = await prepareFolder(dir);
  const binaries = await locateBinaries(folder.dir, folder.owner);
  await ensureData(folder, binaries, {
    durable,
    warn: (message) => log.warn(message),
  });
  signal?.throwIfAborted();
  const host = await prepareSocketFolder(folder);
  const connection = { host, port, user: superuser, password: await readPassword(folder), database };
  const parameters = {
    ...settings,
    ...(durable ? durableSettings : fastSettings),
    ...options.settings,
    // Quoted, as the setting is a list.
    unix_socket_directories: `"${host.replaceAll('"', '""')}"`,
  };
  const spawn = () => spawnPostmaster(folder, binaries, parameters);
  const { client, adopted } = await bringUp(folder, connection, spawn, options);
  await ensureDatabase(client);
  await client.query("select pg_advisory_lock_shared($1)", [usersLock]);
  return handle(folder, connection, adopted, client, log);
}

/** The connection of a server that runs in `dir` now, or undefined: for commands that only connect. */
export async function findRunningEmbeddedPostgres(dir: string): Promise<PostgresConnection | undefined> {
  if ((await textOrUndefined(join(dir, "data", "PG_VERSION"))) === undefined) return undefined;
  const folder = await describeFolder(dir);
  const running = await readPostmaster(folder);
  if (!running || !(await isPostmaster(running.pid, folder))) return undefined;
  return { host: running.socketDir, port, user: superuser, password: await readPassword(folder), database };
}

type Postmaster = ReturnType<typeof spawnPostmaster>;
/** The two are missing in the types of pg, and in its documentation they are not. */
type Client = pg.Client & { ref(): void; unref(): void };

/** Alternates between looking for a server, starting one and connecting, until a connection stands. */
async function bringUp(
  folder: PostgresFolder,
  connection: PostgresConnection,
  spawn: () => Postmaster,
  { signal, startTimeoutMs = 30_000 }: EmbeddedPostgresOptions,
): Promise<{ client: Client; adopted: boolean }> {
  let mine: Postmaster | undefined;
  let deadline = Date.now() + startTimeoutMs;
  let failures = 0;
  let last: unknown;
  try {
    for (let wait = 10; failures < mostFailures; wait = Math.min(wait * 1.5, 500)) {
      signal?.throwIfAborted();
      const running = await readPostmaster(folder);
      const alive = running !== undefined && (await isPostmaster(running.pid, folder));
      if (mine?.exited()) {
        last = new ConnectorError("transient", `PostgreSQL ended: ${mine.output()}`);
        failures += 1;
        mine = undefined;
      }
      if (!alive && !mine) {
        await disownStalePid(folder);
        mine = spawn();
      }
      try {
        const client = await connect(connection);
        return { client, adopted: (await readPostmaster(folder))?.pid !== mine?.pid };
      } catch (error) {
        if (!notYet.includes(errorCode(error))) throw error;
        last ??= error;
        // A server that says that it is recovering is making progress, however long it takes.
        if (errorCode(error) === "57P03") deadline = Date.now() + startTimeoutMs;
      }
      if (Date.now() > deadline) {
        if (!running || !alive || mine) break;
        // Alive without a socket: somebody cleared the folder. Only a restart makes a new one.
        await stopPostmaster(folder, running.pid);
        deadline = Date.now() + startTimeoutMs;
      }
      await sleep(wait, undefined, signal ? { signal } : {});
    }
  } catch (error) {
    if (mine) await stopPostmaster(folder, mine.pid);
    throw error;
  }
  if (mine) await stopPostmaster(folder, mine.pid);
  throw new ConnectorError(
    "transient",
    `The embedded database does not start. Its log: ${join(folder.dir, "postgres.log")}`,
    { cause: last },
  );
}

async function connect(connection: PostgresConnection): Promise<Client> {
  const client = new pg.Client({
    ...connection,
    database: "postgres",
    application_name: "deskwire-keeper",
    connectionTimeoutMillis: 10_000,
  }) as Client;
  try {
    await client.connect();
    return client;
  } catch (error) {
    if (errorCode(error) === "28P01") {
      throw new ConnectorError("config", "The embedded database refuses the password kept in its folder", {
        cause: error,
      });
    }
    throw error;
  }
}

async function ensureDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [database]);
  if (rowCount) return;
  try {
    await client.query(`create database ${database}`);
  } catch (error) {
    // Another process was quicker: "already exists", or the unique index under it.
    if (!["42P04", "23505"].includes(errorCode(error))) throw error;
  }
}

function handle(
  folder: PostgresFolder,
  connection: PostgresConnection,
  adopted: boolean,
  keeper: Client,
  log: EmbeddedPostgresOptions["log"],
): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  let lost = false;
  keeper.on("error", (error) => {
    if (!stopping && !lost) log.warn(`the embedded database has gone: ${error.message}`);
    lost = true;
  });
  // A program that forgets to stop the database can still end.
  keeper.unref();
  return {
    connection,
    adopted,
    stop() {
      stopping ??= stop(folder, keeper, log);
      return stopping;
    },
  };
}

async function stop(
  folder: PostgresFolder,
  keeper: Client,
  log: EmbeddedPostgresOptions["log"],
): Promise<void> {
  keeper.ref();
  if (await othersUse(keeper)) {
    await keeper.end();
    log.info("the embedded database goes on running: another process uses it");
    return;
  }
  const running = await readPostmaster(folder);
  if (running && (await isPostmaster(running.pid, folder))) await stopPostmaster(folder, running.pid);
  await keeper.end();
}

/** Gives up our share of the lock, then tries to get it alone: so of two that stop at once, exactly one succeeds. */
async function othersUse(keeper: Client): Promise<boolean> {
  try {
    await keeper.query("select pg_advisory_unlock_shared($1)", [usersLock]);
    const { rows } = await keeper.query<{ alone: boolean }>("select pg_try_advisory_lock($1) as alone", [
      usersLock,
    ]);
    return rows[0]?.alone !== true;
  } catch {
    // The connection was lost with the server; what is left of it is ours to clear.
    return false;
  }
}
