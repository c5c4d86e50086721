/** A PostgreSQL of the benchmark's own, as safe against power loss as in production, and databases in it. */
import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { type PostgresConnection, startEmbeddedPostgres } from "../core/store/embedded-postgres.ts";
import { describeFolder } from "../core/store/postgres-folder.ts";
import { readPostmaster } from "../core/store/postmaster.ts";
import { makeTempFolder } from "../core/testing/temp-folder.ts";

export interface BenchDatabase {
  readonly name: string;
  readonly connection: PostgresConnection;
  /** Runs SQL, several statements at once where there are no values. @returns the rows of the last statement */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

export interface Server {
  /** A folder for files of the run; removed with the server. */
  readonly dir: string;
  readonly connection: PostgresConnection;
  /** Of the postmaster: all backends are its children. */
  readonly pid: number;
  createDatabase(): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

/** Starts an empty server, durable and with the settings that Deskwire starts its own with. */
export async function startServer(): Promise<Server> {
  const dir = await makeTempFolder("bench");
  // PostgreSQL's user has to pass through.
  await chmod(dir, 0o711);
  const home = join(dir, "postgres");
  const log = { info: () => undefined, warn: (line: string) => void process.stderr.write(`${line}\n`) };
  const settings = { max_connections: "200" };
  const postgres = await startEmbeddedPostgres({ dir: home, log, settings });
  const { connection } = postgres;
  const running = await readPostmaster(await describeFolder(home));
  if (!running) throw new Error("the database has no process");
  let made = 0;
  return {
    dir,
    connection,
    pid: running.pid,
    createDatabase: () => createDatabase(connection, `bench_${++made}`),
    async stop() {
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function createDatabase(server: PostgresConnection, name: string): Promise<BenchDatabase> {
  await administrate(server, `CREATE DATABASE ${name}`);
  const connection = { ...server, database: name };
  const pool = new pg.Pool({ ...connection, max: 1 });
  return {
    name,
    connection,
    async query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) {
      const { rows } = await pool.query<Row>(sql, values);
      return rows;
    },
    async drop() {
      await pool.end();
      await administrate(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function administrate(server: PostgresConnection, statement: string): Promise<void> {
  const client = new pg.Client(server);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
