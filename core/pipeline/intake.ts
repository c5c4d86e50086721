/** Intake: events of connectors into the database, in batches; a source is answered only after the commit. */
import { z } from "zod";
import type { Log, Page } from "../../plugins/contract/connector.ts";
import {
  type ConnectorEvent,
  type ConnectorEventInput,
  connectorEventSchema,
  type InboundMessage,
} from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { createBatcher } from "../lib/batcher.ts";
import { newId } from "../lib/ids.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Queue } from "../queue/queue.ts";
import { saveCursor } from "../store/cursors.ts";
import type { Database, Runner } from "../store/database.ts";
import {
  insertMessages,
  type NewAttachment,
  type NewMessage,
  type StoredMessage,
} from "../store/messages.ts";
import { insertQuarantined } from "../store/quarantine.ts";
import { insertCorrection } from "../store/replies.ts";
import { recordReply } from "./replies.ts";

/** Where events come from: a connector of a company. */
export interface Source {
  company: string;
  /** The connector's key in the company's file. */
  connector: string;
}

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
  /** Takes a page of a pull, with its cursor, in one transaction. An event that is not valid goes to quarantine. */
  acceptPage(source: Source, page: Page<unknown>): Promise<Accepted[]>;
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

/** Errors of the data itself (SQLSTATE classes 22 and 23; 54: more words than an index takes): the one bad item must not fail those beside it. */
function isDataError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && /^(22|23|54)/.test(code);
}

function toNewMessage(source: Source, event: InboundMessage, attachments: NewAttachment[]): NewMessage {
  return {
    id: newId(),
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
    html: event.html ?? null,
    sentAt: (event.sentAt ?? new Date()).toISOString(),
    skip: event.skip ?? null,
    attachments,
  };
}

type Result = { stored: StoredMessage } | { error: unknown };

/** @returns one result an item, so that an item with bad data fails alone */
async function insertEach(db: Database, messages: NewMessage[], stalledMs: number): Promise<Result[]> {
  try {
    return (await insertMessages(db, messages, stalledMs)).map((stored) => ({ stored }));
  } catch (error) {
    if (!isDataError(error) || messages.length === 1) return messages.map(() => ({ error }));
  }
  const results: Result[] = [];
  for (const message of messages) results.push(...(await insertEach(db, [message], stalledMs)));
  return results;
}

export function createIntake(parts: IntakeParts): Intake {
  const { db, blobs, queue, metrics, stalledMs } = parts;
  const inserts = createBatcher<NewMessage, Result>((messages) => insertEach(db, messages, stalledMs), {
    max: 64,
    lanes: 3,
  });

  /** Files are stored before the commit: a message never names a file that is not there. */
  const prepare = async (source: Source, event: InboundMessage): Promise<NewMessage> => {
    const attachments: NewAttachment[] = [];
    for (const { name, mediaType, content } of event.attachments ?? []) {
      const blob = await blobs.put(source.company, content);
      attachments.push({ id: newId(), name, mediaType, bytes: content.length, blob });
    }
    return toNewMessage(source, event, attachments);
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

  const takeOthers = async (runner: Runner, source: Source, events: ConnectorEvent[]) => {
    for (const event of events) {
      if (event.kind === "agent-reply")
        await recordReply(runner, source, event, `agent:${event.agent.name ?? "unknown"}`);
      if (event.kind === "label-correction") {
        await insertCorrection(runner, {
          ...source,
          threadId: event.threadId,
          externalId: event.externalId,
          labels: event.labels,
          agent: event.agent.name ?? null,
          at: (event.at ?? new Date()).toISOString(),
        });
      }
      if (event.kind === "rejected") {
        const blob = event.raw ? await blobs.put(source.company, event.raw) : null;
        const { externalId, reason } = event;
        await insertQuarantined(runner, [{ ...source, externalId, reason, blob }]);
        metrics.count("deskwire.intake.quarantined", { connector: source.connector });
      }
    }
  };

  return {
    async accept(source, inputs) {
      const events = inputs.map((input) => connectorEventSchema.parse(input));
      const messages = await Promise.all(
        events.filter((event) => event.kind === "message").map((event) => prepare(source, event)),
      );
      const results = await Promise.all(messages.map((message) => inserts.add(message)));
      const failed = results.find((result) => "error" in result);
      if (failed) throw failed.error;
      const others = events.filter((event) => event.kind !== "message");
      if (others.length > 0) await db.transaction((runner) => takeOthers(runner, source, others));
      const stored = results.flatMap((result) => ("stored" in result ? [result.stored] : []));
      return announce(source, messages, stored);
    },
    async acceptPage(source, page) {
      const events = page.events.map((input, index) => readEvent(input, index));
      const messages: NewMessage[] = [];
      for (const event of events) if (event.kind === "message") messages.push(await prepare(source, event));
      const stored = await db.transaction(async (runner) => {
        const results = await insertMessages(runner, messages, stalledMs);
        await takeOthers(runner, source, events);
        await saveCursor(runner, source.company, source.connector, page.cursor);
        return results;
      });
      return announce(source, messages, stored);
    },
    idle: () => inserts.idle(),
  };
}

/** An event of a page; one that breaks the contract becomes a rejected one, so that its page goes on. */
function readEvent(input: ConnectorEventInput, index: number): ConnectorEvent {
  const parsed = connectorEventSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const given = (input as { externalId?: unknown }).externalId;
  const externalId =
    typeof given === "string" && given.length > 0 ? given.slice(0, 512) : `unnamed-${newId()}-${index}`;
  const reason = `the connector handed over an event that breaks the contract: ${z.prettifyError(parsed.error)}`;
  const raw = new TextEncoder().encode(JSON.stringify(input));
  return {
    kind: "rejected",
    externalId: externalId.toWellFormed().replaceAll("\u0000", "\ufffd"),
    reason: reason.slice(0, 2_000),
    raw,
  };
}
