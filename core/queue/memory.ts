/** The queue of a single node: in memory, fair between companies, bounded. */
import { createPlaces } from "./places.ts";
import type { ConsumeOptions, Consumer, Handler, Queue, QueueItem, Step } from "./queue.ts";

/** The most items of one company that wait at a step. More are dropped: `recover` finds them again in the database. */
const maxPerCompany = 20_000;
/** The most items of a step that wait with what they carry; others carry nothing, and are loaded when their turn comes. */
const maxCarrying = 512;
/** Milliseconds before an item whose handler failed is handed over again. */
const pauseMs = 1_000;

interface Lane {
  /** Undefined where an item has been taken. */
  items: Array<QueueItem | undefined>;
  /** Index of the first item that has not been taken: shifting an array for each item would copy it. */
  head: number;
}

/** Lanes in turn: each take goes round the companies, one item each, so that a flood of one delays the others little. */
function createLanes() {
  const lanes = new Map<string, Lane>();
  let size = 0;
  let carrying = 0;
  return {
    get size() {
      return size;
    },
    /** @returns false where the company's lane is full */
    add({ id, company, carried }: QueueItem): boolean {
      let lane = lanes.get(company);
      if (!lane) {
        lane = { items: [], head: 0 };
        lanes.set(company, lane);
      }
      if (lane.items.length - lane.head >= maxPerCompany) return false;
      const carries = carried !== undefined && carrying < maxCarrying;
      if (carries) carrying++;
      lane.items.push(carries ? { id, company, carried } : { id, company });
      size++;
      return true;
    },
    /** @param admit asked for each item before it is taken; a company that is refused is passed over */
    take(max: number, admit: (company: string) => boolean): QueueItem[] {
      const taken: QueueItem[] = [];
      let refused = 0;
      while (taken.length < max && refused < lanes.size) {
        const next = lanes.entries().next().value;
        if (!next) break;
        const [company, lane] = next;
        // A Map keeps the order of insertion: to delete and set again sends the company to the end of the round.
        lanes.delete(company);
        if (!admit(company)) {
          refused++;
          lanes.set(company, lane);
          continue;
        }
        refused = 0;
        const item = lane.items[lane.head] as QueueItem;
        if (item.carried !== undefined) carrying--;
        taken.push(item);
        lane.items[lane.head] = undefined;
        lane.head++;
        size--;
        if (lane.head < lane.items.length) {
          if (lane.head > 1_000 && lane.head * 2 > lane.items.length) {
            lane.items = lane.items.slice(lane.head);
            lane.head = 0;
          }
          lanes.set(company, lane);
        }
      }
      return taken;
    },
  };
}

function createChannel() {
  const lanes = createLanes();
  const waiting = new Set<string>();
  const places = createPlaces();
  /** Items in work by id, and whether they were published again meanwhile: then they are handed over once more. */
  const inWork = new Map<string, { again: boolean }>();
  const timers = new Set<NodeJS.Timeout>();
  let consumer: { options: ConsumeOptions; handler: Handler } | undefined;
  let planned = false;
  let closed = false;
  let idlers: Array<() => void> = [];

  const add = (items: QueueItem[]) => {
    for (const item of items) {
      const current = inWork.get(item.id);
      // What made it due again may have come after the work had looked at it.
      if (current) current.again = true;
      else if (!waiting.has(item.id) && lanes.add(item)) waiting.add(item.id);
    }
    plan();
  };
  const plan = () => {
    if (planned || !consumer) return;
    planned = true;
    setImmediate(pump);
  };
  const addLater = (item: QueueItem) => {
    if (closed) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      add([item]);
    }, pauseMs);
    timers.add(timer);
  };
  const settle = (item: QueueItem, failed: boolean) => {
    const again = inWork.get(item.id)?.again;
    inWork.delete(item.id);
    places.giveBack(item.company, 1);
    // What was loaded for it before may be out of date.
    const { id, company } = item;
    if (failed) addLater({ id, company });
    else if (again) add([{ id, company }]);
    if (inWork.size === 0) {
      for (const done of idlers) done();
      idlers = [];
    }
    plan();
  };
  const pump = () => {
    planned = false;
    while (consumer && lanes.size > 0 && inWork.size < consumer.options.concurrency) {
      const { batch, concurrency } = consumer.options;
      const items = lanes.take(Math.min(batch, concurrency - inWork.size), admit);
      if (items.length === 0) return;
      for (const { id } of items) waiting.delete(id);
      start(consumer.handler, items);
    }
  };
  /** Takes a place for an item of the company, where it may have one. */
  const admit = (company: string): boolean => {
    if (places.room(company, consumer?.options.concurrency ?? 0) === 0) return false;
    places.take(company, 1);
    return true;
  };
  const start = (handler: Handler, items: QueueItem[]) => {
    for (const { id } of items) inWork.set(id, { again: false });
    const works = handOver(handler, items);
    items.forEach((item, index) => {
      (works[index] ?? Promise.resolve()).then(
        () => settle(item, false),
        () => settle(item, true),
      );
    });
  };
  return {
    add,
    offer(items: QueueItem[]): QueueItem[] {
      if (!consumer || lanes.size > 0) return items;
      const { handler, options } = consumer;
      const refused: QueueItem[] = [];
      const taken: QueueItem[] = [];
      for (const item of items) (!inWork.has(item.id) && admit(item.company) ? taken : refused).push(item);
      for (let from = 0; from < taken.length; from += options.batch) {
        start(handler, taken.slice(from, from + options.batch));
      }
      return refused;
    },
    room: (ms: number) => (consumer ? places.freed(ms) : Promise.resolve(false)),
    depth: () => ({ waiting: lanes.size, working: inWork.size }),
    consume(options: ConsumeOptions, handler: Handler): Consumer {
      if (consumer) throw new Error("this step has a consumer already");
      const own = { options, handler };
      consumer = own;
      plan();
      return {
        stop() {
          if (consumer === own) consumer = undefined;
          places.end();
          return inWork.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve));
        },
      };
    },
    close() {
      closed = true;
      consumer = undefined;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

/** A handler that throws by itself has failed each of its items. */
function handOver(handler: Handler, items: QueueItem[]): Array<Promise<void>> {
  try {
    return handler(items);
  } catch (error) {
    return items.map(() => Promise.reject(error));
  }
}

export function createMemoryQueue(): Queue {
  const channels: Record<Step, ReturnType<typeof createChannel>> = {
    classify: createChannel(),
    draft: createChannel(),
    deliver: createChannel(),
  };
  return {
    shared: false,
    available: true,
    async publish(step, items) {
      channels[step].add(items);
    },
    offer: (step, items) => channels[step].offer(items),
    room: (step, ms) => channels[step].room(ms),
    // What the last process had queued went with it.
    onGap(listener) {
      listener();
      return () => undefined;
    },
    consume: (step, options, handler) => channels[step].consume(options, handler),
    depth: () => ({
      classify: channels.classify.depth(),
      draft: channels.draft.depth(),
      deliver: channels.deliver.depth(),
    }),
    async close() {
      for (const channel of Object.values(channels)) channel.close();
    },
  };
}
