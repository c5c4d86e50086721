/** Intake: events of connectors into the database, in batches; a source is answered only after the commit. */
import type { Log } from "../../plugins/contract/connector.ts";
import {
  type ConnectorEvent,
  type ConnectorEventInput,
  connectorEventSchema,
  type InboundMessage,
} from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { sleep } from "../lib/abort.ts";
import { createHistoricIds, newId } from "../lib/ids.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Queue, QueueItem } from "../queue/queue.ts";
import { type Database, isDataError, type Runner, retryDeadlocks } from "../store/database.ts";
import {
  insertMessages,
  type NewAttachment,
  type NewMessage,
  type StoredMessage,
} from "../store/messages.ts";
import { carriedOf } from "./carry.ts";
import { createCommits } from "./commits.ts";
import {
  createIntakeLimits,
  type IntakeBounds,
  Overloaded,
  sizeOfEvents,
  sizeOfMessage,
} from "./intake-limits.ts";
import { createPageStore, OutOfOrder, type PageEvents, type StoreOptions } from "./page-store.ts";
import { readEvent } from "./read-event.ts";
import { recordLateOutcomes } from "./replies.ts";
import type { Source } from "./source.ts";
import { needsThreads, type Taken } from "./threads.ts";
import { toNewMessage } from "./to-new-message.ts";

/** A message that is stored, now or before. */
export interface Accepted extends StoredMessage {
  externalId: string;
}

export interface Intake {
  /**
   * Takes events of a push. Throws a ZodError, and stores nothing, where one of them is not valid; `Overloaded` where the
   * database is slow or away, though they may be stored all the same: when they are sent again, each is stored once.
   * @returns the messages among them, in their order, once they are committed
   */
  accept(source: Source, events: ConnectorEventInput[]): Promise<Accepted[]>;
  /**
   * Takes a page of a pull, with its cursor where it has one, in one transaction. An event that is not valid goes to
   * quarantine.
   * @param order what ids tell of its events: that they come after all that is stored (`arrival`, the default), or when
   *   they were written (`writing`), for what is older than the rest
   */
  acceptPage(
    source: Source,
    page: { events: ConnectorEventInput[]; cursor?: unknown },
    order?: "arrival" | "writing",
  ): Promise<Accepted[]>;
  /**
   * Takes events that are valid, ordered by when they were written, and `also` does its part in the same transaction.
   * Throws where PostgreSQL refuses one of them; then nothing is stored.
   */
  acceptWhole(
    source: Source,
    events: ConnectorEvent[],
    also: (runner: Runner) => Promise<void>,
  ): Promise<Accepted[]>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

export interface IntakeParts {
  db: Database;
  blobs: Blobs;
  queue: Queue;
  metrics: Metrics;
  log: Log;
  /** Milliseconds after which a message that nobody took up is queued again. */
  stalledMs: number;
  /** What may wait for the database. */
  bounds?: IntakeBounds;
}

/** Text in one statement, in characters: more would hold up all else while it is put together and parsed. */
const batchSize = 1_000_000;
/** How often events are stored anew because others were faster with some of them, and the first pause, in milliseconds. */
const mostAttempts = 6;
const againMs = 10;
/** Milliseconds that a message waits for its statement to begin. */
const patienceMs = 5_000;

export function createIntake(parts: IntakeParts): Intake {
  const { db, blobs, queue, metrics, stalledMs } = parts;
  const pages = createPageStore(parts);
  const limits = createIntakeLimits(parts.bounds);
  const inserts = createCommits<NewMessage, StoredMessage>(
    (messages) => retryDeadlocks(() => insertMessages(db, messages, stalledMs)),
    {
      max: 32,
      lanes: 3,
      maxSize: batchSize,
      sizeOf: sizeOfMessage,
      patienceMs,
      late: () => new Overloaded(`the database was busy for ${patienceMs} ms`),
    },
  );
  const underWay = new Set<Promise<unknown>>();
  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  };

  /** Files are stored before the commit: a message never names a file that is not there. */
  const prepare = async (source: Source, taken: Taken, event: InboundMessage): Promise<NewMessage> => {
    const attachments: NewAttachment[] = [];
    for (const { name, mediaType, content, contentId = null } of event.attachments ?? []) {
      const blob = await blobs.put(source.company, content);
      attachments.push({ id: newId(), name, mediaType, bytes: content.length, blob, contentId });
    }
    const raw = event.raw ? await blobs.put(source.company, event.raw) : null;
    return toNewMessage(source, taken, event, raw, attachments);
  };

  const announce = async (
    source: Source,
    messages: NewMessage[],
    stored: StoredMessage[],
  ): Promise<Accepted[]> => {
    const fresh: QueueItem[] = [];
    let skipped = 0;
    for (const [i, message] of messages.entries()) {
      const result = stored[i];
      if (!result || result.duplicate) continue;
      if (message.skip !== null) skipped++;
      else fresh.push({ id: result.messageId, company: source.company, carried: carriedOf(message, result) });
    }
    if (fresh.length > 0) await queue.publish("classify", fresh);
    const count = (result: string, by: number) => {
      if (by > 0) metrics.count("deskwire.intake.messages", { connector: source.connector, result }, by);
    };
    count("stored", fresh.length);
    count("skipped", skipped);
    count("duplicate", stored.length - fresh.length - skipped);
    return stored.map((result, i) => ({ externalId: messages[i]?.externalId ?? "", ...result }));
  };

  const split = async (source: Source, taken: Taken[]) => {
    const messages: NewMessage[] = [];
    const others: Taken[] = [];
    for (const one of taken) {
      if (one.event.kind === "message") messages.push(await prepare(source, one, one.event));
      else others.push(one);
    }
    return { messages, others };
  };

  /** All events in one transaction. */
  const storeWhole = async (source: Source, events: PageEvents, options: StoreOptions = {}) => {
    const stored = await retryDeadlocks(() => pages.store(source, events, options));
    const messages = stored.map(({ message }) => message);
    return announce(
      source,
      messages,
      stored.map(({ result }) => result),
    );
  };

  /** Stores events whose order matters, with ids of this moment: again where others were faster with some of them. */
  const storeInOrder = async (source: Source, events: ConnectorEvent[], options: StoreOptions = {}) => {
    for (let attempt = 1; ; attempt++) {
      const taken = events.map((event) => ({ id: newId(), event }));
      const whole = { taken, ...(await split(source, taken)) };
      try {
        return await storeWhole(source, whole, { ...options, ordered: attempt < mostAttempts });
      } catch (error) {
        if (!(error instanceof OutOfOrder)) throw error;
        // The clocks of nodes may be a little apart.
        await sleep(attempt * againMs);
      }
    }
  };

  const accept = async (source: Source, inputs: ConnectorEventInput[]) => {
    const events = inputs.map((input) => ({ id: newId(), event: connectorEventSchema.parse(input) }));
    // Several events of a post are a conversation, or a part of one.
    if (events.length > 1 || needsThreads(events))
      return storeInOrder(
        source,
        events.map(({ event }) => event),
      );
    const { messages, others } = await split(source, events);
    const results = await Promise.allSettled(messages.map((message) => inserts.add(message)));
    // What is stored goes on its way, also where another one failed and the source is told to try again.
    const through = messages.filter((_, i) => results[i]?.status === "fulfilled");
    const stored = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const accepted = await announce(source, through, stored);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    if (others.length > 0) {
      const undecided = await retryDeadlocks(() =>
        db.transaction(async (runner) => {
          const places = [];
          for (const other of others) places.push(await pages.takeOther(runner, source, other));
          return places.flatMap((place) => place?.undecided ?? []);
        }),
      );
      if (undecided.length > 0) await recordLateOutcomes(db, undecided);
    }
    return accepted;
  };

  const historicId = createHistoricIds();
  const takeHistoric = (event: ConnectorEvent): Taken => {
    const at = ("sentAt" in event ? event.sentAt : undefined) ?? new Date();
    return { id: historicId(at), ticketId: historicId(at), event };
  };

  const acceptPage = async (
    source: Source,
    page: { events: ConnectorEventInput[]; cursor?: unknown },
    order: "arrival" | "writing" = "arrival",
  ) => {
    const events = page.events.map(readEvent);
    const { cursor } = page;
    const store = async (options: StoreOptions) => {
      if (order === "arrival") return storeInOrder(source, events, options);
      const taken = events.map(takeHistoric);
      return storeWhole(source, { taken, ...(await split(source, taken)) }, options);
    };
    try {
      return await store({ cursor });
    } catch (error) {
      if (isDataError(error)) return store({ cursor, apart: true });
      throw error;
    }
  };

  const acceptWhole: Intake["acceptWhole"] = async (source, events, also) => {
    const taken = events.map(takeHistoric);
    return storeWhole(source, { taken, ...(await split(source, taken)) }, { also });
  };

  return {
    accept: (source, inputs) => limits.within(sizeOfEvents(inputs), () => track(accept(source, inputs))),
    acceptPage: (source, page, order) => track(acceptPage(source, page, order)),
    acceptWhole: (source, events, also) => track(acceptWhole(source, events, also)),
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
