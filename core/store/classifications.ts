/** What the classifier said of a message. */
import type { Runner } from "./database.ts";
import { inTicket, type MessageInTicket, type Moved, moved } from "./drafts.ts";
import { type Claimant, isOpen, type Waiting } from "./progress.ts";

export type UnclassifiedMessage = MessageInTicket & Waiting;

/** The messages among `ids` that wait for their labels. */
export async function loadUnclassified(runner: Runner, ids: string[]): Promise<UnclassifiedMessage[]> {
  return runner.query<UnclassifiedMessage & { id: string }>(
    "load-unclassified",
    `SELECT ${inTicket}, p.attempts,
       (extract(epoch FROM clock_timestamp() - p.received_at) * 1000)::float8 AS "ageMs"
     FROM progress p JOIN messages m ON m.id = p.message_id JOIN tickets t ON t.id = m.ticket_id
     WHERE p.message_id = ANY($1::uuid[]) AND p.stage = 'received' AND ${isOpen}`,
    [ids],
  );
}

export interface NewClassification {
  messageId: string;
  type: string;
  priority: string;
  department: string;
  /** The three predictions whole: confidences, alternatives, reasons. */
  detail: unknown;
  language: string | null;
  outOfScope: number | null;
  model: string;
}

/**
 * Stores labels and moves their messages on, in one statement, each with a claim for its draft.
 * @returns those that moved
 */
export async function saveClassifications(
  runner: Runner,
  items: NewClassification[],
  { node, ms }: Claimant,
): Promise<Moved[]> {
  return runner.query<Moved & { id: string }>(
    "save-classifications",
    `WITH i AS MATERIALIZED (
       SELECT * FROM json_to_recordset($1::json) AS i("messageId" uuid, type text, priority text, department text,
         detail jsonb, language text, "outOfScope" real, model text)
     ), moved AS (
       UPDATE progress p SET stage = 'classified', classified_at = clock_timestamp(), attempts = 0, error = NULL,
         claimed_by = $2, claimed_until = clock_timestamp() + $3 * interval '1 ms'
       FROM i WHERE p.message_id = i."messageId" AND p.stage = 'received' AND ${isOpen}
       RETURNING p.message_id, p.ticket_id, p.company, p.attempts, p.received_at
     ), stored AS (
       INSERT INTO classifications (message_id, ticket_id, company, type, priority, department, detail, language,
         out_of_scope, model)
       SELECT m.message_id, m.ticket_id, m.company, i.type, i.priority, i.department, i.detail, i.language,
         i."outOfScope", i.model
       FROM moved m JOIN i ON i."messageId" = m.message_id
     )
     SELECT ${moved} FROM moved p`,
    [JSON.stringify(items), node, ms],
  );
}
