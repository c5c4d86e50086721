/** Stores the events of a page, with its cursor, in one transaction. */
import type { AgentReply, LabelCorrection, Rejected } from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import type { Metrics } from "../lib/metrics.ts";
import { audit } from "../store/audit.ts";
import { saveCursor } from "../store/cursors.ts";
import { type Database, isDataError, type Runner } from "../store/database.ts";
import { insertMessages, type NewMessage, type StoredMessage } from "../store/messages.ts";
import { insertQuarantined } from "../store/quarantine.ts";
import { insertCorrection } from "../store/replies.ts";
import { toRejected } from "./read-event.ts";
import { recordLateOutcomes, recordReply } from "./replies.ts";
import type { Source } from "./source.ts";
import { planThreads, type Taken, type ThreadPlan } from "./threads.ts";

export interface PageEvents {
  /** All events, in their order. */
  taken: Taken[];
  /** Those that are messages, ready to be stored. */
  messages: NewMessage[];
  others: Taken[];
}

export interface StoredInPage {
  message: NewMessage;
  result: StoredMessage;
}

export interface StoreOptions {
  /** Saved with the events, where there is one. */
  cursor?: unknown;
  /** Stores each event within a savepoint: what PostgreSQL refuses is quarantined, and the others stay. */
  apart?: boolean;
  /** Ids tell the order of arrival: throws `OutOfOrder` where what was stored before contradicts that of the events. */
  ordered?: boolean;
  /** Further work in the same transaction. */
  also?: (runner: Runner) => Promise<void>;
}

/**
 * An event that is new would get a smaller id than one that stands before it in its ticket: somebody else has stored that
 * one a moment ago, under an id made later. An earlier reply would count as the answer to a later message.
 */
export class OutOfOrder extends Error {
  constructor() {
    super("what came before in the ticket has been stored in the meantime");
    this.name = "OutOfOrder";
  }
}

function ensureOrder(taken: readonly Taken[], stored: ReadonlyMap<string, StoredMessage>): void {
  const last = new Map<string, string>();
  for (const { id } of taken) {
    const one = stored.get(id);
    if (!one) continue;
    const before = last.get(one.ticketId);
    if (before !== undefined && !one.duplicate && one.messageId < before) throw new OutOfOrder();
    if (before === undefined || one.messageId > before) last.set(one.ticketId, one.messageId);
  }
}

/** Where an event went, and for a reply whose draft is not known yet what `recordLateOutcomes` wants after the commit. */
export type Placed = StoredMessage & { undecided?: string[] };

export interface PageStore {
  store(source: Source, events: PageEvents, options?: StoreOptions): Promise<StoredInPage[]>;
  /** Stores an event that is not a message. @returns where a reply is stored, now or before; null for all else */
  takeOther(runner: Runner, source: Source, taken: Taken, plan?: ThreadPlan): Promise<Placed | null>;
}

export interface PageStoreParts {
  db: Database;
  blobs: Blobs;
  metrics: Metrics;
  /** Milliseconds after which a message that nobody took up is queued again. */
  stalledMs: number;
}

async function takeReply(runner: Runner, source: Source, id: string, event: AgentReply, plan?: ThreadPlan) {
  const threadId = event.threadId ?? plan?.threadOf(id);
  // An agent's mail to somebody who never wrote: there is no ticket that it would belong to.
  if (threadId === undefined) return null;
  // The customer has it already: whatever became of the draft that it names, it belongs to the history.
  const actor = `agent:${event.agent.name ?? "unknown"}`;
  const recorded = await recordReply(runner, source, { ...event, threadId }, actor, { id, strict: false });
  return recorded;
}

async function takeCorrection(runner: Runner, source: Source, event: LabelCorrection) {
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
}

export function createPageStore({ db, blobs, metrics, stalledMs }: PageStoreParts): PageStore {
  const takeRejected = async (runner: Runner, source: Source, event: Rejected) => {
    const blob = event.raw ? await blobs.put(source.company, event.raw) : null;
    const { externalId, reason } = event;
    await insertQuarantined(runner, [{ ...source, externalId, reason, blob }]);
    metrics.count("deskwire.intake.quarantined", { connector: source.connector });
  };

  const takeOther: PageStore["takeOther"] = async (runner, source, { id, event }, plan) => {
    if (event.kind === "agent-reply") return takeReply(runner, source, id, event, plan);
    if (event.kind === "label-correction") await takeCorrection(runner, source, event);
    if (event.kind === "rejected") await takeRejected(runner, source, event);
    return null;
  };

  const guard =
    (runner: Runner, source: Source, apart: boolean) =>
    async (externalId: string, work: () => Promise<void>) => {
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

  return {
    takeOther,
    store: async (
      source,
      { taken, messages, others },
      { cursor, apart = false, ordered = false, also } = {},
    ) => {
      const { stored, undecided } = await db.transaction(async (runner) => {
        const plan = await planThreads(runner, source, taken);
        const guarded = guard(runner, source, apart);
        const stored: StoredInPage[] = [];
        const undecided: string[] = [];
        /** Where those events went that are stored now, by the ids they were taken with. */
        const tickets = new Map<string, string>();
        /** What was stored before is among these too. */
        const places = new Map<string, StoredMessage>();
        const insert = async (some: NewMessage[]) => {
          const placed = some.map((message) => ({
            ...message,
            threadId: plan.threadOf(message.id) ?? message.threadId,
          }));
          for (const [i, result] of (await insertMessages(runner, placed, stalledMs)).entries()) {
            const message = placed[i] as NewMessage;
            stored.push({ message, result });
            places.set(message.id, result);
            if (!result.duplicate) tickets.set(message.id, result.ticketId);
          }
        };
        if (apart) for (const one of messages) await guarded(one.externalId, () => insert([one]));
        else await insert(messages);
        for (const other of others) {
          await guarded(other.event.externalId, async () => {
            const place = await takeOther(runner, source, other, plan);
            if (!place) return;
            tickets.set(other.id, place.ticketId);
            places.set(other.id, place);
            undecided.push(...(place.undecided ?? []));
          });
        }
        if (ordered) ensureOrder(taken, places);
        await plan.save(runner, tickets);
        if (cursor !== undefined) await saveCursor(runner, source.company, source.connector, cursor);
        await also?.(runner);
        return { stored, undecided };
      });
      if (undecided.length > 0) await recordLateOutcomes(db, undecided);
      return stored;
    },
  };
}
