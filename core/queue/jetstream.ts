/** The queue of many nodes: NATS JetStream, fair between companies, bounded, and made anew where it is lost. */
import type { NatsConnection } from "nats";
import type { Log } from "../../plugins/contract/connector.ts";
import { createHints, type Hints } from "./jetstream-hints.ts";
import { createIncoming } from "./jetstream-incoming.ts";
import { createLanes } from "./jetstream-lanes.ts";
import { createLink } from "./jetstream-link.ts";
import { createOutgoing } from "./jetstream-outgoing.ts";
import { createScan } from "./jetstream-scan.ts";
import { ensureConsumer, type StreamOptions } from "./jetstream-stream.ts";
import type { Queue, Step } from "./queue.ts";

export interface JetStreamOptions {
  /** Made by the caller, who closes it after the queue. While it is a promise still, the queue is away. */
  connection: NatsConnection | Promise<NatsConnection>;
  log: Log;
  /** Servers that keep each item. Default 1: what is lost is found in the database. */
  replicas?: number;
  /** The stream's name, and the first part of all subjects. Default deskwire. */
  name?: string;
  /** The most items of all companies that wait or are in work. Default 500,000. */
  maxItems?: number;
  /** The most items of one company that wait at a step. Default 20,000. */
  maxPerCompany?: number;
  /** Milliseconds without a sign of life from a node after which others get its items. Default 7,500. */
  ackWaitMs?: number;
  /** Milliseconds between two looks for work that nobody was told of. Default 2,000. */
  scanMs?: number;
  /** Milliseconds within which the server has to answer. Default 3,000. */
  timeoutMs?: number;
}

/** Milliseconds that a close waits for what it has told the server to be on its way. */
const flushMs = 1_000;

export function createJetStreamQueue(options: JetStreamOptions): Queue {
  const { log, timeoutMs = 3_000 } = options;
  const stream: StreamOptions = {
    name: options.name ?? "deskwire",
    replicas: options.replicas ?? 1,
    maxItems: options.maxItems ?? 500_000,
    ackWaitMs: options.ackWaitMs ?? 7_500,
  };
  let connection: NatsConnection | undefined;
  let hints: Hints | undefined;
  let closed = false;
  const lanes = createLanes(async ({ step, company }, signal) => {
    const { manager, generation, available } = link;
    if (!manager || !available) return false;
    try {
      await ensureConsumer(manager, stream, { step, company, generation });
      return true;
    } catch (error) {
      // That it did not answer before it went away says nothing of one that is back.
      if (!signal.aborted) link.trouble((error as Error).message);
      return false;
    }
  });
  const link = createLink({
    connection: options.connection,
    log,
    stream,
    timeoutMs,
    onConnection(opened) {
      connection = opened;
      outgoing.attach(opened);
      incoming.attach(opened);
      hints = createHints({
        connection: opened,
        subject: `${stream.name}.hint`,
        generation: () => link.generation,
        onHint: incoming.wake,
        onOtherGeneration: () => scan.now(),
      });
    },
    onOpen(fresh) {
      if (fresh) lanes.reset();
      outgoing.resume();
      scan.now();
    },
    onAway() {
      lanes.giveUp();
      outgoing.drop();
      incoming.reset();
    },
  });
  const outgoing = createOutgoing({
    link,
    lanes,
    log,
    stream,
    maxPerCompany: options.maxPerCompany ?? 20_000,
    timeoutMs,
    onStored: (step, company) => hints?.add(step, company),
  });
  const incoming = createIncoming({
    link,
    lanes,
    stream,
    publish: (step, item) => void outgoing.publish(step, [item]),
  });
  const scan = createScan({ link, lanes, incoming, log, stream, everyMs: options.scanMs ?? 2_000 });
  const depth = (step: Step) => ({ waiting: lanes.waiting(step), working: incoming.working(step) });
  return {
    shared: true,
    get available() {
      return link.available;
    },
    async publish(step, items) {
      if (!closed) await outgoing.publish(step, items);
    },
    offer: (step, items) => incoming.offer(step, items),
    room: (step, ms) => incoming.room(step, ms),
    onGap: (listener) => link.onGap(listener),
    consume(step, consumeOptions, handler) {
      const consumer = incoming.consume(step, consumeOptions, handler);
      scan.now();
      return consumer;
    },
    depth: () => ({ classify: depth("classify"), draft: depth("draft"), deliver: depth("deliver") }),
    async close() {
      if (closed) return;
      closed = true;
      const reachable = link.available;
      scan.close();
      incoming.close();
      hints?.close();
      link.close();
      outgoing.close();
      if (reachable) await flushed(connection);
    },
  };
}

/** Resolves when the server has what was sent, or after a time. */
async function flushed(connection: NatsConnection | undefined): Promise<void> {
  if (!connection || connection.isClosed()) return;
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, flushMs);
  });
  await Promise.race([connection.flush().catch(() => undefined), timeUp]);
  clearTimeout(timer);
}
