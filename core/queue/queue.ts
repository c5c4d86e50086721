/** The queue port: it only says «look at message X», PostgreSQL holds the truth. A lost item delays, a repeated one does nothing. */

/** The steps of the pipeline, each with a queue of its own. */
export const steps = ["classify", "draft", "deliver"] as const;
export type Step = (typeof steps)[number];

export interface QueueItem {
  /** The message's id. */
  id: string;
  /** Shares are fair between companies. */
  company: string;
}

export interface ConsumeOptions {
  /** The most items handed over at once. */
  batch: number;
  /** The most items in work at once. */
  concurrency: number;
}

/**
 * Works on a batch and returns one promise an item; an item's place is free when its promise resolves. A rejection
 * gives the item back, to be handed over again after a pause.
 */
export type Handler = (items: QueueItem[]) => Array<Promise<void>>;

export interface Consumer {
  /** Takes nothing new, and resolves when all that was taken is done. */
  stop(): Promise<void>;
}

export interface Queue {
  publish(step: Step, items: QueueItem[]): Promise<void>;
  /** One consumer a step and node. */
  consume(step: Step, options: ConsumeOptions, handler: Handler): Consumer;
  /** Items that wait, and items in work, for each step. */
  depth(): Record<Step, { waiting: number; working: number }>;
  /** True where a restart of this node loses what is queued, so that all open messages are to be queued again. */
  readonly ephemeral: boolean;
  close(): Promise<void>;
}
