/** Intake: events of connectors into the database, in batches; a source is answered only after the commit. */
import type { Log } from "../../plugins/contract/connector.ts";
import {
  type ConnectorEventInput,
  connectorEventSchema,
  type InboundMessage,
} from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { newId } from "../lib/ids.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Queue } from "../queue/queue.ts";
import { type Database, isDataError, retryDeadlocks } from "../store/database.ts";
import {
  insertMessages,
  type NewAttachment,
  type NewMessage,
  type StoredMessage,
} from "../store/messages.ts";
import { createCommits } from "./commits.ts";
import { createPageStore, type PageEvents } from "./page-store.ts";
import { readEvent } from "./read-event.ts";
import type { Source } from "./source.ts";
import { needsThreads, type Taken } from "./threads.ts";

/** A message that is stored, now or before. */
export interface Accepted extends StoredMessage {
  externalId: string;
}

export interface Intake {
  /**
   * Takes events of a push. Throws a ZodError, and stores nothing, where one of them is not valid.
   * @returns the messages among them, in their order, once they are committed
   */
  accept(source: Source, events: ConnectorEventInput[]): Promise<Accepted[]>;
  /**
   * Takes a page of a pull, with its cursor where it has one, in one transaction. An event that is not valid goes to
   * quarantine.
   */
  acceptPage(source: Source, page: { events: ConnectorEventInput[]; cursor?: unknown }): Promise<Accepted[]>;
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
}

function toNewMessage(
  source: Source,
  id: string,
  event: InboundMessage,
  raw: string | null,
  attachments: NewAttachment[],
): NewMessage {
  return {
    id,
    ticketId: newId(),
    company: source.company,
    connector: source.connector,
    externalId: event.externalId,
    threadId: event.threadId ?? event.externalId,
    subject: event.subject ?? null,
    name: event.requester.name ?? null,
    email: event.requester.email ?? null,
    personId: event.requester.externalId ?? null,
    text: event.text,
    quoted: event.quoted ?? null,
    html: event.html ?? null,
    raw,
    sourceData: event.sourceData ?? null,
    sentAt: (event.sentAt ?? new Date()).toISOString(),
    skip: event.skip ?? null,
    attachments,
  };
}

export function createIntake(parts: IntakeParts): Intake {
  const { db, blobs, queue, metrics, stalledMs } = parts;
  const pages = createPageStore(parts);
  const inserts = createCommits<NewMessage, StoredMessage>(
    (messages) => retryDeadlocks(() => insertMessages(db, messages, stalledMs)),
    { max: 64, lanes: 3 },
  );
  const underWay = new Set<Promise<unknown>>();
  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  };

  /** Files are stored before the commit: a message never names a file that is not there. */
  const prepare = async (source: Source, id: string, event: InboundMessage): Promise<NewMessage> => {
    const attachments: NewAttachment[] = [];
    for (const { name, mediaType, content, contentId = null } of event.attachments ?? []) {
      const blob = await blobs.put(source.company, content);
      attachments.push({ id: newId(), name, mediaType, bytes: content.length, blob, contentId });
    }
    const raw = event.raw ? await blobs.put(source.company, event.raw) : null;
    return toNewMessage(source, id, event, raw, attachments);
  };

  const announce = async (
    source: Source,
    messages: NewMessage[],
    stored: StoredMessage[],
  ): Promise<Accepted[]> => {
    const fresh = stored.filter((result, i) => !result.duplicate && messages[i]?.skip === null);
    if (fresh.length > 0) {
      await queue.publish(
        "classify",
        fresh.map(({ messageId }) => ({ id: messageId, company: source.company })),
      );
    }
    const skipped = messages.filter((message, i) => message.skip !== null && !stored[i]?.duplicate).length;
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
      if (one.event.kind === "message") messages.push(await prepare(source, one.id, one.event));
      else others.push(one);
    }
    return { messages, others };
  };

  /** All events in one transaction. @param apart see `PageStore` */
  const storeWhole = async (source: Source, events: PageEvents, cursor: unknown, apart = false) => {
    const stored = await retryDeadlocks(() => pages.store(source, events, cursor, apart));
    const messages = stored.map(({ message }) => message);
    return announce(
      source,
      messages,
      stored.map(({ result }) => result),
    );
  };

  const accept = async (source: Source, inputs: ConnectorEventInput[]) => {
    const events = inputs.map((input) => ({ id: newId(), event: connectorEventSchema.parse(input) }));
    const { messages, others } = await split(source, events);
    if (needsThreads(events)) return storeWhole(source, { taken: events, messages, others }, undefined);
    const results = await Promise.allSettled(messages.map((message) => inserts.add(message)));
    // What is stored goes on its way, also where another one failed and the source is told to try again.
    const through = messages.filter((_, i) => results[i]?.status === "fulfilled");
    const stored = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const accepted = await announce(source, through, stored);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    if (others.length > 0) {
      await retryDeadlocks(() =>
        db.transaction(async (runner) => {
          for (const other of others) await pages.takeOther(runner, source, other);
        }),
      );
    }
    return accepted;
  };

  const acceptPage: Intake["acceptPage"] = async (source, page) => {
    const taken = page.events.map((input, index) => ({ id: newId(), event: readEvent(input, index) }));
    const parts = { taken, ...(await split(source, taken)) };
    try {
      return await storeWhole(source, parts, page.cursor);
    } catch (error) {
      if (isDataError(error)) return storeWhole(source, parts, page.cursor, true);
      throw error;
    }
  };

  return {
    accept: (source, inputs) => track(accept(source, inputs)),
    acceptPage: (source, page) => track(acceptPage(source, page)),
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
