/** A node's consumer of one step: takes from companies in turns, as many items as it has places. */
import { createWork, type Delivery, giveBackPayload } from "./jetstream-work.ts";
import { createPlaces } from "./places.ts";
import type { ConsumeOptions, Handler, QueueItem } from "./queue.ts";

export interface ChannelParts {
  options: ConsumeOptions;
  handler: Handler;
  /** Asks the server for up to `count` items; whatever comes of it arrives by `arrive` and `ended`. */
  pull(company: string, count: number): void;
  answer(delivery: Delivery, payload: Uint8Array): void;
  publish(item: QueueItem): void;
  /** A request was not answered: the server may have no consumer for the company. */
  onSilence(company: string): void;
}

interface Fetch {
  asked: number;
  got: number;
  startedAt: number;
  /** More was announced meanwhile. */
  again: boolean;
}

/** Milliseconds after which a request is taken for lost. */
const patienceMs = 3_000;

export type Channel = ReturnType<typeof createChannel>;

export function createChannel(parts: ChannelParts) {
  const { batch, concurrency } = parts.options;
  const places = createPlaces();
  /** Companies that may have work, in turn, and are not being asked. */
  const due = new Set<string>();
  const fetches = new Map<string, Fetch>();
  const wakes = new Map<string, NodeJS.Timeout>();
  let planned: NodeJS.Immediate | undefined;
  let stopped = false;
  let quiet: Array<() => void> = [];

  const work = createWork({
    batch,
    handler: parts.handler,
    places,
    moreToCome: () => fetches.size > 0,
    answer: parts.answer,
    publish: parts.publish,
    onDone(company, againInMs) {
      if (againInMs !== undefined) wakeIn(company, againInMs);
      plan();
    },
  });
  const plan = () => {
    if (planned || stopped || due.size === 0) return;
    planned = setImmediate(pump);
  };
  const pump = () => {
    if (planned) clearImmediate(planned);
    planned = undefined;
    if (stopped) return;
    for (const company of [...due]) {
      const free = places.free(concurrency);
      if (free === 0) return;
      // The places are shared between those who wait, so that each has some of every round.
      const fair = Math.ceil(free / due.size);
      const count = Math.min(batch, fair, places.room(company, concurrency));
      if (count === 0) continue;
      due.delete(company);
      places.take(company, count);
      fetches.set(company, { asked: count, got: 0, startedAt: performance.now(), again: false });
      parts.pull(company, count);
    }
  };
  const wake = (company: string) => {
    const fetch = fetches.get(company);
    if (fetch) fetch.again = true;
    else due.add(company);
    plan();
  };
  const wakeIn = (company: string, ms: number) => {
    if (wakes.has(company) || stopped) return;
    // A little later than the server's own clock says.
    const timer = setTimeout(() => {
      wakes.delete(company);
      wake(company);
    }, ms + 20);
    wakes.set(company, timer);
  };
  const end = (company: string, more: boolean) => {
    const fetch = fetches.get(company);
    if (!fetch) return;
    fetches.delete(company);
    places.giveBack(company, fetch.asked - fetch.got);
    if (more || fetch.again) due.add(company);
    plan();
    if (fetches.size > 0) return;
    work.complete();
    for (const tell of quiet) tell();
    quiet = [];
  };
  const admit = (company: string): boolean => {
    if (places.room(company, concurrency) === 0) return false;
    places.take(company, 1);
    return true;
  };
  return {
    get working() {
      return work.size;
    },
    /** How many items of each company are in work that came from the server. */
    deliveries: () => work.deliveries(),
    /** The company may have work. */
    wake,
    /** @param left how many of the company's items wait still */
    arrive(item: QueueItem, delivery: Delivery, left: number) {
      const fetch = fetches.get(item.company);
      if (fetch) fetch.got++;
      // What comes after its request was given up has no place yet.
      else if (stopped || !admit(item.company)) {
        parts.answer(delivery, giveBackPayload(stopped ? 0 : 200));
        if (!stopped) wakeIn(item.company, 200);
        return;
      }
      if (stopped) {
        places.giveBack(item.company, 1);
        parts.answer(delivery, giveBackPayload(0));
      } else if (!work.arrive(item, delivery)) places.giveBack(item.company, 1);
      // What comes again, as after the death of a node, is not counted among those who wait.
      if (fetch && fetch.got >= fetch.asked) end(item.company, left > 0 || delivery.attempt > 1);
    },
    /** The server has no more for the company now. */
    ended: (company: string) => end(company, false),
    offer(items: QueueItem[]): QueueItem[] {
      if (stopped) return items;
      pump();
      // Those who have waited longer find no place.
      if (due.size > 0) return items;
      const refused: QueueItem[] = [];
      const taken = new Map<string, QueueItem>();
      for (const item of items) {
        if (!work.has(item.id) && !taken.has(item.id) && admit(item.company)) taken.set(item.id, item);
        else refused.push(item);
      }
      work.offer([...taken.values()]);
      return refused;
    },
    room: (ms: number) => (stopped ? Promise.resolve(false) : places.freed(ms)),
    /** Requests under way are given up: the server is away. */
    reset() {
      due.clear();
      for (const company of [...fetches.keys()]) end(company, false);
      due.clear();
    },
    /** Gives up requests that were not answered. To be called every second or so. */
    expire() {
      for (const [company, fetch] of fetches) {
        if (performance.now() - fetch.startedAt < patienceMs) continue;
        const { got } = fetch;
        end(company, false);
        if (got === 0) parts.onSilence(company);
      }
    },
    keepAlive: () => work.keepAlive(),
    async stop() {
      stopped = true;
      places.end();
      for (const timer of wakes.values()) clearTimeout(timer);
      wakes.clear();
      const done = work.stop();
      // What a request brings still has to be given back, or it would be missed for as long as a node may be silent.
      if (fetches.size > 0) await new Promise<void>((resolve) => quiet.push(resolve));
      await done;
    },
    abandon() {
      stopped = true;
      places.end();
      for (const timer of wakes.values()) clearTimeout(timer);
      wakes.clear();
      for (const company of [...fetches.keys()]) end(company, false);
      work.abandon();
    },
  };
}
