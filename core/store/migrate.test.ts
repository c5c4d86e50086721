import knexModule from "knex";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { migrate } from "./migrate.ts";
import * as base from "./migrations/0001-base.ts";

async function emptyDatabase() {
  const { connection, drop } = await createTestDatabase();
  const client = new pg.Client(connection);
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await drop();
  });
  const objects = async () =>
    (
      await client.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^migrations'
         UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
      )
    ).rows.map(({ name }) => name);
  return { connection, client, objects };
}

const all = [
  "0001-base",
  "0002-threads",
  "0003-claimants",
  "0004-ledger",
  "0005-statistics",
  "0006-words",
  "0007-quotas",
  "0008-lessons",
  "0009-label-changes",
];

test("a fresh database gets the schema, and a second start finds nothing to do", async () => {
  const { connection, objects } = await emptyDatabase();
  expect(await migrate(connection)).toEqual(all);
  const made = await objects();
  expect(made).toEqual(expect.arrayContaining(["tickets", "messages", "progress", "audit_log"]));
  expect(await migrate(connection)).toEqual([]);
  expect(await objects()).toEqual(made);
});

test("the first migration can be undone without a trace, and done again", async () => {
  const { connection, objects } = await emptyDatabase();
  const knex = knexModule({ client: "pg", connection, pool: { min: 0, max: 1 } });
  onTestFinished(() => knex.destroy());
  expect(await objects()).toEqual([]);
  await base.up(knex);
  const made = await objects();
  await base.down(knex);
  expect(await objects()).toEqual([]);
  await base.up(knex);
  expect(await objects()).toEqual(made);
});

test("nodes that start together wait for each other, and one of them migrates", async () => {
  const { connection } = await emptyDatabase();
  const ran = await Promise.all(Array.from({ length: 6 }, () => migrate(connection)));
  expect(ran.flat()).toEqual(all);
});

test("a node that died while it migrated does not keep the next one from starting", async () => {
  const { connection, client } = await emptyDatabase();
  await migrate(connection);
  await client.query("UPDATE migrations_lock SET is_locked = 1");
  await expect(migrate(connection)).resolves.toEqual([]);
});
