/** What lies in the NATS server: one stream for all work, and a consumer for each step and company. */
import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamManager,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import { type Step, steps } from "./queue.ts";

export interface StreamOptions {
  /** Also the first part of the subjects' names. */
  name: string;
  /** Servers that keep each item. */
  replicas: number;
  /** The most items of all companies; what comes after is refused. */
  maxItems: number;
  /** Milliseconds without a sign of life after which an item is handed over again. */
  ackWaitMs: number;
}

/** What the server's answers tell of one step of one company. */
export interface LaneInfo {
  step: Step;
  company: string;
  waiting: number;
  /** Handed over and not done, on all nodes; also those given back, while their pause lasts. */
  working: number;
}

export interface StreamState {
  /** Differs once the stream has been made anew. Part of the consumers' names. */
  generation: string;
  lastSequence: number;
  /** Items that wait or are in work. */
  items: number;
}

export const workSubject = (name: string, step: Step, company: string) => `${name}.work.${step}.${company}`;

/**
 * The name of the consumer. With the stream's generation, so that an answer for an item of a stream that is gone cannot be
 * taken for one of the new stream's, which counts from 1 again.
 */
export const consumerName = (step: Step, company: string, generation: string) =>
  `${step}_${company}_${generation}`;

function streamConfig({ name, replicas, maxItems }: StreamOptions): Partial<StreamConfig> & { name: string } {
  return {
    name,
    subjects: [`${name}.work.>`],
    // What is done is removed; PostgreSQL has the truth, so memory will do.
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.Memory,
    num_replicas: replicas,
    max_msgs: maxItems,
    // An item that waits or is in work is not queued twice.
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    // No message has an id by which duplicates were to be found.
    duplicate_window: nanos(1_000),
  };
}

const stateOf = ({ created, state }: StreamInfo): StreamState => ({
  generation: Date.parse(created.replace(/(\.\d{3})\d+/, "$1")).toString(36),
  lastSequence: state.last_seq,
  items: state.messages,
});

/** Creates the stream where it is missing, and brings its configuration up to date. */
export async function ensureStream(manager: JetStreamManager, options: StreamOptions): Promise<StreamState> {
  const config = streamConfig(options);
  try {
    const info = await manager.streams.info(options.name);
    const same = Object.entries(config).every(
      ([key, value]) => JSON.stringify(info.config[key as keyof StreamConfig]) === JSON.stringify(value),
    );
    return stateOf(same ? info : await manager.streams.update(options.name, config));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return stateOf(await manager.streams.add(config));
  }
}

/**
 * Removes a stream that does not answer though the servers do: the one server that kept it is gone, and what was in its
 * memory with it. Does nothing where several keep it, and rejects where nobody answers at all.
 * @returns whether it was removed
 */
export async function removeUnreachable(manager: JetStreamManager, options: StreamOptions): Promise<boolean> {
  if (options.replicas > 1) return false;
  await manager.getAccountInfo();
  // Whoever should confirm it is gone too.
  await manager.streams.delete(options.name).catch(() => undefined);
  return true;
}

/** Undefined where the stream is missing. */
export async function readStream(manager: JetStreamManager, name: string): Promise<StreamState | undefined> {
  try {
    return stateOf(await manager.streams.info(name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Does nothing where the consumer is there already. */
export async function ensureConsumer(
  manager: JetStreamManager,
  { name, ackWaitMs }: StreamOptions,
  { step, company, generation }: { step: Step; company: string; generation: string },
): Promise<void> {
  await manager.consumers.add(name, {
    durable_name: consumerName(step, company, generation),
    filter_subject: `${workSubject(name, step, company)}.*`,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_deliver: -1,
    max_ack_pending: 20_000,
    mem_storage: true,
  });
}

/** All consumers of this generation. */
export async function listLanes(
  manager: JetStreamManager,
  name: string,
  generation: string,
): Promise<LaneInfo[]> {
  const lanes: LaneInfo[] = [];
  for await (const info of manager.consumers.list(name)) {
    const [step, company, of] = info.name.split("_") as [Step, string, string];
    if (of !== generation || !steps.includes(step)) continue;
    lanes.push({ step, company, waiting: info.num_pending, working: info.num_ack_pending });
  }
  return lanes;
}

function isNotFound(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.code === 404;
}
