/** A history of many messages, made by the database itself: tickets of two messages each, of several companies, all ended. */
import type { BenchDatabase } from "./database.ts";

/** The company under test has two fifths of the history. */
const companies = (own: string) => [own, own, "brand", "candle", "dune"];

const filled = ["tickets", "messages", "progress", "classifications", "drafts", "audit_log"] as const;

/** UUIDv7, as the hub makes them: sorted by time. */
const helpers = `
CREATE FUNCTION pg_temp.id_of(kind text, n bigint, at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(kind || n), 1, 3) || '8' ||
    substr(md5(kind || n), 4, 15))::uuid $$;
`;

/** Paragraphs of 24 words, common and rare ones as in a language: the search index over texts gets its usual size. */
const paragraphs = `
CREATE TEMPORARY TABLE paragraphs AS
SELECT p AS id, string_agg(substr(translate(md5('word' || word), '0123456789', 'ghijklmnop'), 1, 3 + word % 8), ' ') || '. ' AS text
FROM (SELECT p, (power(random(), 4) * 40000)::int AS word FROM generate_series(0, 9999) p, generate_series(1, 24)) w
GROUP BY p;
CREATE UNIQUE INDEX ON paragraphs (id);
ANALYZE paragraphs;
`;

/** One row for each message; the last one came an hour ago, the first a year before. */
const plan = (messages: number, own: string) => `
CREATE TEMPORARY TABLE plan AS
SELECT i, i % 2 AS reply, pg_temp.id_of('m', i, at) AS message_id, pg_temp.id_of('t', t, first_at) AS ticket_id,
  company, at, CASE WHEN i % 40 = 0 THEN 'skipped' WHEN i % 101 = 0 THEN 'dead' ELSE 'delivered' END AS outcome
FROM (
  SELECT i, i / 2 AS t, ('{${companies(own).join(",")}}'::text[])[1 + (i / 2) % 5] AS company,
    now() - interval '1 hour' - interval '1 year' * (1 - i::float / ${messages}) AS at,
    now() - interval '1 hour' - interval '1 year' * (1 - (i / 2 * 2)::float / ${messages}) AS first_at
  FROM generate_series(0, ${messages - 1}::bigint) i) s;
ANALYZE plan;
`;

const label = (name: string) => `json_build_object('label', '${name}', 'confidence', 0.87)`;

const rows = `
INSERT INTO tickets (id, company, connector, thread_id, subject, requester_name, requester_email, created_at, updated_at)
SELECT ticket_id, company, 'desk', 'history-' || i, 'Question about order ' || i, 'Person ' || i % 90000,
  'person-' || i % 90000 || '@example.com', at, at FROM plan WHERE reply = 0 ORDER BY i;

INSERT INTO messages (id, ticket_id, company, connector, external_id, sender, author_name, author_email, text, sent_at, received_at)
SELECT message_id, ticket_id, company, 'desk', 'history-' || i, 'requester', 'Person ' || (i / 2 * 2) % 90000,
  'person-' || (i / 2 * 2) % 90000 || '@example.com', a.text || b.text || c.text, at, at
FROM plan JOIN paragraphs a ON a.id = i % 10000 JOIN paragraphs b ON b.id = i * 7919 / 13 % 10000
  JOIN paragraphs c ON c.id = i * 104729 / 17 % 10000 ORDER BY i;

INSERT INTO progress (message_id, ticket_id, company, stage, outcome, reason, error, due_at, delivered_as, received_at,
  classified_at, drafted_at, ended_at)
SELECT message_id, ticket_id, company, CASE outcome WHEN 'delivered' THEN 'delivered' ELSE 'classified' END, outcome,
  CASE outcome WHEN 'skipped' THEN 'answered' END,
  CASE outcome WHEN 'dead' THEN '{"kind": "permanent", "message": "refused"}'::jsonb END, at,
  CASE outcome WHEN 'delivered' THEN 'note-' || i END, at, at, at, at FROM plan ORDER BY i;

INSERT INTO classifications (message_id, ticket_id, company, type, priority, department, detail, language, out_of_scope,
  model, created_at)
SELECT message_id, ticket_id, company, 'incident', 'normal', 'billing',
  json_build_object('type', ${label("incident")}, 'priority', ${label("normal")}, 'department', ${label("billing")}),
  'en', 0.1, 'history', at FROM plan ORDER BY i;

INSERT INTO drafts (id, message_id, ticket_id, company, text, language, written_by, sources, notes, usage, created_at)
SELECT pg_temp.id_of('d', i, at), message_id, ticket_id, company, a.text || b.text, 'en', 'history',
  '[{"title": "Returns", "path": "returns.md"}]', '[]', '{"promptTokens": 400, "completionTokens": 90}', at
FROM plan JOIN paragraphs a ON a.id = i * 31 % 10000 JOIN paragraphs b ON b.id = i * 6101 / 19 % 10000
WHERE outcome = 'delivered' ORDER BY i;

INSERT INTO audit_log (id, at, company, actor, action, subject, detail)
SELECT pg_temp.id_of('a', i, at), at, company, 'hub', 'draft.delivered', message_id,
  json_build_object('connector', 'desk', 'externalId', 'note-' || i, 'created', true)
FROM plan WHERE outcome = 'delivered' ORDER BY i;
`;

/** Takes the indexes away that no constraint needs. @returns the statements that make them again */
async function dropIndexes(database: BenchDatabase): Promise<string[]> {
  const indexes = await database.query<{ name: string; definition: string }>(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
     WHERE i.indrelid = ANY($1::text[]::regclass[])
       AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)`,
    [filled],
  );
  for (const { name } of indexes) await database.query(`DROP INDEX ${name}`);
  return indexes.map(({ definition }) => definition);
}

/**
 * Fills a database whose schema is there and that nobody else uses: some three minutes and 3 GB for 1 million messages.
 * @param own the company that the benchmark sends for
 */
export async function fillHistory(database: BenchDatabase, messages: number, own: string): Promise<void> {
  // The rows fit together by their making; checking each against the others would take longer than writing them.
  await database.query(
    "SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; SET work_mem = '128MB'",
  );
  const indexes = await dropIndexes(database);
  await database.query(helpers + paragraphs);
  await database.query(plan(messages, own));
  await database.query(rows);
  for (const definition of indexes) await database.query(definition);
  await database.query("DROP TABLE plan, paragraphs");
  await database.query("RESET ALL");
  await database.query(`VACUUM ANALYZE ${filled.join(", ")}`);
  await database.query("CHECKPOINT");
}
