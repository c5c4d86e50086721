/** What a node publishes: bounded for each company, dropped while the server is away, and remembered as a gap then. */
import type { NatsConnection } from "nats";
import type { Log } from "../../plugins/contract/connector.ts";
import type { Lane, Lanes } from "./jetstream-lanes.ts";
import type { Link } from "./jetstream-link.ts";
import { createPublisher, type Published, type Publisher } from "./jetstream-publisher.ts";
import { type StreamOptions, workSubject } from "./jetstream-stream.ts";
import type { QueueItem, Step } from "./queue.ts";

export interface OutgoingParts {
  link: Link;
  lanes: Lanes;
  log: Log;
  stream: StreamOptions;
  /** The most items of one company that wait at a step. */
  maxPerCompany: number;
  timeoutMs: number;
  /** A company has work that nobody was told of. */
  onStored(step: Step, company: string): void;
}

/** Milliseconds between two log lines that say that the queue is full. */
const sayFullEveryMs = 60_000;

export function createOutgoing(parts: OutgoingParts) {
  const { link, lanes, log, stream, maxPerCompany } = parts;
  let publisher: Publisher | undefined;
  let saidFullAt = Number.NEGATIVE_INFINITY;

  const onPublished = (lane: Lane, outcome: Published) => {
    lane.sending--;
    if (outcome === "stored") {
      lane.waiting++;
      parts.onStored(lane.step, lane.company);
    } else if (outcome === "lost") {
      link.lost();
      link.trouble("an item was not taken");
    } else if (outcome === "no room" && performance.now() - saidFullAt > sayFullEveryMs) {
      saidFullAt = performance.now();
      log.warn("the queue is full; what finds no room waits in the database");
    }
  };
  /** @returns false where the item is dropped */
  const publishOne = async (
    step: Step,
    { id, company }: QueueItem,
    settled: () => void,
  ): Promise<boolean> => {
    const lane = lanes.get(step, company);
    if (lane.waiting + lane.sending >= maxPerCompany) return false;
    const ready = link.available && (lane.consumer === true || (await lanes.ensure(lane)));
    if (!publisher || !ready) {
      link.lost();
      return false;
    }
    lane.sending++;
    await publisher.publish(`${workSubject(stream.name, step, company)}.${id}`, (outcome) => {
      onPublished(lane, outcome);
      settled();
    });
    return true;
  };
  return {
    attach(connection: NatsConnection) {
      publisher = createPublisher(connection, parts.timeoutMs);
    },
    async publish(step: Step, items: QueueItem[]) {
      let left = items.length;
      const all = Promise.withResolvers<void>();
      const settled = () => {
        if (--left === 0) all.resolve();
      };
      for (const item of items) if (!(await publishOne(step, item, settled))) settled();
      if (items.length > 0) await all.promise;
    },
    resume: () => publisher?.resume(),
    drop: () => publisher?.drop(),
    close() {
      publisher?.close();
      publisher = undefined;
    },
  };
}
