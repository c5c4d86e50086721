/** Threads of sources that have no thread ids (e-mail), what a message keeps beside its text, and tokens of connectors. */
import type { Knex } from "knex";

const changes = `
/* raw: the message as the source has it, in the blob store. source_data is json, not jsonb, which refuses escaped NULs. */
ALTER TABLE messages ADD COLUMN quoted text, ADD COLUMN raw text, ADD COLUMN source_data json;
ALTER TABLE attachments ADD COLUMN content_id text;

/* Every id by which a message of the ticket goes, or that one of them names. */
CREATE TABLE thread_ids (
  company text NOT NULL,
  connector text NOT NULL,
  id text NOT NULL,
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  PRIMARY KEY (company, connector, id, ticket_id)
);
CREATE INDEX thread_ids_of_ticket ON thread_ids (ticket_id);

/* The addresses of all who wrote or got a message of the ticket, the company's own left out. */
CREATE TABLE participants (
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  address text NOT NULL,
  PRIMARY KEY (ticket_id, address)
);

/* A stranger's message that names a ticket: the two are linked, not joined. */
CREATE TABLE related_tickets (
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  related_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  PRIMARY KEY (ticket_id, related_id)
);
CREATE INDEX related_tickets_back ON related_tickets (related_id);

CREATE INDEX tickets_code ON tickets (company, connector, right(id::text, 10));

CREATE TABLE tokens (
  company text NOT NULL,
  connector text NOT NULL,
  /* Sealed with a key that only the config has. */
  sealed bytea,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, connector)
);
`;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(changes);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE tokens, related_tickets, participants, thread_ids;
    DROP INDEX tickets_code;
    ALTER TABLE attachments DROP COLUMN content_id;
    ALTER TABLE messages DROP COLUMN quoted, DROP COLUMN raw, DROP COLUMN source_data;
  `);
}
