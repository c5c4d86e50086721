/** Reading the account: changed tickets again and again, older ones on demand, and what a stretch of time holds. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { BackfillRequest, ListedItem, ListRequest, Page } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { parseJson } from "../../plugins/toolkit/items.ts";
import { type Found, ticketsOf } from "./changed.ts";
import { dateStepMs, type HubspotClient } from "./client.ts";
import { threadEntries } from "./conversation.ts";
import { type EventsOptions, entryEvent, ticketEvents } from "./events.ts";
import { listItems, ticketsHolding } from "./listing.ts";
import { classify, readKept } from "./map.ts";
import { inParallel } from "./parallel.ts";
import { readTickets } from "./ticket.ts";

/** How far the account has been read: all that had changed by then, in milliseconds since 1970 of HubSpot's clock. */
export const hubspotCursor = z.strictObject({ at: z.number().int().nonnegative() });
export type HubspotCursor = z.output<typeof hubspotCursor>;

/** Tickets whose events make one page. */
const pageTickets = 20;
/** Tickets that are read at the same time. */
const concurrency = 4;

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}

interface Read {
  readonly events: ConnectorEventInput[];
  /** The ids of those that need no second look. */
  readonly settled: ReadonlySet<string>;
}

async function readFound(
  client: HubspotClient,
  found: readonly Pick<Found, "id">[],
  options: EventsOptions,
  signal: AbortSignal,
): Promise<Read> {
  const ids = found.map(({ id }) => id);
  const { tickets, broken } = await readTickets(client, ids, signal);
  const read = await inParallel(tickets, concurrency, (ticket) =>
    ticketEvents(client, ticket, options, signal),
  );
  const unsettled = new Set(tickets.filter((_, i) => read[i]?.settled === false).map(({ id }) => id));
  return {
    events: [...read.flatMap(({ events }) => events), ...broken],
    settled: new Set(ids.filter((id) => !unsettled.has(id))),
  };
}

/**
 * After the commit: what is stored for certain need not be loaded again when its ticket changes. What went to quarantine
 * may be read better then.
 */
function remember({ stored }: HubspotClient, events: readonly ConnectorEventInput[]): void {
  for (const { kind, externalId } of events)
    if (kind === "message" || kind === "agent-reply") stored.set(externalId, true);
}

/** One look at all that has changed since `at`, less the look-back. */
async function* look(
  client: HubspotClient,
  at: number,
  signal: AbortSignal,
): AsyncGenerator<Page<HubspotCursor>> {
  const { handled } = client;
  // By a clock of ours that is ahead, the first look would be for changes that are yet to come.
  const known = Math.min(at, (client.serverTime() ?? at) + dateStepMs);
  const from = Math.max(0, known - (client.tuning.overlapMs ?? client.ctx.config.overlapSeconds * 1_000));
  for (const [id, time] of handled) if (time < from) handled.delete(id);
  // What HubSpot's clock showed before this look: by then nothing later than that can be missing from it for good.
  const asked = client.serverTime() ?? 0;
  let newest = at;
  for await (const found of ticketsOf(client, { by: "hs_lastmodifieddate", from }, signal)) {
    const changed = found.filter((one) => handled.get(one.id) !== one.at);
    for (const chunk of chunks(changed, pageTickets)) {
      const options = { skipStored: true, since: await client.ctx.since() };
      const { events, settled } = await readFound(client, chunk, options, signal);
      newest = Math.max(newest, ...chunk.map((one) => one.at));
      yield { events, cursor: { at: newest } };
      remember(client, events);
      for (const one of chunk) if (settled.has(one.id)) handled.set(one.id, one.at);
    }
  }
  // Also where nothing has changed: the hub sees that the account is read, and the look-back does not grow.
  yield { events: [], cursor: { at: Math.max(newest, asked) } };
}

/**
 * Pages without an end: a look, then a pause. The first one of all is empty, and fixes the time from which messages want
 * drafts.
 */
export async function* pages(
  client: HubspotClient,
  from: HubspotCursor | null,
  signal: AbortSignal,
): AsyncGenerator<Page<HubspotCursor>> {
  const pollMs = client.tuning.pollMs ?? client.ctx.config.pollSeconds * 1_000;
  let at = from?.at ?? Date.now();
  if (from === null) yield { events: [], cursor: { at } };
  while (!signal.aborted) {
    for await (const page of look(client, at, signal)) {
      yield page;
      at = page.cursor.at;
    }
    await sleep(pollMs, undefined, { signal });
  }
}

/** When an event was written; undefined where that is not known. */
function timeOf(event: ConnectorEventInput): Date | undefined {
  if (event.kind === "rejected") return undefined;
  return event.kind === "label-correction" ? event.at : event.sentAt;
}

/** Tickets that changed since then, each whole and in order. Older entries of theirs are left out. */
export async function* backfill(
  client: HubspotClient,
  { since, path, only }: BackfillRequest,
  signal: AbortSignal,
): AsyncGenerator<{ events: ConnectorEventInput[] }> {
  if (path !== null)
    throw new ConnectorError("config", "HubSpot is read by its API: it has no files to import");
  const options = { since: await client.ctx.since() };
  const start = since ?? new Date(0);
  const isWanted = (event: ConnectorEventInput) =>
    only ? only.has(event.externalId) : (timeOf(event) ?? start) >= start;
  const groups = only
    ? ticketsHolding(client, only, start, signal)
    : ticketsOf(client, { by: "hs_lastmodifieddate", from: start.getTime() }, signal);
  for await (const group of groups) {
    for (const chunk of chunks<Pick<Found, "id">>(group, pageTickets)) {
      const { events } = await readFound(client, chunk, options, signal);
      const wanted = events.filter(isWanted);
      if (wanted.length > 0) yield { events: wanted };
    }
  }
}

/** Names what was written in a stretch of time: see `listItems`. */
export async function* list(
  client: HubspotClient,
  request: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<ListedItem[]> {
  for await (const items of listItems(client, request, signal)) {
    yield items.map(({ externalId, at }) => ({ externalId, ...(at && { at }) }));
  }
}

/**
 * Reads an item of the quarantine once more.
 * @throws ConnectorError of kind `permanent` where it still cannot be read
 */
export async function reread(
  client: HubspotClient,
  raw: Uint8Array,
  signal: AbortSignal,
): Promise<ConnectorEventInput[]> {
  const kept = readKept(parseJson(raw));
  const { ticket } = kept;
  const options = { since: await client.ctx.since() };
  if (kept.kind === "ticket") return (await ticketEvents(client, ticket, options, signal)).events;
  if (kept.kind === "message") {
    const entry = classify(kept.message);
    if (!entry) throw new ConnectorError("permanent", "the item is neither a message nor a reply");
    return [await entryEvent(client, ticket, { threadId: kept.thread, entry }, options, signal)];
  }
  const entries = await threadEntries(client, kept.thread, signal);
  if (!entries) throw new ConnectorError("permanent", `HubSpot still refuses to show thread ${kept.thread}`);
  return inParallel(entries, 1, (entry) => entryEvent(client, ticket, entry, options, signal));
}
