/** Group commit: items of the same moment share one statement. */

export interface BatcherOptions {
  /** The most items in one batch. */
  max: number;
  /** The most batches under way at once. */
  lanes: number;
}

/**
 * Milliseconds that items wait for the end of a batch under way, to go together with what comes meanwhile: few large statements
 * cost a database far less than many small ones. A batch that takes longer does not hold them up.
 */
const holdMs = 8;

/** Further bounds, where items may be large or many. */
export interface BatcherBounds<Item> {
  /** The size of a batch that one more item does not fit into, by `sizeOf`; a larger item goes alone. */
  maxSize?: number;
  sizeOf?(item: Item): number;
  /** Milliseconds after which an item that is still in line is sent away with `late`'s error. */
  patienceMs?: number;
  late?(): Error;
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
 * Collects what comes in during one turn of the event loop, or while a batch is under way, and hands it to `flush` together.
 * Under light load an item goes at once; under heavy load batches grow by themselves. A further lane opens where half a batch
 * is together, or the one under way takes long.
 * @param flush gets a batch and returns as many results, in the same order
 */
export function createBatcher<Item, Result>(
  flush: (items: Item[]) => Promise<Result[]>,
  options: BatcherOptions & BatcherBounds<Item>,
): Batcher<Item, Result> {
  type Entry = {
    item: Item;
    at: number;
    resolve: (result: Result) => void;
    reject: (error: unknown) => void;
  };
  const { max, lanes, maxSize = Number.POSITIVE_INFINITY, sizeOf = () => 0 } = options;
  const { patienceMs, late = () => new Error(`it waited longer than ${patienceMs} ms`) } = options;
  const queue: Entry[] = [];
  let timer: NodeJS.Timeout | undefined;
  let busy = 0;
  let planned = false;
  let held: NodeJS.Timeout | undefined;
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
  const batchLength = () => {
    let size = 0;
    const most = Math.min(max, queue.length);
    for (let length = 0; length < most; length++) {
      size += sizeOf((queue[length] as Entry).item);
      if (size > maxSize && length > 0) return length;
    }
    return most;
  };
  /** One timer for the whole line: the first in it has waited longest. */
  const watch = () => {
    const first = queue[0];
    if (patienceMs === undefined || timer !== undefined || first === undefined) return;
    timer = setTimeout(sendAway, Math.max(1, first.at + patienceMs - performance.now()));
  };
  const sendAway = () => {
    timer = undefined;
    const since = performance.now() - (patienceMs ?? 0);
    let count = 0;
    while (count < queue.length && (queue[count] as Entry).at <= since) count++;
    for (const { reject } of queue.splice(0, count)) reject(late());
    if (count > 0) pump();
    else watch();
  };
  const waitedMs = () => performance.now() - (queue[0] as Entry).at;
  const mayStart = () => busy === 0 || (busy < lanes && (queue.length * 2 >= max || waitedMs() >= holdMs));
  const hold = () => {
    clearTimeout(held);
    held = undefined;
    if (queue.length > 0 && busy < lanes) held = setTimeout(pump, Math.max(1, holdMs - waitedMs()));
  };
  const pump = () => {
    planned = false;
    while (queue.length > 0 && mayStart()) {
      busy++;
      void run(queue.splice(0, batchLength()));
    }
    hold();
    watch();
    if (queue.length === 0) {
      clearTimeout(timer);
      timer = undefined;
    }
    if (busy === 0 && queue.length === 0) {
      for (const done of idlers) done();
      idlers = [];
    }
  };
  return {
    add(item) {
      return new Promise<Result>((resolve, reject) => {
        queue.push({ item, at: performance.now(), resolve, reject });
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
