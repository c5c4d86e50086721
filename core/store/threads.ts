/** Which ticket a message belongs to, where its source has no thread ids: by the ids that it names, and by who is on it. */
import type { Runner } from "./database.ts";

export interface FoundThread {
  /** What it was found by: an id that a message goes by or names, or a ticket's code. */
  key: string;
  ticketId: string;
  threadId: string;
  participants: string[];
}

/** The most tickets that are looked at: strangers may name the same message as often as they like. */
const mostFound = 2_000;

/** Lets one transaction at a time sort messages of a connector into threads, so that two never open the same thread twice. */
export async function lockThreads(runner: Runner, company: string, connector: string): Promise<void> {
  await runner.query("lock-threads", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [
    `threads:${company}/${connector}`,
  ]);
}

/** The tickets that know one of these ids, or have one of these codes; the oldest first. */
export async function findThreads(
  runner: Runner,
  { company, connector }: { company: string; connector: string },
  ids: string[],
  codes: string[],
): Promise<FoundThread[]> {
  return runner.query<FoundThread & Record<string, unknown>>(
    "find-threads",
    `SELECT found.key, t.id AS "ticketId", t.thread_id AS "threadId",
       coalesce((SELECT json_agg(address) FROM participants p WHERE p.ticket_id = t.id), '[]') AS participants
     FROM (
       SELECT id AS key, ticket_id FROM thread_ids WHERE company = $1 AND connector = $2 AND id = ANY($3::text[])
       UNION ALL
       SELECT right(id::text, 10), id FROM tickets
       WHERE company = $1 AND connector = $2 AND right(id::text, 10) = ANY($4::text[])
     ) AS found JOIN tickets t ON t.id = found.ticket_id
     ORDER BY t.id LIMIT ${mostFound}`,
    [company, connector, ids, codes],
  );
}

export interface ThreadEntry {
  ticketId: string;
  ids: string[];
  participants: string[];
  /** Tickets that a message of this one names without belonging there. */
  related: string[];
}

/** Remembers ids, people and links of tickets. */
export async function saveThreads(
  runner: Runner,
  { company, connector }: { company: string; connector: string },
  entries: ThreadEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await runner.query(
    "save-threads",
    `WITH i AS MATERIALIZED (
       SELECT * FROM json_to_recordset($3::json) AS i("ticketId" uuid, ids json, participants json, related json)
     ), ids AS (
       INSERT INTO thread_ids (company, connector, id, ticket_id)
       SELECT DISTINCT $1, $2, e.value, i."ticketId" FROM i, json_array_elements_text(i.ids) AS e
       ORDER BY 3, 4 ON CONFLICT DO NOTHING
     ), people AS (
       INSERT INTO participants (ticket_id, address)
       SELECT DISTINCT i."ticketId", e.value FROM i, json_array_elements_text(i.participants) AS e
       ORDER BY 1, 2 ON CONFLICT DO NOTHING
     )
     INSERT INTO related_tickets (ticket_id, related_id)
     SELECT DISTINCT i."ticketId", e.value::uuid FROM i, json_array_elements_text(i.related) AS e
     ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
    [company, connector, JSON.stringify(entries)],
  );
}
