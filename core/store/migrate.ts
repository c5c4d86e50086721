/** Brings the schema up to date: knex's migrator over the list below. */
import knexModule, { type Knex } from "knex";
import type { Connection } from "./database.ts";
import * as base from "./migrations/0001-base.ts";

interface Migration {
  up(knex: Knex): Promise<void>;
  down(knex: Knex): Promise<void>;
}

/** In order; a migration that has been released is never changed, only followed by another. */
const migrations: Record<string, Migration> = {
  "0001-base": base,
};

/**
 * Runs what has not run yet, each in a transaction, under knex's lock, so that nodes that start together do not collide.
 * @returns the names of the migrations that ran
 */
export async function migrate(connection: Connection): Promise<string[]> {
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
    const [, ran] = (await knex.migrate.latest()) as [number, string[]];
    return ran;
  } finally {
    await knex.destroy();
  }
}
