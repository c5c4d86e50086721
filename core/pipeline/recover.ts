/** Recovery: what stood still too long, or whose next attempt is due, is queued again. */
import type { Log } from "../../plugins/contract/connector.ts";
import type { Metrics } from "../lib/metrics.ts";
import { type Queue, type QueueItem, type Step, steps } from "../queue/queue.ts";
import type { Runner } from "../store/database.ts";
import { makeAllDue, type OpenMessage, releaseAllClaims, sweepClaims, takeDue } from "../store/progress.ts";
import { claimMs } from "./claims.ts";
import { stepFor } from "./stages.ts";

/** Milliseconds between two rounds: the least time that a retry takes. */
const everyMs = 1_000;
/** Messages found in one statement; a round goes on while there are more, and the queue has room. */
const pageSize = 2_000;
/** Milliseconds between two looks for claims of nodes that are gone. */
const sweepEveryMs = claimMs / 3;
/** Above this many waiting items a round ends after one page: one company's backlog must not hide another's retries. */
const enoughWaiting = 20_000;

export interface Recovery {
  /** Waits for the round under way and ends. */
  stop(): Promise<void>;
}

export interface RecoveryParts {
  db: Runner;
  queue: Queue;
  metrics: Metrics;
  log: Log;
  /** Milliseconds after which a message that stands still is queued again. */
  stalledMs: number;
}

/** Queues messages for the steps that they wait for. */
export async function requeue(queue: Queue, messages: OpenMessage[]): Promise<void> {
  const items: Record<Step, QueueItem[]> = { classify: [], draft: [], deliver: [] };
  for (const { id, company, stage } of messages) items[stepFor[stage]].push({ id, company });
  for (const step of steps) if (items[step].length > 0) await queue.publish(step, items[step]);
}

/** Starts the rounds. Where what was queued may be lost, everything open is queued again at once. */
export function startRecovery({ db, queue, metrics, log, stalledMs }: RecoveryParts): Recovery {
  let gap = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let sweptAt = performance.now();
  const unsubscribe = queue.onGap(() => {
    gap = true;
  });

  const waiting = () => Object.values(queue.depth()).reduce((sum, step) => sum + step.waiting, 0);
  const closeGap = async () => {
    if (!gap) return;
    gap = false;
    try {
      // A queue that is not shared has died with its process, and so has whoever made the claims.
      await (queue.shared ? makeAllDue(db) : releaseAllClaims(db));
    } catch (error) {
      gap = true;
      throw error;
    }
  };
  const sweep = async () => {
    if (!queue.shared || performance.now() - sweptAt < sweepEveryMs) return;
    sweptAt = performance.now();
    const found = await sweepClaims(db, sweepEveryMs);
    if (found > 0) log.info("work of a node that is gone is taken up", { messages: found });
  };
  const recover = async () => {
    await closeGap();
    await sweep();
    for (let found = 1; found > 0 && !stopped; ) {
      const due = await takeDue(db, stalledMs, pageSize);
      found = due.length;
      if (found > 0) {
        await requeue(queue, due);
        metrics.count("deskwire.recover.requeued", {}, found);
      }
      if (waiting() >= enoughWaiting) return;
    }
  };
  const measure = () => {
    for (const [step, depth] of Object.entries(queue.depth())) {
      metrics.set("deskwire.queue.waiting", depth.waiting, { step });
      metrics.set("deskwire.queue.working", depth.working, { step });
    }
  };
  const tick = async () => {
    try {
      await recover();
      measure();
    } catch (error) {
      // While the database was away nobody could extend a claim: their owners go first.
      sweptAt = performance.now() + claimMs;
      log.warn("looking for messages that stand still failed; tried again soon", {
        error: (error as Error).message,
      });
    }
    if (!stopped) timer = setTimeout(run, everyMs);
  };
  const run = () => {
    round = tick();
  };
  run();
  return {
    async stop() {
      stopped = true;
      unsubscribe();
      clearTimeout(timer);
      await round;
    },
  };
}
