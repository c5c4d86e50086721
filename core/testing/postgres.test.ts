import pg from "pg";
import { expect, test } from "vitest";
import { createTestDatabase } from "./postgres.ts";

test("two test databases share nothing, and a dropped one is gone", async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  const client = new pg.Client(one.connection);
  await client.connect();
  await client.query("create table only_here (id int)");
  await client.end();
  const other = new pg.Client(two.connection);
  await other.connect();
  const { rows } = await other.query("select to_regclass('only_here') as found");
  await other.end();
  expect(rows).toEqual([{ found: null }]);
  await Promise.all([one.drop(), two.drop()]);
  await expect(new pg.Client(one.connection).connect()).rejects.toMatchObject({ code: "3D000" });
});

test("a test database ignores case in Cyrillic and can find trigrams", async () => {
  const database = await createTestDatabase();
  const client = new pg.Client(database.connection);
  await client.connect();
  await client.query("create extension pg_trgm");
  const { rows } = await client.query(
    "select 'ДОСТАВКА' ilike '%доставк%' as like, similarity('Доставка', 'доставка') as near",
  );
  await client.end();
  expect(rows).toEqual([{ like: true, near: 1 }]);
  await database.drop();
});
