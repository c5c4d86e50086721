/** When sources are compared with what is stored: each at intervals, on one node at a time. */
import type { CompanyDirectory } from "../../config/directory.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { Source } from "../pipeline/source.ts";
import { countOverdue, listDue } from "../store/ledger.ts";
import { withLease } from "../store/with-lease.ts";
import { compareSource, graceMs } from "./ledger.ts";
import type { LedgerParts } from "./ledger-steps.ts";

/** Milliseconds between two looks at which sources are due. */
const usualLookMs = 30_000;
/** Milliseconds between two counts of what has been open for too long. */
const overdueEveryMs = 5 * 60_000;
/** Comparisons at a time on one node. */
const sideBySide = 4;

export interface LedgerScheduleParts extends LedgerParts {
  directory: CompanyDirectory;
  /** This node's name, as the holder of leases. */
  node: string;
  /** Milliseconds between two comparisons of a source; 0 turns them off. */
  everyMs: number;
  /** How far back a comparison looks, in milliseconds. */
  windowMs: number;
  /** Milliseconds from the start to the first comparison: reading must have caught up. Default: ten minutes. */
  firstAfterMs?: number;
  /** Tests alone change it. */
  lookMs?: number;
}

export interface LedgerSchedule {
  /** Ends comparisons under way: they write nothing. */
  stop(): Promise<void>;
}

export const leaseOf = ({ company, connector }: Source) => `ledger:${company}/${connector}`;

/** Sources that can be compared, and whose turn it is. */
async function dueSources({ db, directory, everyMs }: LedgerScheduleParts): Promise<Source[]> {
  const due = await listDue(db, everyMs, graceMs);
  return due.filter(({ company, connector }) => {
    const spec = directory.get(company)?.connectors.get(connector)?.spec;
    return spec?.pull?.list !== undefined;
  });
}

export function startLedger(parts: LedgerScheduleParts): LedgerSchedule {
  const { db, log, metrics, everyMs, windowMs, firstAfterMs = graceMs, lookMs = usualLookMs } = parts;
  const abort = new AbortController();
  const underWay = new Map<string, Promise<unknown>>();
  const startedAt = performance.now();
  let countedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const compare = async (source: Source) => {
    try {
      await withLease(parts, leaseOf(source), abort.signal, async (held) => {
        // Another node may have come to its end just before.
        const due = await dueSources(parts);
        const isDue = due.some((one) => leaseOf(one) === leaseOf(source));
        if (isDue) await compareSource(parts, source, windowMs, held);
      });
    } catch (error) {
      // It is written down and told already, where it was not this node's own end.
      log.debug("a comparison ended early", { lease: leaseOf(source), error: describeError(error) });
    }
  };

  const countOld = async () => {
    if (performance.now() - countedAt < overdueEveryMs) return;
    countedAt = performance.now();
    const overdue = await countOverdue(db, null);
    const sum = overdue.reduce((before, { count }) => before + count, 0);
    metrics.set("deskwire.messages.overdue", sum);
  };

  const look = async () => {
    await countOld();
    if (everyMs === 0 || performance.now() - startedAt < firstAfterMs) return;
    for (const source of await dueSources(parts)) {
      const name = leaseOf(source);
      if (abort.signal.aborted || underWay.size >= sideBySide) return;
      if (underWay.has(name)) continue;
      underWay.set(
        name,
        compare(source).finally(() => underWay.delete(name)),
      );
    }
  };

  const tick = () => {
    looking ??= look()
      .catch((error) => log.warn("due comparisons could not be found", { error: describeError(error) }))
      .finally(() => {
        looking = undefined;
      });
  };
  const timer = setInterval(tick, lookMs);
  return {
    async stop() {
      clearInterval(timer);
      abort.abort(new Error("sources are no longer compared"));
      await looking;
      await Promise.all(underWay.values());
    },
  };
}
