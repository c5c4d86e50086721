/** The completeness ledger: what a source holds is compared with what is stored, and what had been missed is fetched. */
import type { ListedItem, ListRequest, Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { sleep, untilAborted } from "../lib/abort.ts";
import type { Metrics } from "../lib/metrics.ts";
import { storable } from "../lib/text.ts";
import type { Intake } from "../pipeline/intake.ts";
import type { Source } from "../pipeline/source.ts";
import { audit } from "../store/audit.ts";
import type { Database } from "../store/database.ts";
import {
  findUnknown,
  firstRead,
  type LedgerFigures,
  saveFailedRun,
  saveItems,
  saveRun,
  type UnknownItem,
} from "../store/ledger.ts";
import { historyMs, importedSkip, readBack } from "./backfill.ts";
import type { Instances, OpenConnector } from "./instances.ts";
import { eachPage } from "./pull.ts";

/** What is newer than this may still be on its way, and is left to the next comparison. Milliseconds. */
export const graceMs = 10 * 60_000;
/** Milliseconds between two looks at whether reading is just bringing what seems to be missing. */
const usualSettleMs = 15_000;
/** The longest time for one comparison, healing included; milliseconds. */
const limitMs = 30 * 60_000;
/** The most ids that are looked up in one statement. */
const chunk = 1_000;
/** The most ids that the audit log and the log tell. */
const mostNamed = 20;

export interface LedgerParts {
  db: Database;
  instances: Instances;
  intake: Intake;
  metrics: Metrics;
  log: Log;
  /** Tests alone change it. */
  settleMs?: number;
}

/** What came of a comparison. */
export interface LedgerRun extends LedgerFigures {
  /** Why what was missing could not be fetched, where that failed. */
  error: string | null;
}

interface Comparison extends Source {
  parts: LedgerParts;
  open: OpenConnector;
  window: ListRequest;
  signal: AbortSignal;
}

/** A different item that the source lists and that is not stored. */
interface Unknown extends UnknownItem {
  at: Date | null;
}

interface Listing {
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
async function list(comparison: Comparison): Promise<Listing> {
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

const isGap = ({ state }: UnknownItem) => state !== "passed-over";

/** Those that are still not stored. */
async function again(comparison: Comparison, unknown: Iterable<Unknown>): Promise<Map<string, Unknown>> {
  const items = [...unknown].map(({ id, at }) => ({ externalId: id, ...(at && { at }) }));
  return new Map((await lookUp(comparison, items)).map((item) => [item.id, item]));
}

/** Reading may be bringing them at this moment, as after an outage: waits for as long as it does. */
async function settle(comparison: Comparison, listing: Listing): Promise<void> {
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
async function heal(
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

interface Healed {
  listing: Listing;
  healed: string[];
  /** Replies for which there is no ticket. */
  passedOver: Unknown[];
  missing: Unknown[];
  error: string | null;
}

/** Fetches what is missing, and looks again at what is there then, on both sides. */
async function close(comparison: Comparison, listing: Listing): Promise<Healed> {
  const gaps = [...listing.unknown.values()].filter(isGap);
  if (gaps.length === 0)
    return { listing, healed: [], passedOver: [...listing.unknown.values()], missing: [], error: null };
  let error: string | null = null;
  let replies = new Set<string>();
  try {
    replies = await heal(comparison, listing.unknown);
  } catch (failure) {
    comparison.signal.throwIfAborted();
    error = describeError(failure);
  }
  const left = await again(comparison, listing.unknown.values());
  const isPassed = ({ id, state }: Unknown) => replies.has(id) || state === "passed-over";
  let missing = [...left.values()].filter((item) => !isPassed(item));
  if (missing.length > 0 && error === null) {
    // What is gone from the source meanwhile, or has another id on a closer look, is not missing.
    const { ids } = await list(comparison);
    for (const { id } of missing.filter(({ id }) => !ids.has(id))) listing.ids.delete(id);
    missing = missing.filter(({ id }) => ids.has(id));
  }
  return {
    listing,
    healed: gaps.filter(({ id }) => !left.has(id)).map(({ id }) => id),
    passedOver: [...left.values()].filter(isPassed),
    missing,
    error,
  };
}

/** Writes the comparison down, all of it or nothing, and tells of a gap. */
async function record(comparison: Comparison, closed: Healed): Promise<LedgerRun> {
  const { parts, company, connector, window } = comparison;
  const { listing, healed, passedOver, missing, error } = closed;
  const [listed, still] = [listing.ids.size, missing.length];
  const figures: LedgerFigures = {
    ...window,
    listed,
    known: listed - passedOver.length - healed.length - still,
    passedOver: passedOver.length,
    healed: healed.length,
    stillMissing: still,
  };
  // What could not be had before was told of then.
  const wasTold = new Set(
    [...listing.unknown.values()].filter(({ state }) => state === "missing").map(({ id }) => id),
  );
  const fresh = [...healed, ...missing.map(({ id }) => id)].filter((id) => !wasTold.has(id));
  const told = { ...figures, ids: fresh.slice(0, mostNamed) };
  await parts.db.transaction(async (runner) => {
    await saveItems(runner, { company, connector }, [
      ...passedOver.map(({ id }) => ({ id, state: "passed-over" as const })),
      ...missing.map(({ id }) => ({ id, state: "missing" as const })),
    ]);
    await saveRun(runner, { company, connector }, figures, error && storable(error, 2_000));
    if (fresh.length + healed.length === 0) return;
    await audit(runner, [
      { company, actor: "hub", action: "ledger.gap", subject: connector, detail: { ...told } },
    ]);
  });
  const { metrics, log } = parts;
  metrics.count("deskwire.ledger.missing", { connector }, fresh.length);
  metrics.count("deskwire.ledger.healed", { connector }, healed.length);
  const fields = { company, connector, ...told, ...(error !== null && { error }) };
  if (healed.length + still > 0) log.warn("a source held what had been missed", fields);
  else log.debug("a source and what is stored are the same", fields);
  return { ...figures, error };
}

/**
 * Compares what a source holds with what is stored, fetches what had been missed, looks again, and writes it down. What
 * came before the source was first read, or within the last ten minutes, is left out.
 * @param windowMs how far back, in milliseconds
 * @returns null where there is nothing to compare: the source has not been read for ten minutes yet
 * @throws ConnectorError where the source could not be listed: that is written down, and the figures stay as they were.
 *   Where `signal` aborts nothing is written.
 */
export async function compareSource(
  parts: LedgerParts,
  { company, connector }: Source,
  windowMs: number,
  signal: AbortSignal,
): Promise<LedgerRun | null> {
  const first = await firstRead(parts.db, { company, connector });
  const until = new Date(Date.now() - graceMs);
  if (first === null || first >= until) return null;
  const window = { since: new Date(Math.max(Date.now() - windowMs, first.getTime())), until };
  try {
    const open = await untilAborted(parts.instances.open(company, connector), signal);
    const late = new ConnectorError(
      "transient",
      `the comparison took longer than ${limitMs / 60_000} minutes`,
    );
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(late), limitMs);
    try {
      const within = AbortSignal.any([signal, open.signal, giveUp.signal]);
      const comparison = { parts, company, connector, open, window, signal: within };
      const listing = await list(comparison);
      await settle(comparison, listing);
      return await record(comparison, await close(comparison, listing));
    } finally {
      clearTimeout(timer);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    await parts.instances.report(company, connector, error);
    parts.metrics.count("deskwire.ledger.failures", { connector });
    const detail = describeError(error);
    parts.log.warn("a source could not be compared with what is stored", {
      company,
      connector,
      error: detail,
    });
    await saveFailedRun(parts.db, { company, connector }, storable(detail, 2_000));
    throw error;
  }
}
