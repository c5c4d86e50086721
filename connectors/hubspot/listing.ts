/** What the account holds of a stretch of time, by ids alone: threads are looked at, files and texts are not. */
import type { ListRequest } from "../../plugins/contract/connector.ts";
import { type Found, ticketsOf } from "./changed.ts";
import type { HubspotClient } from "./client.ts";
import { hasOwnText, threadEntries } from "./conversation.ts";
import { lastingFault } from "./odd.ts";
import { inParallel } from "./parallel.ts";
import { objectSchema, type Thread } from "./schemas.ts";
import { readTickets, type Ticket, ticketRequest, toTicket } from "./ticket.ts";

export interface Item {
  readonly externalId: string;
  readonly ticketId: string;
  /** Missing where it cannot be read. */
  readonly at?: Date;
}

/** Threads whose entries are listed as one group. */
const groupSize = 50;
const concurrency = 4;

/** A ticket that cannot be read stands in the list by itself, as it does in quarantine. */
async function orWhole(
  client: HubspotClient,
  ticketId: string,
  items: Promise<Item[]>,
  signal: AbortSignal,
): Promise<Item[]> {
  try {
    return await items;
  } catch (error) {
    const fault = lastingFault(client, ticketId, error, signal);
    if (fault === null) throw error;
    return [{ externalId: `${fault.whole}:${ticketId}`, ticketId }];
  }
}

/** The thread's own id stands for one that the token may not read, as it does in quarantine. */
async function itemsOf(client: HubspotClient, thread: Thread, ticketId: string, signal: AbortSignal) {
  const entries = await threadEntries(client, thread.id, signal);
  if (!entries) return [{ externalId: `thread:${thread.id}`, ticketId, at: thread.createdAt }];
  return entries.map(({ entry }): Item => {
    const { externalId } = entry;
    return entry.kind === "broken" ? { externalId, ticketId } : { externalId, ticketId, at: entry.at };
  });
}

async function* threadItems(client: HubspotClient, since: Date, signal: AbortSignal): AsyncGenerator<Item[]> {
  // HubSpot gives what is later than the time that it is asked for.
  const all = await client.vendor.threadsAfter(new Date(Math.max(0, since.getTime() - 1_000)), signal);
  const threads = all.filter(({ spam, archived, threadAssociations }) => {
    return !spam && !archived && threadAssociations?.associatedTicketId;
  });
  for (let from = 0; from < threads.length; from += groupSize) {
    const group = threads.slice(from, from + groupSize);
    const ticketOf = ({ threadAssociations }: Thread) => threadAssociations?.associatedTicketId ?? "";
    const ids = [...new Set(group.map(ticketOf))];
    const ours = new Set((await readTickets(client, ids, signal)).tickets.map(({ id }) => id));
    const read = group.filter((thread) => ours.has(ticketOf(thread)));
    const items = await inParallel(read, concurrency, (one) => {
      const id = ticketOf(one);
      return orWhole(client, id, itemsOf(client, one, id, signal), signal);
    });
    yield items.flat();
  }
}

async function ownItem(client: HubspotClient, ticket: Ticket, signal: AbortSignal): Promise<Item[]> {
  const { id, createdAt } = ticket;
  const item = { externalId: `ticket:${id}`, ticketId: id, at: createdAt };
  if (client.stored.get(item.externalId)) return [item];
  const threads = await client.vendor.threadsOf(id, signal);
  return (await hasOwnText(client, ticket, threads, signal)) ? [item] : [];
}

/** Tickets that hold their own first message. */
async function* ownTexts(
  client: HubspotClient,
  since: Date,
  until: Date | undefined,
  signal: AbortSignal,
): AsyncGenerator<Item[]> {
  const { properties } = ticketRequest(client);
  const stretch = {
    by: "createdate" as const,
    from: since.getTime(),
    properties,
    ...(until && { until: until.getTime() }),
  };
  for await (const found of ticketsOf(client, stretch, signal)) {
    const tickets = found
      .flatMap(({ object }) => objectSchema.safeParse(object).data ?? [])
      .map(toTicket)
      .filter(({ content }) => content !== null);
    const items = await inParallel(tickets, concurrency, (ticket) =>
      orWhole(client, ticket.id, ownItem(client, ticket, signal), signal),
    );
    yield items.flat();
  }
}

/**
 * Messages, replies and what would go to quarantine, as `pages` would bring them. One request for each thread in which
 * something was written since then.
 */
export async function* listItems(
  client: HubspotClient,
  { since, until }: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<Item[]> {
  const isWithin = ({ at }: Item) => at === undefined || (at >= since && at <= until);
  for await (const items of threadItems(client, since, signal)) yield items.filter(isWithin);
  for await (const items of ownTexts(client, since, until, signal)) yield items.filter(isWithin);
}

/** The tickets that hold these items; all of those found at once make a group, and it ends with the last item. */
export async function* ticketsHolding(
  client: HubspotClient,
  only: ReadonlySet<string>,
  since: Date,
  signal: AbortSignal,
): AsyncGenerator<Pick<Found, "id">[]> {
  const left = new Set(only);
  const named = [...only].filter((id) => /^ticket(-read)?:/.test(id));
  const own = new Set(named.map((id) => id.slice(id.indexOf(":") + 1)).filter((id) => /^\d+$/.test(id)));
  if (own.size > 0) yield [...own].map((id) => ({ id }));
  for (const id of named) left.delete(id);
  if (left.size === 0) return;
  for await (const items of threadItems(client, since, signal)) {
    const found = items.filter(({ externalId }) => left.has(externalId));
    for (const { externalId } of found) left.delete(externalId);
    const ids = new Set(found.map(({ ticketId }) => ticketId));
    if (ids.size > 0) yield [...ids].map((id) => ({ id }));
    if (left.size === 0) return;
  }
}
