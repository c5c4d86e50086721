/** Deliveries on another node: those of one moment go in one call, and a slow one holds up none of the others. */
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import type { DeliveryResult } from "../hosting/deliver.ts";
import { sleep } from "../lib/abort.ts";

export interface DeliveryOrder {
  company: string;
  instance: string;
  draft: OutgoingDraft;
}

export interface DeliveryCalls {
  /** @returns the result of each; null for those that are under way still: `one` waits for them */
  all(nodeID: string, orders: DeliveryOrder[]): Promise<Array<DeliveryResult | null>>;
  one(nodeID: string, order: DeliveryOrder): Promise<DeliveryResult>;
}

/** The most deliveries in one call, and their texts together in characters: NATS carries a megabyte. */
const together = { orders: 32, size: 100_000 };

interface Entry {
  order: DeliveryOrder;
  resolve(result: DeliveryResult): void;
  reject(error: unknown): void;
}

const sizeOf = ({ draft: { text, message } }: DeliveryOrder) =>
  text.length + message.text.length + (message.quoted?.length ?? 0);

/** Cuts a line into calls; what is large goes alone. */
function* calls(entries: Entry[]): Generator<Entry[]> {
  let call: Entry[] = [];
  let size = 0;
  for (const entry of entries) {
    const own = sizeOf(entry.order);
    if (call.length > 0 && (call.length >= together.orders || size + own > together.size)) {
      yield call;
      call = [];
      size = 0;
    }
    call.push(entry);
    size += own;
  }
  yield call;
}

/** @returns a function that orders a delivery from a node, together with what else is ordered there in this turn of the event loop */
export function createDeliveryOrders({ all, one }: DeliveryCalls) {
  const lines = new Map<string, Entry[]>();
  const alone = (nodeID: string, { order, resolve, reject }: Entry) => {
    one(nodeID, order).then(resolve, reject);
  };
  const send = async (nodeID: string, entries: Entry[]) => {
    const [first] = entries;
    if (first && entries.length === 1) return alone(nodeID, first);
    try {
      const results = await all(
        nodeID,
        entries.map(({ order }) => order),
      );
      for (const [index, entry] of entries.entries()) {
        const result = results[index];
        if (result) entry.resolve(result);
        else alone(nodeID, entry);
      }
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  };
  const flush = (nodeID: string) => {
    const entries = lines.get(nodeID) ?? [];
    lines.delete(nodeID);
    for (const call of calls(entries)) void send(nodeID, call);
  };
  return (nodeID: string, order: DeliveryOrder) =>
    new Promise<DeliveryResult>((resolve, reject) => {
      const entry = { order, resolve, reject };
      const line = lines.get(nodeID);
      if (line) line.push(entry);
      else {
        lines.set(nodeID, [entry]);
        setImmediate(flush, nodeID);
      }
    });
}

/** Milliseconds after which a call is answered, with those deliveries that are done. */
const answerMs = 20;
/** Milliseconds that a result is kept for whoever comes back for it. */
const keptMs = 2_000;

/** The other end. @param deliver delivers, and never throws */
export function createDeliveryDesk(
  deliver: (order: DeliveryOrder, caller: string | null) => Promise<DeliveryResult>,
) {
  const pending = new Map<string, Promise<DeliveryResult>>();
  const keyOf = ({ company, instance, draft }: DeliveryOrder) =>
    JSON.stringify([company, instance, draft.idempotencyKey]);
  /** Until somebody has asked for it, so that what ends a moment before is not delivered, and looked up, once more. */
  const keep = (order: DeliveryOrder, result: Promise<DeliveryResult>) => {
    const key = keyOf(order);
    pending.set(key, result);
    const forget = () => pending.get(key) === result && pending.delete(key);
    result.finally(() => setTimeout(forget, keptMs).unref());
  };
  return {
    one(order: DeliveryOrder, caller: string | null): Promise<DeliveryResult> {
      const key = keyOf(order);
      const known = pending.get(key);
      pending.delete(key);
      return known ?? deliver(order, caller);
    },
    async all(orders: DeliveryOrder[], caller: string | null): Promise<Array<DeliveryResult | null>> {
      const results: Array<DeliveryResult | null> = orders.map(() => null);
      const begun = orders.map((order) => deliver(order, caller));
      const done = Promise.all(
        begun.map(async (result, index) => {
          results[index] = await result;
        }),
      );
      await Promise.race([done, sleep(answerMs)]);
      const answered = [...results];
      for (const [index, order] of orders.entries())
        if (!answered[index]) keep(order, begun[index] as Promise<DeliveryResult>);
      return answered;
    },
  };
}
