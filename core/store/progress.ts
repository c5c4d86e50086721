/** The state of each message on its way: conditional updates from the stage before, so that a repeated step does nothing. */
import type { Runner } from "./database.ts";

/** The stages that a message can be in while it is on its way, each waiting for the next step. */
export type OpenStage = "received" | "classified" | "drafted";
export type Stage = OpenStage | "delivered" | "skipped" | "dead";

/**
 * That a message has not ended, for statements that have its key. The plain condition would let PostgreSQL go through the index
 * over all open messages instead, which it takes for short as long as nobody has counted them.
 */
export const isOpen = "coalesce(outcome, '') = ''";

/** The error that a message waits or died with. */
export interface StoredError {
  kind: string;
  message: string;
  /** What was being done. */
  step: string;
}

export interface OpenMessage {
  id: string;
  company: string;
  stage: OpenStage;
}

export interface Waiting {
  id: string;
  /** Failed attempts at this stage so far. */
  attempts: number;
  /** Milliseconds since it was received. */
  ageMs: number;
}

/** Who holds a claim, and for how many milliseconds it holds without being extended. */
export interface Claimant {
  /** A UUID of the process. */
  node: string;
  ms: number;
}

/**
 * Takes messages that stand at `stage` for this node, so that no other works on them until the claim runs out; extend
 * it with `extendClaims` while the work goes on.
 * @returns those that were free, with the attempts made so far
 */
export async function claim(
  runner: Runner,
  stage: OpenStage,
  ids: string[],
  { node, ms }: Claimant,
): Promise<Waiting[]> {
  return runner.query<Waiting & { id: string }>(
    "claim",
    `UPDATE progress SET claimed_by = $3, claimed_until = clock_timestamp() + $4 * interval '1 ms'
     WHERE message_id = ANY($1::uuid[]) AND stage = $2 AND ${isOpen}
       AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
     RETURNING message_id AS id, attempts,
       (extract(epoch FROM clock_timestamp() - received_at) * 1000)::float8 AS "ageMs"`,
    [ids, stage, node, ms],
  );
}

/** Which of these messages stand at `stage` and are being worked on. */
export async function claimedStill(runner: Runner, stage: OpenStage, ids: string[]): Promise<string[]> {
  const rows = await runner.query<{ id: string }>(
    "claimed-still",
    `SELECT message_id AS id FROM progress WHERE message_id = ANY($1::uuid[]) AND stage = $2 AND ${isOpen}
       AND claimed_until >= clock_timestamp()`,
    [ids, stage],
  );
  return rows.map((row) => row.id);
}

/**
 * Keeps the claims of messages that this node is still working on; what another node has taken over stays its own. A row
 * that is being saved at this moment is passed over: to wait for it, in an order of its own, could end in a deadlock.
 */
export async function extendClaims(runner: Runner, ids: string[], { node, ms }: Claimant): Promise<void> {
  await runner.query(
    "extend-claims",
    `WITH own AS MATERIALIZED (
       SELECT message_id FROM progress
       WHERE message_id = ANY($1::uuid[]) AND claimed_by = $2 AND claimed_until IS NOT NULL AND ${isOpen}
       FOR UPDATE SKIP LOCKED
     )
     UPDATE progress p SET claimed_until = clock_timestamp() + $3 * interval '1 ms'
     FROM own WHERE p.message_id = own.message_id`,
    [ids, node, ms],
  );
}

/** Frees all claims and makes all open messages due: for a node that is the only one, after a crash. */
export async function releaseAllClaims(runner: Runner): Promise<void> {
  await runner.query(
    "release-all-claims",
    "UPDATE progress SET claimed_until = NULL, due_at = least(due_at, clock_timestamp()) WHERE outcome IS NULL",
    [],
  );
}

/** Frees claims of messages that are queued for whoever has room. */
export async function freeClaims(runner: Runner, ids: string[], node: string): Promise<void> {
  await runner.query(
    "free-claims",
    `UPDATE progress SET claimed_until = NULL
     WHERE message_id = ANY($1::uuid[]) AND claimed_by = $2 AND ${isOpen}`,
    [ids, node],
  );
}

/** Frees claims of work that was broken off and makes it due, so that it is taken up again without waiting for them to run out. */
export async function giveBackClaims(
  runner: Runner,
  stage: OpenStage,
  ids: string[],
  node: string,
): Promise<void> {
  await runner.query(
    "give-back-claims",
    `UPDATE progress SET claimed_until = NULL, due_at = least(due_at, clock_timestamp())
     WHERE message_id = ANY($1::uuid[]) AND stage = $2 AND claimed_by = $3 AND ${isOpen}`,
    [ids, stage, node],
  );
}

/**
 * Makes messages due whose claim has run out: their node is gone.
 * @param graceMs milliseconds in which a node that was only slow may still extend it
 */
export async function sweepClaims(runner: Runner, graceMs: number): Promise<number> {
  const rows = await runner.query(
    "sweep-claims",
    `WITH gone AS MATERIALIZED (
       SELECT message_id FROM progress
       WHERE outcome IS NULL AND claimed_until < clock_timestamp() - $1 * interval '1 ms' FOR UPDATE SKIP LOCKED
     )
     UPDATE progress p SET claimed_until = NULL, due_at = least(due_at, clock_timestamp())
     FROM gone WHERE p.message_id = gone.message_id RETURNING 1`,
    [graceMs],
  );
  return rows.length;
}

/** Makes all open messages due that nobody works on, but those that wait for their next attempt. */
export async function makeAllDue(runner: Runner): Promise<void> {
  await runner.query(
    "make-all-due",
    `WITH idle AS MATERIALIZED (
       SELECT message_id FROM progress
       WHERE outcome IS NULL AND error IS NULL AND due_at > clock_timestamp()
         AND (claimed_until IS NULL OR claimed_until < clock_timestamp()) FOR UPDATE SKIP LOCKED
     )
     UPDATE progress p SET due_at = clock_timestamp() FROM idle WHERE p.message_id = idle.message_id`,
    [],
  );
}

/**
 * Ends messages without a delivery, each with its reason; only those that are still open.
 * @returns the ids of those that ended
 */
export async function skip(
  runner: Runner,
  messages: Array<{ id: string; reason: string }>,
): Promise<string[]> {
  const rows = await runner.query<{ id: string }>(
    "skip",
    `UPDATE progress p SET outcome = 'skipped', reason = i.reason, ended_at = clock_timestamp(), claimed_until = NULL, error = NULL
     FROM json_to_recordset($1::json) AS i(id uuid, reason text) WHERE p.message_id = i.id AND ${isOpen}
     RETURNING p.message_id AS id`,
    [JSON.stringify(messages)],
  );
  return rows.map((row) => row.id);
}

export interface Failure {
  id: string;
  error: StoredError;
  /** Milliseconds until the next attempt; null makes it a dead letter. */
  retryInMs: number | null;
  /** False where the fault lies with our own nodes and says nothing of the message. */
  counts: boolean;
}

/** Notes failed attempts: the message waits for its next one, or is dead with its error. */
export async function fail(runner: Runner, stage: OpenStage, failures: Failure[]): Promise<void> {
  await runner.query(
    "fail",
    `UPDATE progress p SET error = i.error, claimed_until = NULL, attempts = p.attempts + i.counts::int,
       due_at = clock_timestamp() + coalesce(i."retryInMs", 0) * interval '1 ms',
       outcome = CASE WHEN i."retryInMs" IS NULL THEN 'dead' END,
       ended_at = CASE WHEN i."retryInMs" IS NULL THEN clock_timestamp() END
     FROM json_to_recordset($2::json) AS i(id uuid, error jsonb, "retryInMs" float8, counts boolean)
     WHERE p.message_id = i.id AND p.stage = $1 AND ${isOpen}`,
    [stage, JSON.stringify(failures)],
  );
}

// The companies with open messages are found by one step through the index each.
const due = `
WITH RECURSIVE companies AS (
  (SELECT company FROM progress WHERE outcome IS NULL ORDER BY company LIMIT 1)
  UNION ALL
  SELECT (SELECT p.company FROM progress p WHERE p.outcome IS NULL AND p.company > c.company ORDER BY p.company LIMIT 1)
  FROM companies c WHERE c.company IS NOT NULL
), share AS (
  SELECT greatest(1, $2::int / greatest(1, count(company)::int)) AS n FROM companies
), due AS MATERIALIZED (
  SELECT d.message_id FROM companies c CROSS JOIN LATERAL (
    SELECT message_id FROM progress
    WHERE company = c.company AND outcome IS NULL AND due_at <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    ORDER BY due_at LIMIT (SELECT n FROM share) FOR UPDATE SKIP LOCKED) AS d
)
UPDATE progress p SET due_at = clock_timestamp() + $1 * interval '1 ms'
FROM due WHERE p.message_id = due.message_id
RETURNING p.message_id AS id, p.company, p.stage`;

/**
 * Finds what has stood still and is due, and sets it to be due again later, so that it is queued once a round. Each
 * company with open messages has an equal share, so that one company's backlog does not hide what another has due.
 * @param againMs milliseconds
 * @param limit about so many in all; an empty answer says that nothing is due
 */
export async function takeDue(runner: Runner, againMs: number, limit: number): Promise<OpenMessage[]> {
  return runner.query<OpenMessage & { id: string }>("take-due", due, [againMs, limit]);
}

/**
 * Brings dead letters back to the stage where they died.
 * @param filter company, or single messages; both empty means all
 * @returns what came back
 */
export async function revive(
  runner: Runner,
  filter: { company: string | null; ids: string[] | null },
): Promise<OpenMessage[]> {
  return runner.query<OpenMessage & { id: string }>(
    "revive",
    `UPDATE progress SET outcome = NULL, error = NULL, ended_at = NULL, attempts = 0, claimed_until = NULL,
       due_at = clock_timestamp()
     WHERE outcome = 'dead' AND ($1::text IS NULL OR company = $1) AND ($2::uuid[] IS NULL OR message_id = ANY($2))
     RETURNING message_id AS id, company, stage`,
    [filter.company, filter.ids],
  );
}

/** How many messages stand at each stage, all companies together; ended ones only where they need a look (dead). */
export async function countOpen(runner: Runner): Promise<Record<string, number>> {
  const rows = await runner.query<{ stage: string; n: number }>(
    "count-open",
    `SELECT stage, count(*)::int AS n FROM progress WHERE outcome IS NULL GROUP BY stage
     UNION ALL SELECT 'dead', count(*)::int FROM progress WHERE outcome = 'dead'`,
    [],
  );
  return Object.fromEntries(rows.map((row) => [row.stage, row.n]));
}
