/** What a connector would bring in: old messages, read as `backfill` reads them, sorted into tickets and counted. Nothing is kept. */
import type { AgentReply, ConnectorEvent, InboundMessage } from "../../plugins/contract/events.ts";
import { storable } from "../lib/text.ts";
import { readEvent } from "../pipeline/read-event.ts";
import type { Source } from "../pipeline/source.ts";
import { threadsOf } from "../pipeline/threads.ts";
import { type ConversationRow, conversationLength } from "../store/drafts.ts";
import { readBack } from "./backfill.ts";
import type { OpenConnector } from "./instances.ts";

/** The most items that are read, whatever they are. */
export const mostRead = 5_000;
/** The beginning of a text that a drafter reads, in characters, as it is cut where it is stored. */
const textLength = 10_000;
const dayMs = 86_400_000;
/** What was read in less than this tells nothing of a day, in days. */
const shortest = 1 / 24;

/** A customer's message in its ticket. */
export interface PlannedMessage {
  externalId: string;
  /** The ticket's, as it stood when the message came. */
  subject: string | null;
  /** Of whoever opened the ticket. */
  requester: { name: string | null; email: string | null };
  text: string;
  at: Date;
  /** Why it would get no draft; null where it wants one. */
  skip: string | null;
  /** What a draft is written from: the newest entries up to the message itself, oldest first. */
  conversation: ConversationRow[];
}

export interface Reading {
  tickets: number;
  /** In the order in which they were written. */
  messages: PlannedMessage[];
  /** Agents' replies. */
  replies: number;
  /** Those among the replies that belong to no ticket which was read. */
  strayReplies: number;
  /** Why items would go to quarantine, one reason for each. */
  rejected: string[];
  /** How long the time is that was read, in days: shorter than asked for where `cut`. */
  days: number;
  /** There was more than may be read: the newest is missing. */
  cut: boolean;
  /** When the newest item was written that was read. */
  newest: Date | null;
}

export interface ReadOptions {
  since: Date;
  /** The most items; 5,000 by default. */
  limit?: number;
  /** Told after each page how many items were read so far. */
  onRead?: (items: number) => void;
}

type Written = InboundMessage | AgentReply;
interface Item {
  id: string;
  at: Date;
  event: Written;
}

/** What of an event is needed here: thousands of them are held at once. */
function lighten(event: Written): Written {
  const { quoted: _, ...rest } = { ...event, text: storable(event.text, textLength) };
  if (rest.kind === "agent-reply") return rest;
  const { html: _html, raw: _raw, sourceData: _data, attachments: _files, ...message } = rest;
  return message;
}

/** Collects events, each once, as intake would store them. */
function createCollection(now: Date) {
  const items: Item[] = [];
  const rejected = new Map<string, string>();
  const known = new Set<string>();
  const take = (event: ConnectorEvent) => {
    if (event.kind === "rejected") rejected.set(event.externalId, event.reason);
    if ((event.kind !== "message" && event.kind !== "agent-reply") || known.has(event.externalId)) return;
    known.add(event.externalId);
    items.push({ id: String(items.length), at: event.sentAt ?? now, event: lighten(event) });
  };
  return { items, rejected, take };
}

interface Ticket {
  subject: string | null;
  requester: PlannedMessage["requester"];
  entries: ConversationRow[];
}

/** A message opens its ticket or adds to it. */
function addMessage(tickets: Map<string, Ticket>, thread: string, item: Item & { event: InboundMessage }) {
  const { event, id, at } = item;
  const { name = null, email = null } = event.requester;
  const ticket = tickets.get(thread) ?? { subject: null, requester: { name, email }, entries: [] };
  tickets.set(thread, ticket);
  ticket.subject ??= event.subject ?? null;
  ticket.entries.push({ id, from: "requester", name, text: event.text, at: at.toISOString() });
  const { subject, requester } = ticket;
  const conversation = ticket.entries.slice(-conversationLength);
  const { externalId, text, skip = null } = event;
  return { externalId, subject, requester, text, at, skip, conversation };
}

/** Sorts what was read into tickets, as the hub would if it stored it. */
function intoTickets(items: readonly Item[]) {
  const threads = threadsOf(items);
  const threadOf = ({ id, event }: Item) => event.threadId ?? threads.get(id)?.threadId;
  const tickets = new Map<string, Ticket>();
  const messages: PlannedMessage[] = [];
  let replies = 0;
  let strayReplies = 0;
  // A page holds what was written in a stretch of time, not always in order.
  for (const item of items.toSorted((a, b) => a.at.getTime() - b.at.getTime())) {
    const { id, at, event } = item;
    const thread = threadOf(item) ?? event.externalId;
    if (event.kind === "message") {
      messages.push(addMessage(tickets, thread, { ...item, event }));
      continue;
    }
    replies++;
    const ticket = tickets.get(thread);
    if (!ticket) strayReplies++;
    const { name = null } = event.agent;
    ticket?.entries.push({ id, from: "agent", name, text: event.text, at: at.toISOString() });
  }
  return { tickets: tickets.size, messages, replies, strayReplies };
}

/**
 * Reads what the source holds of the time since a date, the oldest first, and at most 5,000 items of it.
 * @throws ConnectorError of kind `config` where the connector cannot read what is old; the signal's reason where it
 *   aborts; and what the connector throws
 */
export async function readSource(
  open: Pick<OpenConnector, "spec" | "client">,
  source: Source,
  { since, limit = mostRead, onRead }: ReadOptions,
  signal: AbortSignal,
): Promise<Reading> {
  const now = new Date();
  const { items, rejected, take } = createCollection(now);
  const enough = new AbortController();
  const ending = AbortSignal.any([signal, enough.signal]);
  let read = 0;
  const takePage = async ({ events }: { events: unknown[] }) => {
    for (const [index, input] of events.entries()) {
      // One more is looked for, to tell whether there is more.
      if (++read > limit) return enough.abort();
      take(readEvent(input, index));
    }
    onRead?.(read);
  };
  try {
    await readBack(open, source, { since, path: null }, ending, takePage);
  } catch (error) {
    if (signal.aborted || !enough.signal.aborted) throw error;
  }
  const cut = enough.signal.aborted;
  const newest = items.length > 0 ? new Date(Math.max(...items.map(({ at }) => at.getTime()))) : null;
  const end = cut && newest ? newest : now;
  const days = Math.max(shortest, (end.getTime() - since.getTime()) / dayMs);
  return { ...intoTickets(items), rejected: [...rejected.values()], days, cut, newest };
}

/** Values with how often each stands in a list, the most frequent first. */
export function countEach(values: readonly string[]): Array<{ value: string; count: number }> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count);
}
