/** The limits of accounts at other systems, kept by all nodes together. */
import type { Knex } from "knex";

const changes = `
/* next_at: when the next request would be due if requests came evenly; what it is ahead of the clock has been taken. */
CREATE TABLE quotas (
  account text NOT NULL,
  name text NOT NULL,
  requests integer NOT NULL CHECK (requests > 0),
  per_ms integer NOT NULL CHECK (per_ms > 0),
  next_at timestamptz NOT NULL DEFAULT '-infinity',
  held_until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (account, name)
) WITH (fillfactor = 50);
`;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(changes);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("DROP TABLE quotas");
}
