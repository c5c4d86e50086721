/** Lessons: what customers wrote, with the labels that agents chose for it. */
import type { Runner } from "./database.ts";

/** A ticket's first message, and what people called the ticket. */
export interface Lesson {
  /** The id of the ticket's newest correction. */
  id: string;
  ticket: string;
  subject: string | null;
  /** At most 8,000 characters. */
  text: string;
  /** Label by head: of several choices for a head the newest. */
  labels: Record<string, string>;
  /** When the newest choice was made, ISO 8601. */
  at: string;
}

/** How far a correction has been learnt from: by a training that learns on from the model in force, or by one that learns all anew. */
export const learnt = { quickly: 1, anew: 2 } as const;
export type Learnt = (typeof learnt)[keyof typeof learnt];

const pageLength = 500;
const textLength = 8_000;
/** Why else than for being automatic a customer's message may have been passed over. */
const skippedThough = "'answered', 'superseded', 'edited', 'closed', 'imported', 'history'";

// The walk goes by time along an index, and stops at the newest correction of each ticket.
const page = `
  SELECT c.id, c.at::text AS place, iso(c.at) AS at, c.ticket_id AS ticket, t.subject, m.text, l.labels
  FROM corrections c JOIN tickets t ON t.id = c.ticket_id
  LEFT JOIN LATERAL (
    SELECT left(m.text, ${textLength}) AS text FROM messages m JOIN progress p ON p.message_id = m.id
    WHERE m.ticket_id = c.ticket_id AND m.sender = 'requester'
      AND (p.outcome = 'skipped' AND p.reason NOT IN (${skippedThough})) IS NOT TRUE
    ORDER BY m.id LIMIT 1
  ) m ON true
  CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(e.key, e.value ORDER BY o.at, o.id) AS labels
    FROM corrections o, jsonb_each_text(o.labels) AS e
    WHERE o.company = c.company AND o.ticket_id = c.ticket_id AND e.value <> ''
  ) l
  WHERE c.company = $1 AND (c.at, c.id) > ($2::timestamptz, $3::uuid) AND NOT EXISTS (
    SELECT 1 FROM corrections n
    WHERE n.company = c.company AND n.ticket_id = c.ticket_id AND (n.at, n.id) > (c.at, c.id)
  )
  ORDER BY c.at, c.id LIMIT ${pageLength}`;

// The one before the newest so many: found along the index from its end, without a look at any text.
const before = `
  SELECT c.id, c.at::text AS place FROM corrections c
  WHERE c.company = $1 AND NOT EXISTS (
    SELECT 1 FROM corrections n
    WHERE n.company = c.company AND n.ticket_id = c.ticket_id AND (n.at, n.id) > (c.at, c.id)
  )
  ORDER BY c.at DESC, c.id DESC OFFSET $2 LIMIT 1`;

interface PageRow extends Omit<Lesson, "text" | "labels"> {
  /** With all its digits, of which a Date would lose some. */
  place: string;
  text: string | null;
  labels: Record<string, string> | null;
}

/**
 * Makes a transaction see the database as it is at its first statement, however long it goes on. To be called before that.
 */
export async function freeze(runner: Runner): Promise<void> {
  await runner.query("freeze", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", []);
}

/**
 * The lessons of a company, in the order in which their newest labels were chosen: one for each ticket that has corrections and a
 * customer's message that is not automatic. They are read page by page; where corrections come in meanwhile, a ticket may show up
 * twice, unless the runner is a frozen transaction.
 * @param most of the tickets with corrections, only so many are read: those whose labels were chosen last
 */
export async function* readLessons(runner: Runner, company: string, most?: number): AsyncGenerator<Lesson> {
  let place = "-infinity";
  let id = "00000000-0000-0000-0000-000000000000";
  if (most !== undefined) {
    const [last] = await runner.query<{ place: string; id: string }>("place-of-lessons", before, [
      company,
      most,
    ]);
    if (last) ({ place, id } = last);
  }
  for (;;) {
    const rows = await runner.query<PageRow & Record<string, unknown>>("read-lessons", page, [
      company,
      place,
      id,
    ]);
    for (const row of rows) {
      const { ticket, subject, text, labels, at } = row;
      if (text !== null && labels !== null) yield { id: row.id, ticket, subject, text, labels, at };
      ({ place, id } = row);
    }
    if (rows.length < pageLength) return;
  }
}

/** The corrections that have not been learnt from this far. */
export async function listUnlearnt(runner: Runner, company: string, far: Learnt): Promise<string[]> {
  const rows = await runner.query<{ id: string }>(
    "list-unlearnt",
    "SELECT id FROM corrections WHERE company = $1 AND learnt < 2 AND learnt < $2",
    [company, far],
  );
  return rows.map(({ id }) => id);
}

export async function markLearnt(runner: Runner, corrections: string[], far: Learnt): Promise<void> {
  await runner.query(
    "mark-learnt",
    "UPDATE corrections SET learnt = $2 WHERE id = ANY($1::uuid[]) AND learnt < $2",
    [corrections, far],
  );
}
