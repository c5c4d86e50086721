/** Queues over NATS for tests. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Log } from "../../plugins/contract/connector.ts";
import { createJetStreamQueue, type JetStreamOptions } from "../queue/jetstream.ts";
import { connectNats, type NatsLink } from "../queue/nats-connection.ts";
import type { Queue, QueueItem } from "../queue/queue.ts";
import type { TestNats } from "./nats.ts";

const quietLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface OpenedQueue {
  queue: Queue;
  link: NatsLink;
  /** Ends the connection as the death of the node does: nothing is given back. */
  die(): Promise<void>;
}

/**
 * Opens a node's queue, which is closed with the test. Resolves when it is available, but for a server that is away.
 * @param options a `name` makes it one of several nodes; by default it shares with nobody
 */
export async function openQueue(
  server: TestNats,
  options: Partial<Omit<JetStreamOptions, "connection">> = {},
): Promise<OpenedQueue> {
  const link = connectNats({ url: server.url, name: "test" }, quietLog);
  const queue = createJetStreamQueue({
    log: quietLog,
    name: `test-${randomUUID()}`,
    scanMs: 300,
    ...options,
    connection: link.connection,
  });
  onTestFinished(async () => {
    await queue.close();
    await link.close();
  });
  if (server.pid !== undefined) await until(() => queue.available);
  return { queue, link, die: () => link.close() };
}

/** Items of a company; their ids are no uuids, so that a failed test can be read. */
export const items = (company: string, count: number, from = 0): QueueItem[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${company}-${from + i}`, company }));

/** Waits until something has happened, up to 20 s. */
export async function until(reached: () => boolean): Promise<void> {
  const started = Date.now();
  while (!reached()) {
    if (Date.now() - started > 20_000) throw new Error("it did not happen within 20 s");
    await sleep(2);
  }
}
