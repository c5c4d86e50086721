/** What a node has in work of one step: handed to the handler in batches, kept alive, and answered for when it is done. */
import { backoff } from "../lib/backoff.ts";
import type { Places } from "./places.ts";
import type { Handler, QueueItem } from "./queue.ts";

/** One handing-over of an item by the server. */
export interface Delivery {
  /** The subject for answers. */
  reply: string;
  /** 1 for the first time. */
  attempt: number;
}

export interface WorkParts {
  batch: number;
  handler: Handler;
  places: Places;
  /** Whether more is about to arrive, so that a batch may wait for it a moment. */
  moreToCome(): boolean;
  answer(delivery: Delivery, payload: Uint8Array): void;
  /** Queues an item that did not come from the queue. */
  publish(item: QueueItem): void;
  /** An item is done, or back: given back, it is due again after `againInMs`. */
  onDone(company: string, againInMs: number | undefined): void;
}

interface Entry {
  item: QueueItem;
  /** Undefined for what was offered within the node. */
  delivery: Delivery | undefined;
}

/** Milliseconds before an item whose handler failed is handed over again. */
const pause = { firstMs: 1_500, maxMs: 30_000 };
/** The same for items that never went through the queue. */
const offeredPauseMs = 1_000;

const encode = (text: string) => new TextEncoder().encode(text);
const done = encode("+ACK");
const inProgress = encode("+WPI");
/** @param delayMs milliseconds before the server hands the item over again; 0 for at once */
export const giveBackPayload = (delayMs: number) =>
  encode(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: Math.round(delayMs * 1e6) })}` : "-NAK");

export function createWork(parts: WorkParts) {
  const { batch, handler, places } = parts;
  /** Arrived or in work, by id. */
  const entries = new Map<string, Entry>();
  const arrived: Entry[] = [];
  let flushing: { cancel(): void } | undefined;
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;
  let idlers: Array<() => void> = [];

  const remove = (entry: Entry, againInMs?: number) => {
    const { id, company } = entry.item;
    entries.delete(id);
    places.giveBack(company, 1);
    parts.onDone(company, againInMs);
    if (entries.size > 0) return;
    for (const tell of idlers) tell();
    idlers = [];
  };
  const giveBack = (entry: Entry, delayMs: number) => {
    const { delivery, item } = entry;
    if (delivery) parts.answer(delivery, giveBackPayload(delayMs));
    else publishLater({ id: item.id, company: item.company }, stopped ? 0 : offeredPauseMs);
    remove(entry, delivery ? delayMs : undefined);
  };
  const publishLater = (item: QueueItem, delayMs: number) => {
    if (delayMs === 0) return parts.publish(item);
    const timer = setTimeout(() => {
      timers.delete(timer);
      parts.publish(item);
    }, delayMs);
    timers.add(timer);
  };
  const settle = (entry: Entry, failed: boolean) => {
    // After a close it has been given back already.
    if (entries.get(entry.item.id) !== entry) return;
    if (failed) return giveBack(entry, backoff(entry.delivery?.attempt ?? 1, pause));
    if (entry.delivery) parts.answer(entry.delivery, done);
    remove(entry);
  };
  const start = (batched: Entry[]) => {
    const works = handOver(
      handler,
      batched.map(({ item }) => item),
    );
    batched.forEach((entry, index) => {
      (works[index] ?? Promise.resolve()).then(
        () => settle(entry, false),
        () => settle(entry, true),
      );
    });
  };
  const flush = () => {
    flushing?.cancel();
    flushing = undefined;
    while (arrived.length > 0) start(arrived.splice(0, batch));
  };
  const flushSoon = () => {
    if (flushing || arrived.length === 0) return;
    const immediate = setImmediate(() => {
      if (!parts.moreToCome()) return flush();
      const timer = setTimeout(flush, 1);
      flushing = { cancel: () => clearTimeout(timer) };
    });
    flushing = { cancel: () => clearImmediate(immediate) };
  };
  return {
    get size() {
      return entries.size;
    },
    has: (id: string) => entries.has(id),
    /** How many items of each company came from the server. */
    deliveries(): Map<string, number> {
      const counts = new Map<string, number>();
      for (const { item, delivery } of entries.values()) {
        if (delivery) counts.set(item.company, (counts.get(item.company) ?? 0) + 1);
      }
      return counts;
    },
    /** @returns false where the item is in work already; else it has the place that was taken for it */
    arrive(item: QueueItem, delivery: Delivery): boolean {
      const current = entries.get(item.id);
      if (current) {
        // The server has lost sight of this node, or the item was queued anew after a loss: the latest answer counts.
        if (current.delivery) current.delivery = delivery;
        else parts.answer(delivery, giveBackPayload(offeredPauseMs));
        return false;
      }
      const entry = { item, delivery };
      entries.set(item.id, entry);
      arrived.push(entry);
      if (arrived.length >= batch) flush();
      else flushSoon();
      return true;
    },
    /** Nothing more is about to arrive. */
    complete() {
      if (arrived.length === 0) return;
      flushing?.cancel();
      flushing = undefined;
      flushSoon();
    },
    /** Items for which places were taken. */
    offer(items: QueueItem[]) {
      const offered = items.map((item) => ({ item, delivery: undefined }));
      for (const entry of offered) entries.set(entry.item.id, entry);
      for (let from = 0; from < offered.length; from += batch) start(offered.slice(from, from + batch));
    },
    /** Tells the server that what came from it is in work still. */
    keepAlive() {
      for (const { delivery } of entries.values()) if (delivery) parts.answer(delivery, inProgress);
    },
    /** Gives back what was not handed over; resolves when the rest is done. */
    stop(): Promise<void> {
      stopped = true;
      flushing?.cancel();
      flushing = undefined;
      for (const entry of arrived.splice(0)) giveBack(entry, 0);
      return entries.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve));
    },
    /** Gives back all that came from the server, whatever the handler does. */
    abandon() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      void this.stop();
      for (const entry of entries.values()) {
        if (entry.delivery) parts.answer(entry.delivery, giveBackPayload(0));
        remove(entry);
      }
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
