/** New messages: a batch of any companies and connectors in one statement, each stored once. */
import type { Runner } from "./database.ts";

export interface NewAttachment {
  id: string;
  name: string;
  mediaType: string;
  bytes: number;
  blob: string;
  contentId: string | null;
}

export interface NewMessage {
  /** The id that it gets if it is new. */
  id: string;
  /** The id that its ticket gets if there is none of this thread. */
  ticketId: string;
  company: string;
  connector: string;
  externalId: string;
  threadId: string;
  subject: string | null;
  name: string | null;
  email: string | null;
  personId: string | null;
  text: string;
  /** Quotes and signatures, taken off the text. */
  quoted: string | null;
  html: string | null;
  /** The message as the source has it, in the blob store. */
  raw: string | null;
  sourceData: unknown;
  sentAt: string;
  /** Stored, but not to be drafted for, with this reason. */
  skip: string | null;
  attachments: NewAttachment[];
}

export interface StoredMessage {
  messageId: string;
  ticketId: string;
  /** It had been stored before: nothing was changed. */
  duplicate: boolean;
}

// Both inserts go in the order of their unique keys: batches that touch the same rows wait for each other, never in a circle.
const insert = `
WITH input AS MATERIALIZED (
  SELECT * FROM json_to_recordset($1::json) AS i(
    n int, id uuid, "ticketId" uuid, company text, connector text, "externalId" text, "threadId" text, subject text,
    name text, email text, "personId" text, text text, quoted text, html text, raw text, "sourceData" json,
    "sentAt" timestamptz, skip text)
), fresh AS MATERIALIZED (
  SELECT DISTINCT ON (company, connector, "externalId") * FROM input i WHERE NOT EXISTS (
    SELECT 1 FROM messages m
    WHERE m.company = i.company AND m.connector = i.connector AND m.external_id = i."externalId")
  ORDER BY company, connector, "externalId", n
), ticket AS (
  INSERT INTO tickets (id, company, connector, thread_id, subject, requester_name, requester_email, requester_external_id)
  SELECT DISTINCT ON (company, connector, "threadId")
    "ticketId", company, connector, "threadId", subject, name, email, "personId"
  FROM fresh ORDER BY company, connector, "threadId", n
  ON CONFLICT (company, connector, thread_id) DO UPDATE SET
    updated_at = clock_timestamp(), subject = coalesce(tickets.subject, excluded.subject)
  RETURNING id, company, connector, thread_id
), message AS (
  INSERT INTO messages (id, ticket_id, company, connector, external_id, sender, author_name, author_email,
    author_external_id, text, quoted, html, raw, source_data, sent_at)
  SELECT f.id, t.id, f.company, f.connector, f."externalId", 'requester', f.name, f.email, f."personId", f.text, f.quoted,
    f.html, f.raw, f."sourceData", f."sentAt"
  FROM fresh f JOIN ticket t ON t.company = f.company AND t.connector = f.connector AND t.thread_id = f."threadId"
  ORDER BY f.company, f.connector, f."externalId"
  ON CONFLICT (company, connector, external_id) DO NOTHING
  RETURNING id, ticket_id
), state AS (
  INSERT INTO progress (message_id, ticket_id, company, due_at, outcome, reason, ended_at)
  SELECT m.id, m.ticket_id, f.company, clock_timestamp() + $2 * interval '1 ms',
    CASE WHEN f.skip IS NOT NULL THEN 'skipped' END, f.skip, CASE WHEN f.skip IS NOT NULL THEN clock_timestamp() END
  FROM message m JOIN fresh f USING (id)
), files AS (
  INSERT INTO attachments (id, message_id, company, name, media_type, bytes, blob, content_id)
  SELECT a.id, a."messageId", f.company, a.name, a."mediaType", a.bytes, a.blob, a."contentId"
  FROM json_to_recordset($3::json) AS a(id uuid, "messageId" uuid, name text, "mediaType" text, bytes int, blob text,
    "contentId" text)
  JOIN message m ON m.id = a."messageId" JOIN fresh f ON f.id = m.id
)
SELECT i.n, m.id AS "messageId", m.ticket_id AS "ticketId" FROM input i JOIN message m USING (id)`;

const existing = `
SELECT i.n, m.id AS "messageId", m.ticket_id AS "ticketId"
FROM json_to_recordset($1::json) AS i(n int, company text, connector text, "externalId" text)
JOIN messages m ON m.company = i.company AND m.connector = i.connector AND m.external_id = i."externalId"`;

/**
 * Stores what is new and finds what is not.
 * @param stalledMs milliseconds after which `recover` may look at a message that nobody took up
 * @returns one result for each message, in the same order
 */
export async function insertMessages(
  runner: Runner,
  messages: NewMessage[],
  stalledMs: number,
): Promise<StoredMessage[]> {
  if (messages.length === 0) return [];
  const rows = messages.map(({ attachments: _, ...message }, n) => ({ ...message, n }));
  const files = messages.flatMap((message) =>
    message.attachments.map((file) => ({ ...file, messageId: message.id })),
  );
  type Found = { n: number; messageId: string; ticketId: string };
  const inserted = await runner.query<Found>("insert-messages", insert, [
    JSON.stringify(rows),
    stalledMs,
    JSON.stringify(files),
  ]);
  const results = new Map<string, StoredMessage>();
  for (const { n, messageId, ticketId } of inserted) {
    results.set((rows[n] as { id: string }).id, { messageId, ticketId, duplicate: false });
  }
  const missing = rows.filter((row) => !results.has(row.id));
  if (missing.length > 0) {
    const keys = missing.map(({ n, company, connector, externalId }) => ({
      n,
      company,
      connector,
      externalId,
    }));
    for (const { n, messageId, ticketId } of await runner.query<Found>("find-messages", existing, [
      JSON.stringify(keys),
    ])) {
      results.set((rows[n] as { id: string }).id, { messageId, ticketId, duplicate: true });
    }
  }
  return messages.map((message) => {
    const result = results.get(message.id);
    if (!result) throw new Error(`message ${message.externalId} was neither stored nor found`);
    return result;
  });
}

/** Where a message lies in the blob store as its source had it; null where there is none, or it is another company's. */
export async function findRaw(runner: Runner, company: string, id: string): Promise<string | null> {
  const [row] = await runner.query<{ raw: string | null }>(
    "find-raw",
    "SELECT raw FROM messages WHERE company = $1 AND id = $2",
    [company, id],
  );
  return row?.raw ?? null;
}

/** How many of a connector's items are stored as messages or replies, and how many lie in quarantine. */
export async function countKnown(
  runner: Runner,
  { company, connector }: { company: string; connector: string },
  externalIds: string[],
): Promise<{ stored: number; quarantined: number }> {
  const [row] = await runner.query<{ stored: number; quarantined: number }>(
    "count-known",
    `SELECT
       (SELECT count(*)::int FROM messages WHERE company = $1 AND connector = $2 AND external_id = ANY($3::text[])) AS stored,
       (SELECT count(*)::int FROM quarantine WHERE company = $1 AND connector = $2 AND external_id = ANY($3::text[])) AS quarantined`,
    [company, connector, externalIds],
  );
  return row ?? { stored: 0, quarantined: 0 };
}
