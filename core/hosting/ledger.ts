/** The completeness ledger: what a source holds is compared with what is stored, and what had been missed is fetched. */
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import { storable } from "../lib/text.ts";
import type { Source } from "../pipeline/source.ts";
import { audit } from "../store/audit.ts";
import { firstRead, type LedgerFigures, saveFailedRun, saveItems, saveRun } from "../store/ledger.ts";
import {
  again,
  type Comparison,
  heal,
  isGap,
  type LedgerParts,
  type Listing,
  list,
  settle,
  type Unknown,
} from "./ledger-steps.ts";

/** What is newer than this may still be on its way, and is left to the next comparison. Milliseconds. */
export const graceMs = 10 * 60_000;
/** The longest time for one comparison, healing included; milliseconds. */
const limitMs = 30 * 60_000;
/** The most ids that the audit log and the log tell. */
const mostNamed = 20;

/** What came of a comparison. */
export interface LedgerRun extends LedgerFigures {
  /** Why what was missing could not be fetched, where that failed. */
  error: string | null;
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
