/** A ticket as events: the one way by which polls, webhooks and backfills read what was written about it. */
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { historySkip } from "../../plugins/toolkit/items.ts";
import { oneLine } from "../../plugins/toolkit/plain.ts";
import { dateStepMs, type HubspotClient } from "./client.ts";
import { hasOwnText, readConversation, type ThreadEntry } from "./conversation.ts";
import { loadFiles } from "./files.ts";
import {
  automaticReason,
  checked,
  keepMessage,
  keepWhole,
  newText,
  noText,
  personOf,
  reasonError,
  senderOf,
  type Written,
} from "./map.ts";
import { lastingFault, noteRead } from "./odd.ts";
import { contactOf, lookUp } from "./people.ts";
import { corrections, type Ticket } from "./ticket.ts";
import { ifGiven } from "./vendor.ts";

/** A thread may be joined to its ticket a moment after that is there. */
const settleMs = 10_000;
const maxSubject = 2_000;

export interface TicketEvents {
  readonly events: ConnectorEventInput[];
  /** False for a ticket so new that its thread may still come: it is to be looked at again. */
  readonly settled: boolean;
}

export interface EventsOptions {
  /** What is stored for certain is left out, its files not loaded. */
  readonly skipStored?: boolean;
  /** When the account was first read: what was written before is history. */
  readonly since: Date;
}

const subjectOf = (subject: string | null | undefined) => {
  const line = oneLine(subject ?? "", maxSubject);
  return line === "" ? {} : { subject: line };
};

async function toMessage(
  client: HubspotClient,
  ticket: Ticket,
  threadId: string,
  { message, externalId, at }: Written,
  options: EventsOptions,
  signal: AbortSignal,
): Promise<ConnectorEventInput> {
  const isCut = message.truncationStatus !== "NOT_TRUNCATED";
  const original = isCut ? await ifGiven(client.vendor.originalContent(threadId, message.id, signal)) : null;
  const { text, quoted } = newText(message, original);
  const sender = senderOf(message);
  const requester = personOf(sender, await lookUp(client, sender, signal));
  const { attachments, leftOut } = await loadFiles(client, message, signal);
  const automatic = automaticReason(message, requester);
  return {
    kind: "message",
    externalId,
    threadId: ticket.id,
    ...subjectOf(message.subject ?? ticket.subject),
    text: text.trim() === "" ? noText : text,
    ...(quoted !== undefined && { quoted }),
    requester,
    sentAt: at,
    sourceData: { thread: threadId, message: message.id, ...(leftOut.length > 0 && { leftOut }) },
    ...(attachments.length > 0 && { attachments }),
    ...historySkip(at, options.since),
    ...(automatic !== undefined && { skip: automatic }),
  };
}

async function toReply(
  client: HubspotClient,
  ticket: Ticket,
  threadId: string,
  { message, externalId, at }: Written,
  signal: AbortSignal,
): Promise<ConnectorEventInput> {
  const isCut = message.truncationStatus !== "NOT_TRUNCATED";
  const original = isCut ? await ifGiven(client.vendor.originalContent(threadId, message.id, signal)) : null;
  const { text, quoted } = newText(message, original);
  const agent = message.senders.find(({ actorId }) => actorId?.startsWith("A-")) ?? senderOf(message);
  return {
    kind: "agent-reply",
    externalId,
    threadId: ticket.id,
    text: text.trim() === "" ? noText : text,
    ...(quoted !== undefined && { quoted }),
    agent: personOf(agent, await lookUp(client, agent, signal)),
    sentAt: at,
  };
}

/** The event of an entry. One that cannot be read or stored goes to quarantine by itself. */
export async function entryEvent(
  client: HubspotClient,
  ticket: Ticket,
  { threadId, entry }: ThreadEntry,
  options: EventsOptions,
  signal: AbortSignal,
): Promise<ConnectorEventInput> {
  if (entry.kind === "broken") return keepMessage(entry, ticket, threadId, entry.error);
  const event =
    entry.kind === "message"
      ? await toMessage(client, ticket, threadId, entry, options, signal)
      : await toReply(client, ticket, threadId, entry, signal);
  const error = checked(event);
  return error ? keepMessage(entry, ticket, threadId, error) : event;
}

/** A ticket's own text as its first message. */
export async function ownText(
  client: HubspotClient,
  ticket: Ticket,
  options: EventsOptions,
  signal: AbortSignal,
): Promise<ConnectorEventInput> {
  const requester = await contactOf(client, ticket, signal);
  const automatic = automaticReason({ subject: ticket.subject }, requester);
  const event: ConnectorEventInput = {
    kind: "message",
    externalId: `ticket:${ticket.id}`,
    threadId: ticket.id,
    ...subjectOf(ticket.subject),
    text: ticket.content ?? noText,
    requester,
    sentAt: ticket.createdAt,
    sourceData: { ticket: ticket.id },
    ...historySkip(ticket.createdAt, options.since),
    ...(automatic !== undefined && { skip: automatic }),
  };
  const error = checked(event);
  return error ? keepWhole("ticket", ticket.id, ticket, error) : event;
}

const refusal = reasonError("HubSpot refuses to show this thread: the token may not read its inbox");

/**
 * All that was written about a ticket and what people chose for it, in order. A ticket that HubSpot will never give, or fails
 * to give while it gives others, goes to quarantine by itself.
 * @throws ConnectorError: what may pass, and refused credentials
 */
export async function ticketEvents(
  client: HubspotClient,
  ticket: Ticket,
  options: EventsOptions,
  signal: AbortSignal,
): Promise<TicketEvents> {
  try {
    return await readEvents(client, ticket, options, signal);
  } catch (error) {
    const fault = lastingFault(client, ticket.id, error, signal);
    if (fault === null) throw error;
    const kept = keepWhole(fault.whole, ticket.id, ticket, reasonError(fault.reason));
    return { events: [kept], settled: true };
  }
}

async function readEvents(
  client: HubspotClient,
  ticket: Ticket,
  options: EventsOptions,
  signal: AbortSignal,
): Promise<TicketEvents> {
  const isStored = (id: string) => options.skipStored === true && client.stored.get(id) === true;
  const { threads, entries, refused } = await readConversation(client, ticket.id, signal);
  const events: ConnectorEventInput[] = [];
  const age = (client.serverTime() ?? Date.now()) + dateStepMs - ticket.createdAt.getTime();
  const settled = threads.length > 0 || age >= (client.tuning.settleMs ?? settleMs);
  const mayBeOwn = settled && !isStored(`ticket:${ticket.id}`);
  if (mayBeOwn && (await hasOwnText(client, ticket, threads, signal)))
    events.push(await ownText(client, ticket, options, signal));
  for (const item of entries) {
    if (isStored(item.entry.externalId)) continue;
    events.push(await entryEvent(client, ticket, item, options, signal));
  }
  events.push(...refused.map((id) => keepWhole("thread", id, ticket, refusal)));
  events.push(...corrections(ticket, client.fields));
  noteRead(client, ticket.id, entries.length > 0);
  return { events, settled };
}
