/** The pipeline of a node: its three steps, its claims and its recovery, started and drained together. */
import type { Queue } from "../queue/queue.ts";
import { type Claims, createClaims } from "./claims.ts";
import { type ClassifyParts, createClassifyHandler } from "./classify.ts";
import { createDeliverHandler, type DeliverParts } from "./deliver.ts";
import { createDraftHandler, type DraftParts } from "./draft.ts";
import { startRecovery } from "./recover.ts";

export interface PipelineOptions {
  classifyBatch: number;
  draftConcurrency: number;
  deliverConcurrency: number;
  /** Milliseconds after which a message that stands still is queued again. */
  stalledMs: number;
}

export type PipelineParts = Omit<ClassifyParts & DraftParts & DeliverParts, "claims" | "signal"> & {
  queue: Queue;
};

export interface Pipeline {
  /**
   * Takes nothing new, lets what is under way end, and aborts what is not done after `deadlineMs` milliseconds; that
   * is taken up again by the next node.
   */
  stop(deadlineMs: number): Promise<void>;
}

/** Drafts and deliveries come in groups of this size to the database. */
const claimBatch = 32;

export function startPipeline(parts: PipelineParts, options: PipelineOptions): Pipeline {
  const { queue, db, log, metrics } = parts;
  const abort = new AbortController();
  const claims: Claims = createClaims(db, log);
  const all = { ...parts, claims, signal: abort.signal };
  const { classifyBatch, draftConcurrency, deliverConcurrency, stalledMs } = options;
  const consumers = [
    queue.consume(
      "classify",
      { batch: classifyBatch, concurrency: classifyBatch * 2 },
      createClassifyHandler(all),
    ),
    queue.consume("draft", { batch: claimBatch, concurrency: draftConcurrency }, createDraftHandler(all)),
    queue.consume(
      "deliver",
      { batch: claimBatch, concurrency: deliverConcurrency },
      createDeliverHandler(all),
    ),
  ];
  const recovery = startRecovery({ db, queue, metrics, log, stalledMs });
  return {
    async stop(deadlineMs) {
      const late = setTimeout(() => abort.abort(new Error("the node stops")), deadlineMs);
      try {
        await recovery.stop();
        await Promise.all(consumers.map((consumer) => consumer.stop()));
      } finally {
        clearTimeout(late);
        claims.close();
      }
    },
  };
}
