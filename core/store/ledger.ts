/** The completeness ledger: which items of a source are not stored, and how its last comparison ended. */
import type { Runner } from "./database.ts";

interface SourceKey {
  company: string;
  connector: string;
}

export interface UnknownItem {
  id: string;
  /** What an earlier comparison found out: it is passed over, or could not be had; null for a new one. */
  state: "passed-over" | "missing" | null;
}

/** Those of a connector's items that are neither stored as messages or replies nor in quarantine. */
export async function findUnknown(
  runner: Runner,
  { company, connector }: SourceKey,
  externalIds: string[],
): Promise<UnknownItem[]> {
  return runner.query<UnknownItem & Record<string, unknown>>(
    "find-unknown",
    `SELECT i.id, l.state FROM unnest($3::text[]) AS i(id)
     LEFT JOIN ledger_items l ON l.company = $1 AND l.connector = $2 AND l.external_id = i.id
     WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.company = $1 AND m.connector = $2 AND m.external_id = i.id)
       AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.company = $1 AND q.connector = $2 AND q.external_id = i.id)`,
    [company, connector, externalIds],
  );
}

/** Notes items that a comparison could not bring in, and forgets those that no window reaches any more. */
export async function saveItems(
  runner: Runner,
  { company, connector }: SourceKey,
  items: Array<{ id: string; state: "passed-over" | "missing" }>,
): Promise<void> {
  await runner.query(
    "save-ledger-items",
    `INSERT INTO ledger_items (company, connector, external_id, state)
     SELECT $1, $2, id, state FROM json_to_recordset($3::json) AS i(id text, state text)
     ON CONFLICT (company, connector, external_id) DO UPDATE SET state = excluded.state`,
    [company, connector, JSON.stringify(items)],
  );
  await runner.query(
    "forget-ledger-items",
    "DELETE FROM ledger_items WHERE company = $1 AND connector = $2 AND at < now() - interval '60 days'",
    [company, connector],
  );
}

export interface LedgerFigures {
  since: Date;
  until: Date;
  /** Different items that the source holds: known, passed over, healed and still missing together. */
  listed: number;
  /** Stored as messages or replies, or in quarantine, before the comparison. */
  known: number;
  /** Replies of agents to people who never wrote: they belong to no ticket. */
  passedOver: number;
  healed: number;
  stillMissing: number;
}

/** Keeps a comparison that came to its end, in place of the one before. */
export async function saveRun(
  runner: Runner,
  { company, connector }: SourceKey,
  { since, until, listed, known, passedOver, healed, stillMissing }: LedgerFigures,
  error: string | null,
): Promise<void> {
  await runner.query(
    "save-ledger-run",
    `INSERT INTO ledger_runs (company, connector, attempted_at, checked_at, since, until, listed, known, passed_over,
       healed, still_missing, error)
     VALUES ($1, $2, clock_timestamp(), clock_timestamp(), $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (company, connector) DO UPDATE SET attempted_at = excluded.attempted_at,
       checked_at = excluded.checked_at, since = excluded.since, until = excluded.until, listed = excluded.listed,
       known = excluded.known, passed_over = excluded.passed_over, healed = excluded.healed,
       still_missing = excluded.still_missing, error = excluded.error`,
    [company, connector, since, until, listed, known, passedOver, healed, stillMissing, error],
  );
}

/** Notes a comparison that failed; the figures of the last whole one stay. */
export async function saveFailedRun(
  runner: Runner,
  { company, connector }: SourceKey,
  error: string,
): Promise<void> {
  await runner.query(
    "save-failed-ledger-run",
    `INSERT INTO ledger_runs (company, connector, attempted_at, error) VALUES ($1, $2, clock_timestamp(), $3)
     ON CONFLICT (company, connector) DO UPDATE SET attempted_at = excluded.attempted_at, error = excluded.error`,
    [company, connector, error],
  );
}

/** The last comparison of a source; where none has come to its end, its times are null and its figures 0. */
export interface LedgerRow extends Omit<LedgerFigures, "since" | "until">, SourceKey {
  attemptedAt: Date;
  checkedAt: Date | null;
  since: Date | null;
  until: Date | null;
  /** Why the last attempt failed, or could not fetch what was missing. */
  error: string | null;
}

export async function listRuns(runner: Runner, company: string): Promise<LedgerRow[]> {
  return runner.query<LedgerRow & Record<string, unknown>>(
    "list-ledger-runs",
    `SELECT company, connector, attempted_at AS "attemptedAt", checked_at AS "checkedAt", error, since, until, listed, known,
       passed_over AS "passedOver", healed, still_missing AS "stillMissing"
     FROM ledger_runs WHERE company = $1`,
    [company],
  );
}

/** When the first page of a source was committed, by the database's clock; null before that. */
export async function firstRead(runner: Runner, { company, connector }: SourceKey): Promise<Date | null> {
  const [row] = await runner.query<{ at: Date }>(
    "first-read",
    "SELECT created_at AS at FROM cursors WHERE company = $1 AND connector = $2",
    [company, connector],
  );
  return row?.at ?? null;
}

/**
 * Sources whose last comparison was begun longer ago than `everyMs`, and that were first read longer ago than `graceMs`.
 */
export async function listDue(runner: Runner, everyMs: number, graceMs: number): Promise<SourceKey[]> {
  return runner.query<SourceKey & Record<string, unknown>>(
    "list-due-ledgers",
    `SELECT c.company, c.connector FROM cursors c LEFT JOIN ledger_runs r USING (company, connector)
     WHERE (r.attempted_at IS NULL OR r.attempted_at < clock_timestamp() - $1 * interval '1 ms')
       AND c.created_at < clock_timestamp() - $2 * interval '1 ms'`,
    [everyMs, graceMs],
  );
}

/** The most messages that are counted as overdue: beyond, the number says no more. */
const mostOverdue = 10_000;

/** Messages that have been open for longer than an hour, by connector; all together at most 10,000 are counted. */
export async function countOverdue(
  runner: Runner,
  company: string | null,
): Promise<Array<{ connector: string; count: number }>> {
  return runner.query(
    "count-overdue",
    `SELECT m.connector, count(*)::int AS count FROM (
       SELECT message_id FROM progress WHERE outcome IS NULL AND ($1::text IS NULL OR company = $1)
         AND received_at < clock_timestamp() - interval '1 hour' LIMIT ${mostOverdue}
     ) p JOIN messages m ON m.id = p.message_id GROUP BY m.connector`,
    [company],
  );
}
