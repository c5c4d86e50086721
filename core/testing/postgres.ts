/** Databases for tests: one real PostgreSQL for the whole run, and a fresh database in it for whoever asks. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import type { PostgresConnection } from "../store/embedded-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The run's PostgreSQL; core/testing/global-setup.ts starts it. */
    postgres: PostgresConnection;
  }
}

export interface TestDatabase {
  /** For `pg.Pool`, `pg.Client` and knex's `connection`. */
  readonly connection: PostgresConnection;
  /** Removes the database and cuts what is still connected to it. */
  drop(): Promise<void>;
}

/** The connection of the run's PostgreSQL as its superuser, to the database that new ones are made from. */
export function testServer(): PostgresConnection {
  return inject("postgres");
}

/**
 * Makes a fresh database in the run's PostgreSQL, in some 30 ms. It survives no power loss: tests of durability start a
 * server of their own.
 *
 * @param template the database to copy, to which nobody may be connected; an empty one by default.
 */
export async function createTestDatabase(template = "template0"): Promise<TestDatabase> {
  const database = `test_${randomBytes(8).toString("hex")}`;
  await administrate(
    `create database ${pg.escapeIdentifier(database)} template ${pg.escapeIdentifier(template)}`,
  );
  return {
    connection: { ...testServer(), database },
    drop: () => administrate(`drop database if exists ${pg.escapeIdentifier(database)} with (force)`),
  };
}

async function administrate(statement: string): Promise<void> {
  const client = new pg.Client(testServer());
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
