/** The queue port: it only says «look at message X», PostgreSQL holds the truth. A lost item delays, a repeated one does nothing. */

/** The steps of the pipeline, each with a queue of its own. */
export const steps = ["classify", "draft", "deliver"] as const;
export type Step = (typeof steps)[number];

export interface QueueItem {
  /** The message's id. */
  id: string;
  /** Shares are fair between companies. */
  company: string;
  /**
   * What the step before has loaded already, for items that stay within the node: `offer` hands it over, `publish` may, and
   * whatever lies between nodes drops it. A handler must do without it.
   */
  carried?: unknown;
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

export interface Depth {
  /** Items that wait: on this node where the queue is its own, on all nodes where it is shared. */
  waiting: number;
  /** Items in work on this node. */
  working: number;
}

export interface Queue {
  /**
   * Queues items; one that waits already is not queued twice. Never rejects: what finds no room, or finds the queue
   * away, is dropped, and found again in the database by `recover`.
   */
  publish(step: Step, items: QueueItem[]): Promise<void>;
  /**
   * Starts work at once on items for which this node's own consumer of the step has places, without a way through the queue. Work
   * that has waited longer goes first: where items of the step wait, none is taken.
   * @returns the items that were not taken: publish them
   */
  offer(step: Step, items: QueueItem[]): QueueItem[];
  /**
   * Waits for a place of this node's own consumer of the step, after an offer that was refused.
   * @returns true when places have become free; false after `ms` milliseconds, or where there is no consumer
   */
  room(step: Step, ms: number): Promise<boolean>;
  /** One consumer a step and node. */
  consume(step: Step, options: ConsumeOptions, handler: Handler): Consumer;
  depth(): Record<Step, Depth>;
  /** True where nodes share it; false where it is this process's own, and dies with it. */
  readonly shared: boolean;
  /**
   * Told when what was queued may be lost (at the start, after the server was away or wiped): all open messages are to
   * be queued again. A listener that comes after a gap which nobody was told of is told at once.
   * @returns the function that ends the subscription
   */
  onGap(listener: () => void): () => void;
  /** False while the queue's server does not answer. */
  readonly available: boolean;
  close(): Promise<void>;
}
