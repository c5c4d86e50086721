/** Group commit for the steps' results, in which one bad item fails alone. */
import { createBatcher } from "../lib/batcher.ts";
import { isDataError } from "../store/database.ts";

/** Batches of this size, this many at once: enough to keep the database busy, few enough for its connections. */
const bounds = { max: 64, lanes: 2 };

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

/** @param save see `saveEach` */
export function createCommits<Item, Result>(
  save: (items: Item[]) => Promise<Result[]>,
  { max, lanes } = bounds,
): Commits<Item, Result> {
  const batcher = createBatcher((items: Item[]) => saveEach(items, save), { max, lanes });
  return {
    async add(item) {
      const saved = await batcher.add(item);
      if ("error" in saved) throw saved.error;
      return saved.result;
    },
    idle: () => batcher.idle(),
  };
}
