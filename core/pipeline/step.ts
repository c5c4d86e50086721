/** What the steps have in common: their parts, failed attempts written down in batches, and claimed messages. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Company } from "../../config/types.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Queue, QueueItem, Step } from "../queue/queue.ts";
import type { Database } from "../store/database.ts";
import { claim, type Failure, fail, giveBackClaims, skip } from "../store/progress.ts";
import { type Claims, claimMs } from "./claims.ts";
import { createCommits } from "./commits.ts";
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

export interface StepFailures {
  /** Writes a failed attempt down; resolves after the commit. */
  add(message: Attempted, error: unknown): Promise<void>;
}

export function createStepFailures(
  step: Step,
  { db, log, metrics, policy, signal }: StepParts,
): StepFailures {
  const writes = createCommits<Failure, void>(async (failures) => {
    await fail(db, stageOf[step], failures);
    return failures.map(() => undefined);
  });
  return {
    async add(message, error) {
      // A stop of this node is no failure: the message is taken up again.
      if (signal.aborted) return;
      const failure = decide(step, message, error, policy);
      await writes.add(failure);
      metrics.count("deskwire.step.failures", { step, kind: kindOf(error) });
      const fields = { id: message.id, kind: failure.error.kind, error: failure.error.message };
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
  const { db, claims, metrics, log, signal } = parts;
  const failures = createStepFailures(step, parts);

  /** For work that was broken off; where that fails, the claims run out by themselves. */
  const giveBack = async (ids: string[]) => {
    try {
      await giveBackClaims(db, stageOf[step], ids);
    } catch (error) {
      log.debug("claims could not be given back", { error: (error as Error).message, messages: ids.length });
    }
  };

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
        const ended = await skip(db, overtaken);
        metrics.count("deskwire.messages.ended", { outcome: "skipped" }, ended.length);
      }
      for (const id of claimed.keys()) if (!ready.has(id)) claims.drop(id);
      return ready;
    } catch (error) {
      for (const id of claimed.keys()) claims.drop(id);
      await giveBack([...claimed.keys()]);
      throw error;
    }
  };

  const one = async (message: Message & Attempted) => {
    const started = performance.now();
    let underWay = true;
    try {
      const working = work(message).finally(() => {
        underWay = false;
      });
      await untilAborted(working, signal);
      metrics.time("deskwire.step.time", performance.now() - started, { step });
    } catch (error) {
      await failures.add(message, error);
      if (!signal.aborted) return;
      // Work that does not heed the abort may still write outside: its claim keeps others away while it runs out.
      await new Promise(setImmediate);
      if (!underWay) await giveBack([message.id]);
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
