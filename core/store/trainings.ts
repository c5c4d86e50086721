/** Trainings: which companies have something to learn, and how the last training of each ended. */
import type { Runner } from "./database.ts";

/** What makes a training: a correction, the night, other labels in the config, or an operator. */
export type TrainingReason = "correction" | "nightly" | "labels" | "manual";

export interface DueTraining {
  company: string;
  reason: Exclude<TrainingReason, "manual">;
  /** Tickets with corrections, counted up to `enough`. */
  tickets: number;
}

export interface AskedCompany {
  company: string;
  /** The least id of what was stored after this company's hour of the last night. */
  night: string;
  /** A digest of the labels in the config; null where a change of them does not count at this moment. */
  labels: string | null;
}

/**
 * Those of the companies that have corrections which nothing has learnt from, or which had come before their hour of the last
 * night and which no training has learnt all anew with, or that were last trained for with other labels; but none whose last
 * training was too short a time ago. Those that have waited longest come first.
 * @param enough how far tickets are counted
 */
export async function listDueTrainings(
  runner: Runner,
  companies: readonly AskedCompany[],
  enough: number,
): Promise<DueTraining[]> {
  return runner.query<DueTraining & Record<string, unknown>>(
    "list-due-trainings",
    `SELECT d.company,
       CASE WHEN d.nightly THEN 'nightly' WHEN d.relabelled THEN 'labels' ELSE 'correction' END AS reason,
       (SELECT count(*)::int FROM (
          SELECT DISTINCT ticket_id FROM corrections WHERE company = d.company LIMIT $3) AS one) AS tickets
     FROM (
       SELECT a.company, t.next_at, coalesce(t.labels <> a.labels, false) AS relabelled,
         EXISTS (SELECT 1 FROM corrections WHERE company = a.company AND learnt = 0) AS fresh,
         EXISTS (SELECT 1 FROM corrections WHERE company = a.company AND learnt IN (0, 1) AND id < a.night) AS nightly
       FROM unnest($1::text[], $2::uuid[], $4::text[]) AS a(company, night, labels) LEFT JOIN trainings t ON t.company = a.company
       WHERE t.next_at IS NULL OR t.next_at <= clock_timestamp()
     ) AS d WHERE d.fresh OR d.nightly OR d.relabelled ORDER BY d.next_at NULLS FIRST`,
    [
      companies.map(({ company }) => company),
      companies.map(({ night }) => night),
      enough,
      companies.map(({ labels }) => labels),
    ],
  );
}

export interface EndedTraining {
  company: string;
  reason: TrainingReason;
  outcome: "promoted" | "kept" | "too-few" | "failed";
  version: string | null;
  /** In words. */
  message: string;
  /** How many have failed since the last one that did not. */
  failures: number;
  /** A digest of the labels that it was done with; null where it failed. */
  labels: string | null;
}

/** @param pauseMs milliseconds until the next one, by the database's clock */
export async function saveTraining(runner: Runner, ended: EndedTraining, pauseMs: number): Promise<void> {
  const { company, reason, outcome, version, message, failures, labels } = ended;
  await runner.query(
    "save-training",
    `INSERT INTO trainings (company, reason, outcome, version, message, failures, at, next_at, labels)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp() + $7 * interval '1 ms', $8)
     ON CONFLICT (company) DO UPDATE SET reason = excluded.reason, outcome = excluded.outcome,
       version = excluded.version, message = excluded.message, failures = excluded.failures, at = excluded.at,
       next_at = excluded.next_at, labels = coalesce(excluded.labels, trainings.labels)`,
    [company, reason, outcome, version, message, failures, pauseMs, labels],
  );
}

/** How many trainings of a company have failed since the last one that did not. */
export async function countFailures(runner: Runner, company: string): Promise<number> {
  const [row] = await runner.query<{ failures: number }>(
    "count-training-failures",
    "SELECT failures FROM trainings WHERE company = $1",
    [company],
  );
  return row?.failures ?? 0;
}

/**
 * Notes a company's newest data set.
 * @param keep how many are to be kept
 * @returns the digests of those that are kept
 */
export async function noteDataset(
  runner: Runner,
  company: string,
  sha256: string,
  keep: number,
): Promise<string[]> {
  const [row] = await runner.query<{ datasets: string[] }>(
    "note-dataset",
    `INSERT INTO trainings (company, datasets) VALUES ($1, ARRAY[$2::text])
     ON CONFLICT (company) DO UPDATE
       SET datasets = (array_prepend($2::text, array_remove(trainings.datasets, $2::text)))[1:$3]
     RETURNING datasets`,
    [company, sha256, keep],
  );
  return row?.datasets ?? [];
}
