/** Group commit for the steps' results, in which one bad item fails alone. */

import { sleep } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";
import { type BatcherBounds, createBatcher } from "../lib/batcher.ts";
import { isDatabaseAway, isDataError, retryDeadlocks } from "../store/database.ts";

/** Batches of this size, this many at once: enough to keep the database busy, few enough for its connections. */
const bounds = { max: 64, lanes: 2 };

/** Between two attempts while the database is away. */
const awayBackoff = { firstMs: 200, maxMs: 2_000 };

/**
 * Does work again for as long as the database is away: what it is about to save may have cost an LLM call or a delivery.
 * A connection that broke during a commit may mean that it is saved: work must do no harm when done twice.
 * @param signal ends the waiting, with the database's error
 */
export async function whileAway<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await retryDeadlocks(work);
    } catch (error) {
      if (signal.aborted || !isDatabaseAway(error)) throw error;
      await sleep(backoff(attempt, awayBackoff), signal).catch(() => {
        throw error;
      });
    }
  }
}

type Saved<Result> = { result: Result } | { error: unknown };

/**
 * Saves a batch in one statement; where its data is refused, each item by itself, so that those beside a bad one pass.
 * @param save returns as many results as it gets items, in the same order; all or nothing
 */
export async function saveEach<Item, Result>(
  items: Item[],
  save: (items: Item[]) => Promise<Result[]>,
): Promise<Array<Saved<Result>>> {
  try {
    return (await save(items)).map((result) => ({ result }));
  } catch (error) {
    if (!isDataError(error) || items.length === 1) return items.map(() => ({ error }));
  }
  const saved: Array<Saved<Result>> = [];
  for (const item of items) saved.push(...(await saveEach([item], save)));
  return saved;
}

export interface Commits<Item, Result> {
  /** @returns the item's result after its commit; rejects with its own error, or that of the whole batch */
  add(item: Item): Promise<Result>;
  /** Resolves when nothing waits or is under way. */
  idle(): Promise<void>;
}

export interface CommitOptions {
  /** The most items in one statement. */
  max?: number;
  /** The most statements at once. */
  lanes?: number;
  /** Given: commits wait while the database is away, until it aborts. */
  patience?: AbortSignal;
}

/** @param save see `saveEach` */
export function createCommits<Item, Result>(
  save: (items: Item[]) => Promise<Result[]>,
  { patience, ...options }: CommitOptions & BatcherBounds<Item> = {},
): Commits<Item, Result> {
  const patiently = patience ? (items: Item[]) => whileAway(() => save(items), patience) : save;
  const batcher = createBatcher((items: Item[]) => saveEach(items, patiently), { ...bounds, ...options });
  return {
    async add(item) {
      const saved = await batcher.add(item);
      if ("error" in saved) throw saved.error;
      return saved.result;
    },
    idle: () => batcher.idle(),
  };
}
