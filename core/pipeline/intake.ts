/** Intake: events of connectors into the database, in batches; a source is answered only after the commit. */
import type { Log, Page } from "../../plugins/contract/connector.ts";
import {
  type AgentReply,
  type ConnectorEvent,
  type ConnectorEventInput,
  connectorEventSchema,
  type InboundMessage,
  type LabelCorrection,
  type Rejected,
} from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { newId } from "../lib/ids.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Queue } from "../queue/queue.ts";
import { audit } from "../store/audit.ts";
import { saveCursor } from "../store/cursors.ts";
import { type Database, isDataError, type Runner, retryDeadlocks } from "../store/database.ts";
import {
  insertMessages,
  type NewAttachment,
  type NewMessage,
  type StoredMessage,
} from "../store/messages.ts";
import { insertQuarantined } from "../store/quarantine.ts";
import { insertCorrection } from "../store/replies.ts";
import { createCommits } from "./commits.ts";
import { readEvent, toRejected } from "./read-event.ts";
import { recordReply } from "./replies.ts";
import type { Source } from "./source.ts";

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

/** An event with the id that it gets if it is new: ids are made in the order of events, and tell what came after what. */
interface Taken {
  id: string;
  event: ConnectorEvent;
}

function toNewMessage(
  source: Source,
  id: string,
  event: InboundMessage,
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
    html: event.html ?? null,
    sentAt: (event.sentAt ?? new Date()).toISOString(),
    skip: event.skip ?? null,
    attachments,
  };
}

export function createIntake(parts: IntakeParts): Intake {
  const { db, blobs, queue, metrics, stalledMs } = parts;
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
    for (const { name, mediaType, content } of event.attachments ?? []) {
      const blob = await blobs.put(source.company, content);
      attachments.push({ id: newId(), name, mediaType, bytes: content.length, blob });
    }
    return toNewMessage(source, id, event, attachments);
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

  const takeReply = (runner: Runner, source: Source, id: string, event: AgentReply) =>
    // The customer has it already: whatever became of the draft that it names, it belongs to the history.
    recordReply(runner, source, event, `agent:${event.agent.name ?? "unknown"}`, { id, strict: false });

  const takeCorrection = async (runner: Runner, source: Source, event: LabelCorrection) => {
    const { threadId, externalId, labels, agent, at = new Date() } = event;
    const stored = await insertCorrection(runner, {
      ...source,
      threadId,
      externalId,
      labels,
      agent: agent.name ?? null,
      at: at.toISOString(),
    });
    if (!stored) return;
    const { company } = source;
    const actor = `agent:${agent.name ?? "unknown"}`;
    await audit(runner, [
      { company, actor, action: "labels.corrected", subject: stored.ticketId, detail: { labels } },
    ]);
  };

  const takeRejected = async (runner: Runner, source: Source, event: Rejected) => {
    const blob = event.raw ? await blobs.put(source.company, event.raw) : null;
    const { externalId, reason } = event;
    await insertQuarantined(runner, [{ ...source, externalId, reason, blob }]);
    metrics.count("deskwire.intake.quarantined", { connector: source.connector });
  };

  const takeOther = async (runner: Runner, source: Source, { id, event }: Taken) => {
    if (event.kind === "agent-reply") await takeReply(runner, source, id, event);
    if (event.kind === "label-correction") await takeCorrection(runner, source, event);
    if (event.kind === "rejected") await takeRejected(runner, source, event);
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

  const accept = async (source: Source, inputs: ConnectorEventInput[]) => {
    const events = inputs.map((input) => ({ id: newId(), event: connectorEventSchema.parse(input) }));
    const { messages, others } = await split(source, events);
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
          for (const other of others) await takeOther(runner, source, other);
        }),
      );
    }
    return accepted;
  };

  /** One page in one transaction. With `apart`, each event within a savepoint: what PostgreSQL refuses is quarantined. */
  const storePage = (
    source: Source,
    { messages, others }: { messages: NewMessage[]; others: Taken[] },
    cursor: unknown,
    apart: boolean,
  ) =>
    db.transaction(async (runner) => {
      const stored: Array<{ message: NewMessage; result: StoredMessage }> = [];
      const guarded = async (externalId: string, work: () => Promise<void>) => {
        if (!apart) return work();
        await runner.query("savepoint", "SAVEPOINT event", []);
        try {
          await work();
        } catch (error) {
          if (!isDataError(error)) throw error;
          await runner.query("rollback-to-savepoint", "ROLLBACK TO SAVEPOINT event", []);
          const reason = `the database refused it: ${(error as Error).message}`;
          await takeRejected(runner, source, toRejected(externalId, reason));
        }
      };
      const insert = async (some: NewMessage[]) => {
        const results = await insertMessages(runner, some, stalledMs);
        for (const [i, result] of results.entries()) stored.push({ message: some[i] as NewMessage, result });
      };
      if (apart) for (const one of messages) await guarded(one.externalId, () => insert([one]));
      else await insert(messages);
      for (const other of others)
        await guarded(other.event.externalId, () => takeOther(runner, source, other));
      await saveCursor(runner, source.company, source.connector, cursor);
      return stored;
    });

  const acceptPage = async (source: Source, page: Page<unknown>) => {
    const events = page.events.map((input, index) => ({ id: newId(), event: readEvent(input, index) }));
    const parts = await split(source, events);
    const store = (apart: boolean) => retryDeadlocks(() => storePage(source, parts, page.cursor, apart));
    const stored = await store(false).catch((error) => {
      if (isDataError(error)) return store(true);
      throw error;
    });
    return announce(
      source,
      stored.map(({ message }) => message),
      stored.map(({ result }) => result),
    );
  };

  return {
    accept: (source, inputs) => track(accept(source, inputs)),
    acceptPage: (source, page) => track(acceptPage(source, page)),
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
