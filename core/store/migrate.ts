/** Brings the schema up to date: knex's migrator over the list below. */
import knexModule, { type Knex } from "knex";
import pg from "pg";
import type { Connection } from "./database.ts";
import * as base from "./migrations/0001-base.ts";
import * as threads from "./migrations/0002-threads.ts";
import * as claimants from "./migrations/0003-claimants.ts";
import * as ledger from "./migrations/0004-ledger.ts";
import * as statistics from "./migrations/0005-statistics.ts";
import * as words from "./migrations/0006-words.ts";
import * as quotas from "./migrations/0007-quotas.ts";
import * as lessons from "./migrations/0008-lessons.ts";
import * as labelChanges from "./migrations/0009-label-changes.ts";

interface Migration {
  up(knex: Knex): Promise<void>;
  down(knex: Knex): Promise<void>;
}

/** In order; a migration that has been released is never changed, only followed by another. */
const migrations: Record<string, Migration> = {
  "0001-base": base,
  "0002-threads": threads,
  "0003-claimants": claimants,
  "0004-ledger": ledger,
  "0005-statistics": statistics,
  "0006-words": words,
  "0007-quotas": quotas,
  "0008-lessons": lessons,
  "0009-label-changes": labelChanges,
};

/** Advisory lock that a node holds while it migrates ("migr" in ASCII). */
const migrationLock = 0x6d696772;

/**
 * Runs `work` alone: nodes that start together wait for each other. The lock goes with its connection, so that a node
 * which dies while it migrates leaves none behind, as knex's own lock does, which no later start would get past.
 */
async function alone<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connection, application_name: "deskwire migration" });
  let lost: Error | undefined;
  client.on("error", (error) => {
    lost = error;
  });
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [migrationLock]);
    const result = await work();
    if (lost) throw lost;
    return result;
  } finally {
    await client.end();
  }
}

/**
 * Runs what has not run yet, each migration in a transaction, on one node at a time.
 * @returns the names of the migrations that ran
 */
export async function migrate(connection: Connection): Promise<string[]> {
  return alone(connection, async () => {
    const knex = knexModule({
      client: "pg",
      connection: connection as Knex.PgConnectionConfig,
      pool: { min: 0, max: 1 },
      migrations: {
        tableName: "migrations",
        migrationSource: {
          getMigrations: async () => Object.keys(migrations),
          getMigrationName: (name: string) => name,
          getMigration: async (name: string) => migrations[name] as Migration,
        },
      },
    });
    try {
      // Whoever held knex's lock is gone: ours is held.
      await knex.migrate.forceFreeMigrationsLock();
      const [, ran] = (await knex.migrate.latest()) as [number, string[]];
      return ran;
    } finally {
      await knex.destroy();
    }
  });
}
