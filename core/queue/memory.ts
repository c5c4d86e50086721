/** The queue of a single node: in memory, fair between companies, bounded. */
import type { ConsumeOptions, Consumer, Handler, Queue, QueueItem, Step } from "./queue.ts";

/** The most items of one company that wait at a step. More are dropped: `recover` finds them again in the database. */
const maxPerCompany = 20_000;
/** Milliseconds before an item whose handler failed is handed over again. */
const pauseMs = 1_000;

interface Lane {
  items: QueueItem[];
  /** Index of the first item that has not been taken: shifting an array for each item would copy it. */
  head: number;
}

/** Lanes in turn: each take goes round the companies, one item each, so that a flood of one delays the others little. */
function createLanes() {
  const lanes = new Map<string, Lane>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    /** @returns false where the company's lane is full */
    add(item: QueueItem): boolean {
      let lane = lanes.get(item.company);
      if (!lane) {
        lane = { items: [], head: 0 };
        lanes.set(item.company, lane);
      }
      if (lane.items.length - lane.head >= maxPerCompany) return false;
      lane.items.push(item);
      size++;
      return true;
    },
    take(max: number): QueueItem[] {
      const taken: QueueItem[] = [];
      while (taken.length < max && size > 0) {
        const next = lanes.entries().next().value;
        if (!next) break;
        const [company, lane] = next;
        taken.push(lane.items[lane.head] as QueueItem);
        lane.head++;
        size--;
        // A Map keeps the order of insertion: to delete and set again sends the company to the end of the round.
        lanes.delete(company);
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
  /** Ids that wait or are in work: the same message is never in the queue twice. */
  const known = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();
  let consumer: { options: ConsumeOptions; handler: Handler } | undefined;
  let working = 0;
  let planned = false;
  let idlers: Array<() => void> = [];

  const add = (items: QueueItem[]) => {
    for (const item of items) {
      if (!known.has(item.id) && lanes.add(item)) known.add(item.id);
    }
    plan();
  };
  const plan = () => {
    if (planned || !consumer) return;
    planned = true;
    setImmediate(pump);
  };
  const settle = (item: QueueItem, failed: boolean) => {
    working--;
    known.delete(item.id);
    if (failed) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        add([item]);
      }, pauseMs);
      timers.add(timer);
    }
    if (working === 0) {
      for (const done of idlers) done();
      idlers = [];
    }
    plan();
  };
  const pump = () => {
    planned = false;
    while (consumer && lanes.size > 0 && working < consumer.options.concurrency) {
      const { options, handler } = consumer;
      const items = lanes.take(Math.min(options.batch, options.concurrency - working));
      working += items.length;
      handler(items).forEach((work, index) => {
        const item = items[index] as QueueItem;
        work.then(
          () => settle(item, false),
          () => settle(item, true),
        );
      });
    }
  };
  return {
    add,
    depth: () => ({ waiting: lanes.size, working }),
    consume(options: ConsumeOptions, handler: Handler): Consumer {
      if (consumer) throw new Error("this step has a consumer already");
      consumer = { options, handler };
      plan();
      return {
        stop() {
          consumer = undefined;
          return working === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve));
        },
      };
    },
    close() {
      consumer = undefined;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

export function createMemoryQueue(): Queue {
  const channels: Record<Step, ReturnType<typeof createChannel>> = {
    classify: createChannel(),
    draft: createChannel(),
    deliver: createChannel(),
  };
  return {
    ephemeral: true,
    async publish(step, items) {
      channels[step].add(items);
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
