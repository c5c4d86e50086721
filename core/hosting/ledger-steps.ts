/** What a comparison with a source works with: looking up what is listed, and fetching what is not stored. */
import type { ListedItem, ListRequest, Log } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { sleep } from "../lib/abort.ts";
import type { Metrics } from "../lib/metrics.ts";
import { storable } from "../lib/text.ts";
import type { Intake } from "../pipeline/intake.ts";
import type { Source } from "../pipeline/source.ts";
import type { Database } from "../store/database.ts";
import { findUnknown, type UnknownItem } from "../store/ledger.ts";
import { historyMs, importedSkip, readBack } from "./backfill.ts";
import type { Instances, OpenConnector } from "./instances.ts";
import { eachPage } from "./pull.ts";

const usualSettleMs = 15_000;
/** The most ids that are looked up in one statement. */
const chunk = 1_000;

export interface LedgerParts {
  db: Database;
  instances: Instances;
  intake: Intake;
  metrics: Metrics;
  log: Log;
  /** Milliseconds between two looks at whether reading is bringing what seems to be missing (default: 15 s). */
  settleMs?: number;
}

export interface Comparison extends Source {
  parts: LedgerParts;
  open: OpenConnector;
  window: ListRequest;
  signal: AbortSignal;
}

/** A different item that the source lists and that is not stored. */
export interface Unknown extends UnknownItem {
  at: Date | null;
}

export interface Listing {
  ids: Set<string>;
  unknown: Map<string, Unknown>;
}

async function lookUp({ parts, company, connector }: Comparison, items: ListedItem[]): Promise<Unknown[]> {
  const times = new Map(items.map(({ externalId, at }) => [storable(externalId, 512), at ?? null]));
  const ids = [...times.keys()];
  const unknown: Unknown[] = [];
  for (let at = 0; at < ids.length; at += chunk) {
    const found = await findUnknown(parts.db, { company, connector }, ids.slice(at, at + chunk));
    unknown.push(...found.map((item) => ({ ...item, at: times.get(item.id) ?? null })));
  }
  return unknown;
}

/** All that the source holds of the window. A list that breaks off is none. */
export async function list(comparison: Comparison): Promise<Listing> {
  const { open, window, signal } = comparison;
  const listing: Listing = { ids: new Set(), unknown: new Map() };
  const pages = open.spec.pull?.list?.(open.client, window, signal);
  if (!pages) throw new ConnectorError("config", "the connector cannot list what its source holds");
  await eachPage(pages, signal, async (items) => {
    for (const { externalId } of items) listing.ids.add(storable(externalId, 512));
    for (const item of await lookUp(comparison, items)) listing.unknown.set(item.id, item);
  });
  // A connector that ends quietly when it is told to has not listed all.
  signal.throwIfAborted();
  return listing;
}

export const isGap = ({ state }: UnknownItem) => state !== "passed-over";

/** Those that are still not stored. */
export async function again(
  comparison: Comparison,
  unknown: Iterable<Unknown>,
): Promise<Map<string, Unknown>> {
  const items = [...unknown].map(({ id, at }) => ({ externalId: id, ...(at && { at }) }));
  return new Map((await lookUp(comparison, items)).map((item) => [item.id, item]));
}

/** Reading may be bringing them at this moment, as after an outage: waits for as long as it does. */
export async function settle(comparison: Comparison, listing: Listing): Promise<void> {
  const { settleMs = usualSettleMs } = comparison.parts;
  const gaps = () => [...listing.unknown.values()].filter(isGap).length;
  for (let before = Number.POSITIVE_INFINITY; gaps() > 0 && gaps() < before; ) {
    before = gaps();
    await sleep(settleMs, comparison.signal);
    listing.unknown = await again(comparison, listing.unknown.values());
  }
}

/** A message that was missed gets its draft, unless it is so old that nobody waits for one. */
function withoutOldDrafts(event: ConnectorEventInput): ConnectorEventInput {
  if (event.kind !== "message" || event.skip !== undefined || !event.sentAt) return event;
  return Date.now() - event.sentAt.getTime() > historyMs ? { ...event, skip: importedSkip } : event;
}

/**
 * Fetches what is not stored. What was passed over is asked for too: its ticket may come with it.
 * @returns the replies that the source brought, whether or not there was a ticket for them
 */
export async function heal(
  { parts, ...comparison }: Comparison,
  unknown: Map<string, Unknown>,
): Promise<Set<string>> {
  const { company, connector, open, window, signal } = comparison;
  const replies = new Set<string>();
  const times = [...unknown.values()].map(({ at }) => (at ?? window.since).getTime());
  const request = { since: new Date(Math.min(...times)), path: null, only: new Set(unknown.keys()) };
  await readBack(open, { company, connector }, request, signal, async ({ events }) => {
    const wanted = events.filter(
      (event) => typeof event?.externalId === "string" && unknown.has(storable(event.externalId, 512)),
    );
    if (wanted.length === 0) return;
    await parts.intake.acceptPage(
      { company, connector },
      { events: wanted.map(withoutOldDrafts) },
      "writing",
    );
    for (const { kind, externalId } of wanted)
      if (kind === "agent-reply") replies.add(storable(externalId, 512));
  });
  return replies;
}
