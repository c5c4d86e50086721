/** What agents' corrections teach: which of them have been learnt from, and how each company's last training ended. */
import type { Knex } from "knex";

/*
 * Each correction says for itself whether it has been learnt from. Ids and times would not do: a transaction that is committed
 * late may hold an earlier one than what has been looked at meanwhile.
 */
const changes = `
/* 0: not yet, 1: by a quick training, 2: by one that learnt all anew. */
ALTER TABLE corrections ADD COLUMN learnt smallint NOT NULL DEFAULT 0 CHECK (learnt BETWEEN 0 AND 2);
CREATE INDEX corrections_unlearnt ON corrections (company, learnt, id) WHERE learnt < 2;
CREATE INDEX corrections_by_time ON corrections (company, at, id);
CREATE INDEX corrections_of_ticket ON corrections (company, ticket_id, at, id);

CREATE TABLE trainings (
  company text PRIMARY KEY,
  /* How the last one ended. */
  reason text,
  outcome text CHECK (outcome IN ('promoted', 'kept', 'too-few', 'failed')),
  version text,
  message text,
  at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT '-infinity',
  /* The SHA-256 of the last data sets, the newest first. */
  datasets text[] NOT NULL DEFAULT '{}'
);
`;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(changes);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE trainings;
    DROP INDEX corrections_unlearnt, corrections_by_time, corrections_of_ticket;
    ALTER TABLE corrections DROP COLUMN learnt;
  `);
}
