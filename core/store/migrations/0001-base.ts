/** Tickets, messages and what became of them; cursors, leases, quarantine and the audit log. */
import type { Knex } from "knex";

/*
 * `messages`, `classifications` and `drafts` are written once and never changed. All that changes on a message's way
 * stands in the narrow table `progress`, whose updates stay on their page (HOT): its indexes leave `stage`,
 * `claimed_until` and the times out, and change only when a message is retried or ends.
 */
const tables = `
CREATE TABLE tickets (
  id uuid PRIMARY KEY,
  company text NOT NULL,
  connector text NOT NULL,
  thread_id text NOT NULL,
  subject text,
  requester_name text,
  requester_email text,
  requester_external_id text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (company, connector, thread_id)
) WITH (fillfactor = 85);
CREATE INDEX tickets_of_company ON tickets (company, id);
CREATE INDEX tickets_words ON tickets USING gin (to_tsvector('simple', subject)) WHERE subject IS NOT NULL;

CREATE TABLE messages (
  id uuid PRIMARY KEY,
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  company text NOT NULL,
  connector text NOT NULL,
  external_id text NOT NULL,
  sender text NOT NULL CHECK (sender IN ('requester', 'agent')),
  author_name text,
  author_email text,
  author_external_id text,
  text text NOT NULL,
  html text,
  sent_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (company, connector, external_id)
);
CREATE INDEX messages_of_ticket ON messages (ticket_id, id);
/* PostgreSQL refuses more than 1 MB of words in one text: of a very long one, the beginning is found. */
CREATE INDEX messages_words ON messages USING gin (to_tsvector('simple', left(text, 50000)));

CREATE TABLE progress (
  message_id uuid PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
  ticket_id uuid NOT NULL,
  company text NOT NULL,
  stage text NOT NULL DEFAULT 'received' CHECK (stage IN ('received', 'classified', 'drafted', 'delivered')),
  outcome text CHECK (outcome IN ('delivered', 'skipped', 'dead')),
  reason text,
  error jsonb,
  attempts smallint NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL,
  claimed_until timestamptz,
  delivered_as text,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  classified_at timestamptz,
  drafted_at timestamptz,
  ended_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX progress_open ON progress (company, due_at) WHERE outcome IS NULL;
CREATE INDEX progress_stopped ON progress (company, outcome, message_id) WHERE outcome IN ('skipped', 'dead');

CREATE TABLE attachments (
  id uuid PRIMARY KEY,
  message_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
  company text NOT NULL,
  name text NOT NULL,
  media_type text NOT NULL,
  bytes integer NOT NULL,
  blob text NOT NULL
);
CREATE INDEX attachments_of_message ON attachments (message_id);

CREATE TABLE classifications (
  message_id uuid PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
  ticket_id uuid NOT NULL,
  company text NOT NULL,
  type text NOT NULL,
  priority text NOT NULL,
  department text NOT NULL,
  detail jsonb NOT NULL,
  language text,
  out_of_scope real,
  model text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX classifications_of_ticket ON classifications (ticket_id);

CREATE TABLE drafts (
  id uuid PRIMARY KEY,
  message_id uuid NOT NULL UNIQUE REFERENCES messages ON DELETE CASCADE,
  ticket_id uuid NOT NULL,
  company text NOT NULL,
  text text NOT NULL,
  language text,
  written_by text NOT NULL,
  sources jsonb NOT NULL,
  notes jsonb NOT NULL,
  usage jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX drafts_of_ticket ON drafts (ticket_id);
CREATE INDEX drafts_of_company ON drafts (company, id);

CREATE TABLE outcomes (
  draft_id uuid PRIMARY KEY REFERENCES drafts ON DELETE CASCADE,
  company text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('sent-unchanged', 'edited', 'not-used')),
  reply_id uuid NOT NULL REFERENCES messages ON DELETE CASCADE,
  edit_distance integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE corrections (
  id uuid PRIMARY KEY,
  company text NOT NULL,
  connector text NOT NULL,
  external_id text NOT NULL,
  ticket_id uuid NOT NULL REFERENCES tickets ON DELETE CASCADE,
  labels jsonb NOT NULL,
  agent text,
  at timestamptz NOT NULL,
  UNIQUE (company, connector, external_id)
);

CREATE TABLE quarantine (
  id uuid PRIMARY KEY,
  company text NOT NULL,
  connector text NOT NULL,
  external_id text NOT NULL,
  reason text NOT NULL,
  blob text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (company, connector, external_id)
);

CREATE TABLE cursors (
  company text NOT NULL,
  connector text NOT NULL,
  cursor jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, connector)
);

CREATE TABLE leases (
  name text PRIMARY KEY,
  holder text NOT NULL,
  until timestamptz NOT NULL
);

CREATE TABLE webhooks_seen (
  company text NOT NULL,
  connector text NOT NULL,
  id text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (company, connector, id)
);
CREATE INDEX webhooks_seen_at ON webhooks_seen (at);

CREATE TABLE audit_log (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  company text,
  actor text NOT NULL,
  action text NOT NULL,
  subject text,
  detail jsonb NOT NULL
);
CREATE INDEX audit_log_of_company ON audit_log (company, id);

/* ISO 8601 in UTC with milliseconds, as JavaScript writes it. */
CREATE FUNCTION iso(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
`;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(tables);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE audit_log, webhooks_seen, leases, cursors, quarantine, corrections, outcomes, drafts, classifications,
      attachments, progress, messages, tickets;
    DROP FUNCTION refuse_change, iso;
  `);
}
