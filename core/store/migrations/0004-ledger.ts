/** The completeness ledger: the last comparison of each source with what is stored, and what of it needs no second look. */
import type { Knex } from "knex";

const changes = `
/* What a source held before it was first read is nobody's gap. */
ALTER TABLE cursors ADD COLUMN created_at timestamptz NOT NULL DEFAULT clock_timestamp();

/* One row for each source: the last comparison that came to its end, and the last attempt. */
CREATE TABLE ledger_runs (
  company text NOT NULL,
  connector text NOT NULL,
  attempted_at timestamptz NOT NULL,
  error text,
  checked_at timestamptz,
  since timestamptz,
  until timestamptz,
  listed integer NOT NULL DEFAULT 0,
  known integer NOT NULL DEFAULT 0,
  passed_over integer NOT NULL DEFAULT 0,
  healed integer NOT NULL DEFAULT 0,
  still_missing integer NOT NULL DEFAULT 0,
  PRIMARY KEY (company, connector)
);

/* Items that a source lists and that are not stored, though they were asked for: passed over, or not to be had. */
CREATE TABLE ledger_items (
  company text NOT NULL,
  connector text NOT NULL,
  external_id text NOT NULL,
  state text NOT NULL CHECK (state IN ('passed-over', 'missing')),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, connector, external_id)
);
`;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(changes);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw("DROP TABLE ledger_items, ledger_runs; ALTER TABLE cursors DROP COLUMN created_at");
}
