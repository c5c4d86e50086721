/** One training: a company's lessons as a data set, handed to the classifier's training, and what came of it written down. */
import { hash } from "node:crypto";
import type { Company } from "../../config/types.ts";
import { type TrainRequest, type TrainResponse, trainResponseSchema } from "../../ml-service/train-schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { Objects } from "../blobs/objects.ts";
import { untilAborted } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";
import type { Metrics } from "../lib/metrics.ts";
import { audit } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import { learnt, markLearnt } from "../store/lessons.ts";
import { countFailures, type EndedTraining, saveTraining, type TrainingReason } from "../store/trainings.ts";
import { writeDataset } from "./dataset.ts";

/** With fewer lessons a company is not trained for. */
export const fewestLessons = 20;
/** Milliseconds between two trainings of a company at least; where they take long, at most a tenth of the time goes to them. */
const pause = { leastMs: 10_000, perMs: 9 };
/** Milliseconds before a training that failed is tried again. */
const retry = { firstMs: 10_000, maxMs: 3_600_000 };

export interface TeachParts {
  db: Database;
  objects: Objects;
  /** Of so many tickets, those corrected last, a company's model learns; older ones count as learnt. */
  mostLessons: number;
  /** Trains: `classifier.train`, wherever it runs, which may not heed the signal. Its answer is checked here. */
  train(request: TrainRequest, signal: AbortSignal): Promise<unknown>;
  log: Log;
  metrics: Metrics;
}

export interface Teaching {
  company: Company;
  reason: TrainingReason;
  /** For the audit log. */
  actor: "hub" | "operator";
}

const farOf = (reason: TrainingReason) => (reason === "correction" ? learnt.quickly : learnt.anew);

/** Tells a company's own labels, with what they are said to be, from others; their order does not matter. */
export function digestOfLabels({ classifier: { labels } }: Pick<Company, "classifier">): string {
  const sorted = [labels.type, labels.department].map((own) => own && Object.entries(own).sort());
  return hash("sha256", JSON.stringify(sorted));
}

function tooFew(lessons: number): TrainResponse {
  const message = `there are ${lessons} lessons, and it takes ${fewestLessons} to begin with`;
  return { outcome: "too-few", version: null, message, lessons, leftOut: 0 };
}

interface Ended extends Omit<EndedTraining, "company" | "reason"> {
  tookMs: number;
  pauseMs: number;
  /** Corrections that count as learnt. */
  fresh: string[];
  /** Null where it failed. */
  lessons: number | null;
  leftOut: number | null;
}

/** Writes down how a training ended, and with it, in one transaction, what has been learnt from now. */
async function save({ db, log, metrics }: TeachParts, teaching: Teaching, ended: Ended): Promise<void> {
  const { company, reason, actor } = teaching;
  const { outcome, version, message, failures, labels, tookMs, pauseMs, fresh, lessons, leftOut } = ended;
  await db.transaction(async (runner) => {
    await markLearnt(runner, fresh, farOf(reason));
    const saved = { company: company.id, reason, outcome, version, message, failures, labels };
    await saveTraining(runner, saved, pauseMs);
    const detail = { reason, outcome, message, lessons, leftOut };
    const entry = {
      company: company.id,
      actor,
      action: "classifier.trained",
      subject: version,
      detail,
    } as const;
    await audit(runner, [entry]);
  });
  metrics.count("deskwire.training.count", { reason, outcome });
  metrics.time("deskwire.training.time", tookMs, { reason });
  const fields = { company: company.id, reason, outcome, version, lessons, ms: Math.round(tookMs), message };
  if (outcome === "failed") log.warn("a training failed; it is tried again", fields);
  else log.info("the classifier was trained for a company", fields);
}

/**
 * Trains once. Only for the holder of the company's lease (`leaseOf`). A training that fails leaves its lessons to be learnt, and is
 * written down with the time of the next try; one that is given up by the signal leaves no trace.
 * @throws what training, the database and the store of objects throw, or the signal's reason
 */
export async function teach(
  parts: TeachParts,
  teaching: Teaching,
  signal: AbortSignal,
): Promise<TrainResponse> {
  const { company, reason } = teaching;
  const started = performance.now();
  const labels = digestOfLabels(company);
  const elapsed = () => performance.now() - started;
  try {
    const { key, lessons, fresh } = await writeDataset(parts, company.id, farOf(reason), signal);
    const request = { company: company.id, dataset: key, settings: company.classifier, reason };
    const answer =
      lessons < fewestLessons
        ? tooFew(lessons)
        : trainResponseSchema.parse(await untilAborted(parts.train(request, signal), signal));
    const tookMs = elapsed();
    const pauseMs = Math.max(pause.leastMs, pause.perMs * tookMs);
    await save(parts, teaching, { ...answer, failures: 0, labels, tookMs, pauseMs, fresh });
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    const failures = (await countFailures(parts.db, company.id)) + 1;
    const nothing = { version: null, labels: null, fresh: [], lessons: null, leftOut: null };
    const failed = { outcome: "failed", message: describeError(error), failures, ...nothing } as const;
    await save(parts, teaching, { ...failed, tookMs: elapsed(), pauseMs: backoff(failures, retry) });
    throw error;
  }
}
