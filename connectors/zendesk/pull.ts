/** Polling: the account's changed tickets by Zendesk's own cursor, and what was said in each. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { BackfillRequest, Page } from "../../plugins/contract/connector.ts";
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { type Client, isGone, isOfTicket, type Seen } from "./client.ts";
import { readTicketEvents } from "./conversation.ts";
import { readCorrections } from "./fields.ts";
import { suspendedToEvent } from "./map.ts";
import { type Exported, exportAnswer, suspendedAnswer } from "./schema.ts";

export const zendeskCursor = z.strictObject({
  /** Zendesk's own, once there is one. */
  after: z.string().nullable(),
  /** Seconds since 1970: where it began. */
  startTime: z.int(),
});
export type ZendeskCursor = z.output<typeof zendeskCursor>;

/** The export keeps back what is less than a minute old, and refuses a start in that minute. */
const exportLagS = 120;
/** Clocks that differ by this much make no message history, in milliseconds. */
const clockSlackMs = 2 * 60_000;
/** Tickets that are read side by side, and committed together. */
const together = 8;
/** Tickets that are remembered as handed over. */
const mostSeen = 5_000;
/** The most suspended tickets that are read at a time: a flood of spam has more, and nobody reads it. */
const mostSuspended = 1_000;
/** Milliseconds between two looks at the suspended tickets. */
const suspendedEveryMs = 5 * 60_000;

/** What was written before is history. */
export async function historyBefore({ ctx }: Client): Promise<Date> {
  return new Date((await ctx.since()).getTime() - clockSlackMs);
}

/** A ticket that is gone, or not for this user's eyes, is passed over. */
export async function unlessGone<T>(
  client: Client,
  ticketId: number,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isGone(error)) throw error;
    client.ctx.log.info("a ticket is gone, or this user may not see it", { ticket: ticketId });
    return null;
  }
}

/** One ticket that is broken over there must not hold up all others: the hub's comparison tells what it holds. */
async function unlessHopeless<T>(client: Client, ticketId: number, what: string, work: () => Promise<T>) {
  try {
    const done = await unlessGone(client, ticketId, work);
    client.patience.had(what, ticketId);
    return done;
  } catch (error) {
    if (!isOfTicket(error) || !client.patience.isOver(what, ticketId, true)) throw error;
    const fields = { ticket: ticketId, error: describeError(error) };
    client.ctx.log.error(`the ${what} of a ticket cannot be read: it is passed over`, fields);
    return null;
  }
}

async function readChanged(client: Client, ticket: Exported, signal: AbortSignal) {
  const { id, generated_timestamp: change } = ticket;
  const before = await historyBefore(client);
  const known = client.seen.get(id);
  // More of that second may come only while it lasts.
  const isOver = change && change * 1_000 < Date.now() - 2_000;
  const options = { historyBefore: before, seen: known?.comments, signal };
  const said = await unlessHopeless(client, id, "comments", () => readTicketEvents(client, ticket, options));
  if (!said) return null;
  const corrected = await unlessHopeless(client, id, "audits", () =>
    readCorrections(client, id, { since: before, after: known?.audit, signal }),
  );
  const seen: Seen = {
    comments: new Set(said.ids),
    audit: corrected?.newest ?? known?.audit,
    change: isOver ? change : undefined,
  };
  return { id, events: [...said.events, ...(corrected?.events ?? [])], seen };
}

function remember({ seen }: Client, id: number, what: Seen): void {
  seen.delete(id);
  seen.set(id, what);
  const [oldest] = seen.keys();
  if (seen.size > mostSeen && oldest !== undefined) seen.delete(oldest);
}

/** The newest ones, oldest first. */
async function readSuspended({ api }: Client, signal: AbortSignal): Promise<ConnectorEventInput[]> {
  const events: ConnectorEventInput[] = [];
  const query = { sort_by: "created_at", sort_order: "desc", per_page: 100 };
  let answer = await api.get("/api/v2/suspended_tickets", suspendedAnswer, { query, signal });
  for (;;) {
    events.push(...answer.suspended_tickets.map(suspendedToEvent));
    if (!answer.next_page || events.length >= mostSuspended) return events.toReversed();
    answer = await api.get(answer.next_page, suspendedAnswer, { signal });
  }
}

/** Drafts do not wait for what is read into the history alone. */
async function suspendedUnlessRefused(client: Client, signal: AbortSignal): Promise<ConnectorEventInput[]> {
  try {
    return await readSuspended(client, signal);
  } catch (error) {
    if (!isConnectorError(error) || (error.kind !== "permanent" && error.status !== 403)) throw error;
    client.ctx.log.warn("suspended tickets cannot be read", { error: describeError(error) });
    return [];
  }
}

const queryOf = ({ after, startTime }: ZendeskCursor) =>
  after === null ? { start_time: startTime } : { cursor: after };

async function readExport({ api }: Client, cursor: ZendeskCursor, signal: AbortSignal) {
  const path = "/api/v2/incremental/tickets/cursor";
  const options = { query: queryOf(cursor), signal, maxBytes: 100_000_000, timeoutMs: 60_000 };
  const answer = await api.get(path, exportAnswer, options);
  // Twice on a page, a ticket has changed twice: the last one tells all.
  const tickets = new Map(answer.tickets.map((ticket) => [ticket.id, ticket]));
  return {
    tickets: [...tickets.values()].filter(({ status }) => status !== "deleted"),
    next: { ...cursor, after: answer.after_cursor ?? cursor.after },
    isEnd: answer.end_of_stream,
  };
}

function* chunksOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/**
 * A page of the export holds up to a thousand tickets: they are committed a few at a time, and the cursor after the last.
 * Those that fail make the page come again once the others are committed.
 */
async function* readPage(
  client: Client,
  cursor: ZendeskCursor,
  signal: AbortSignal,
): AsyncGenerator<Page<ZendeskCursor>, { cursor: ZendeskCursor; isEnd: boolean }> {
  const { tickets, next, isEnd } = await readExport(client, cursor, signal);
  // A page that broke off comes again from its beginning.
  const isSeen = ({ id, generated_timestamp: change }: Exported) =>
    typeof change === "number" && client.seen.get(id)?.change === change;
  const changed = tickets.filter((ticket) => !isSeen(ticket));
  let failure: unknown;
  for (const some of chunksOf(changed, together)) {
    const read = await Promise.allSettled(some.map((ticket) => readChanged(client, ticket, signal)));
    signal.throwIfAborted();
    const there = read.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
    const failed = read.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    yield { events: there.flatMap(({ events }) => events), cursor };
    // Asked for more: what was yielded is committed.
    for (const ticket of there) remember(client, ticket.id, ticket.seen);
    const isOfAll = failed.length === together;
    const grave = failed.find((error) => isOfAll || (kindOf(error) !== "transient" && !isOfTicket(error)));
    if (grave !== undefined) throw grave;
    failure ??= failed[0];
  }
  if (failure !== undefined) throw failure;
  yield { events: [], cursor: next };
  return { cursor: next, isEnd };
}

/** Reads for as long as it may. At the very first time it begins with now: what was there before is history. */
export async function* pages(
  client: Client,
  from: ZendeskCursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page<ZendeskCursor>> {
  let cursor = from ?? { after: null, startTime: Math.floor(Date.now() / 1_000) - exportLagS };
  if (from === null) yield { events: [], cursor };
  let suspendedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const read = yield* readPage(client, cursor, signal);
    cursor = read.cursor;
    if (!read.isEnd) continue;
    if (client.ctx.config.suspended && performance.now() - suspendedAt > suspendedEveryMs) {
      yield { events: await suspendedUnlessRefused(client, signal), cursor };
      suspendedAt = performance.now();
    }
    await sleep(client.pollMs, undefined, { signal });
  }
}

/** A backfill's beginning where no time is given: before there was Zendesk. */
const longAgoS = Date.UTC(2007, 0, 1) / 1_000;

/** Reads tickets that have changed since then, and of them what was said since then. */
export async function* backfill(
  client: Client,
  { since, only }: BackfillRequest,
  signal: AbortSignal,
): AsyncGenerator<{ events: ConnectorEventInput[] }> {
  const latest = Math.floor(Date.now() / 1_000) - exportLagS;
  const startTime = since === null ? longAgoS : Math.floor(since.getTime() / 1_000);
  let cursor: ZendeskCursor = { after: null, startTime: Math.min(startTime, latest) };
  for (let isEnd = false; !isEnd; ) {
    const page = await readExport(client, cursor, signal);
    for (const some of chunksOf(page.tickets, together)) {
      const read = await Promise.all(
        some.map((ticket) =>
          unlessGone(client, ticket.id, () =>
            readTicketEvents(client, ticket, { historyBefore: null, notBefore: since, signal }),
          ),
        ),
      );
      const events = read.flatMap((ticket) => ticket?.events ?? []);
      const wanted = only ? events.filter(({ externalId }) => only.has(externalId)) : events;
      if (wanted.length > 0) yield { events: wanted };
    }
    ({ next: cursor, isEnd } = page);
  }
}
