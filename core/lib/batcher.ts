/** Group commit: items of the same moment share one statement. */

export interface BatcherOptions {
  /** The most items in one batch. */
  max: number;
  /** The most batches under way at once. */
  lanes: number;
}

export interface Batcher<Item, Result> {
  /** @returns the item's own result, once its batch is through; rejects with the batch's error. */
  add(item: Item): Promise<Result>;
  /** Items that wait for a batch. */
  readonly waiting: number;
  /** Resolves when nothing waits or is under way. */
  idle(): Promise<void>;
}

/**
 * Collects what comes in during one turn of the event loop, or while all lanes are busy, and hands it to `flush` together.
 * Under light load an item goes at once; under heavy load batches grow by themselves.
 * @param flush gets a batch and returns as many results, in the same order
 */
export function createBatcher<Item, Result>(
  flush: (items: Item[]) => Promise<Result[]>,
  { max, lanes }: BatcherOptions,
): Batcher<Item, Result> {
  type Entry = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void };
  const queue: Entry[] = [];
  let busy = 0;
  let planned = false;
  let idlers: Array<() => void> = [];

  const run = async (batch: Entry[]) => {
    try {
      const results = await flush(batch.map((entry) => entry.item));
      if (results.length !== batch.length)
        throw new Error("a batch returned another number of results than items");
      batch.forEach((entry, index) => {
        entry.resolve(results[index] as Result);
      });
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    } finally {
      busy--;
      pump();
    }
  };
  const pump = () => {
    planned = false;
    while (queue.length > 0 && busy < lanes) {
      busy++;
      void run(queue.splice(0, max));
    }
    if (busy === 0 && queue.length === 0) {
      for (const done of idlers) done();
      idlers = [];
    }
  };
  return {
    add(item) {
      return new Promise<Result>((resolve, reject) => {
        queue.push({ item, resolve, reject });
        if (!planned) {
          planned = true;
          setImmediate(pump);
        }
      });
    },
    get waiting() {
      return queue.length;
    },
    idle() {
      return busy === 0 && queue.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => idlers.push(resolve));
    },
  };
}
