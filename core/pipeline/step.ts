/** What the steps have in common: their parts, failed attempts written down in batches, and claimed messages. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Company } from "../../config/types.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import { createBatcher } from "../lib/batcher.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Queue, QueueItem, Step } from "../queue/queue.ts";
import type { Database } from "../store/database.ts";
import { claim, type Failure, fail, skip } from "../store/progress.ts";
import { type Claims, claimMs } from "./claims.ts";
import { type Attempted, decide, type RetryPolicy } from "./failures.ts";
import { stageOf } from "./stages.ts";

export interface StepParts {
  db: Database;
  queue: Queue;
  directory: CompanyDirectory;
  claims: Claims;
  metrics: Metrics;
  log: Log;
  policy: RetryPolicy;
  /** Aborts what is under way when the node cannot wait any longer. */
  signal: AbortSignal;
}

/** Batches of this size, this many at once: enough to keep the database busy, few enough for its connections. */
export const commits = { max: 64, lanes: 2 };

export interface StepFailures {
  /** Writes a failed attempt down; resolves after the commit. */
  add(message: Attempted, error: unknown): Promise<void>;
}

export function createStepFailures(
  step: Step,
  { db, log, metrics, policy, signal }: StepParts,
): StepFailures {
  const writes = createBatcher<Failure, void>(async (failures) => {
    await fail(db, stageOf[step], failures);
    return failures.map(() => undefined);
  }, commits);
  return {
    async add(message, error) {
      // A stop of this node is no failure: the claim runs out, and the message is taken up again.
      if (signal.aborted) return;
      const failure = decide(step, message, error, policy);
      await writes.add(failure);
      metrics.count("deskwire.step.failures", { step, kind: kindOf(error) });
      const fields = { message: message.id, kind: failure.error.kind, error: failure.error.message };
      if (failure.retryInMs === null) {
        metrics.count("deskwire.messages.ended", { outcome: "dead" });
        log.error(`${step} failed for good`, fields);
      } else {
        log.warn(`${step} failed`, { ...fields, retryInMs: failure.retryInMs });
      }
    },
  };
}

/** The company of a message. A company that has no config any more makes its messages wait for it. */
export function companyOf(directory: CompanyDirectory, id: string): Company {
  const company = directory.get(id);
  if (!company) throw new ConnectorError("config", `the company "${id}" has no config file any more`);
  return company;
}

/**
 * Claims a batch, loads it and ends what has been overtaken; the rest goes to `work`, one by one, each with its claim
 * held until it is done.
 */
export function handleClaimed<Message extends { id: string; overtakenBy: string | null }>(
  step: Step,
  parts: StepParts,
  load: (ids: string[]) => Promise<Message[]>,
  work: (message: Message & Attempted) => Promise<void>,
): (items: QueueItem[]) => Array<Promise<void>> {
  const { db, claims, metrics } = parts;
  const failures = createStepFailures(step, parts);

  const prepare = async (items: QueueItem[]): Promise<Map<string, Message & Attempted>> => {
    const ids = items.map((item) => item.id);
    const claimed = new Map(
      (await claim(db, stageOf[step], ids, claimMs)).map((waiting) => [waiting.id, waiting]),
    );
    if (claimed.size === 0) return new Map();
    claims.hold([...claimed.keys()]);
    try {
      const ready = new Map<string, Message & Attempted>();
      const overtaken: Array<{ id: string; reason: string }> = [];
      for (const message of await load([...claimed.keys()])) {
        if (message.overtakenBy) overtaken.push({ id: message.id, reason: message.overtakenBy });
        else ready.set(message.id, { ...message, ...(claimed.get(message.id) as Attempted) });
      }
      if (overtaken.length > 0) {
        await skip(db, overtaken);
        metrics.count("deskwire.messages.ended", { outcome: "skipped" }, overtaken.length);
      }
      for (const id of claimed.keys()) if (!ready.has(id)) claims.drop(id);
      return ready;
    } catch (error) {
      for (const id of claimed.keys()) claims.drop(id);
      throw error;
    }
  };

  const one = async (message: Message & Attempted) => {
    const started = performance.now();
    try {
      await work(message);
      metrics.time("deskwire.step.time", performance.now() - started, { step });
    } catch (error) {
      await failures.add(message, error);
    } finally {
      claims.drop(message.id);
    }
  };

  return (items) => {
    const batch = prepare(items);
    return items.map(async (item) => {
      const message = (await batch).get(item.id);
      if (message) await one(message);
    });
  };
}
