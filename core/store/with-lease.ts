/** Leases as work holds them: one node does it at a time, and it ends where the lease may be another's. */
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { newId } from "../lib/ids.ts";
import type { Database } from "./database.ts";
import { giveBackLease, takeLease } from "./leases.ts";

/** Milliseconds that a lease holds without being extended: how long its work waits after a node has died. */
const leaseMs = 15_000;

export interface LeaseParts {
  db: Database;
  /** This node's name, as the holder of leases. */
  node: string;
  log: Log;
}

/** Extends a lease at intervals, and aborts where it is lost or may be. */
function keepLease({ db, log }: LeaseParts, name: string, holder: string, takenAt: number) {
  const lost = new AbortController();
  let heldAt = takenAt;
  let extending: Promise<void> | undefined;
  const extend = async () => {
    const asked = performance.now();
    try {
      if (await takeLease(db, name, holder, leaseMs)) heldAt = asked;
      else lost.abort(new Error("the lease went to another node"));
    } catch (error) {
      log.warn("a lease could not be extended", { lease: name, error: describeError(error) });
    }
  };
  const timer = setInterval(() => {
    // A database that does not answer is no holder's excuse: another node may have the lease by now.
    if (performance.now() - heldAt >= leaseMs) lost.abort(new Error("the lease has run out"));
    extending ??= extend().finally(() => {
      extending = undefined;
    });
  }, leaseMs / 5);
  return {
    lost: lost.signal,
    /** Waits for an extension under way: it would take the lease again after it was given back. */
    async end() {
      clearInterval(timer);
      await extending;
    },
  };
}

/**
 * Holds the lease while `work` goes on; aborts it when the lease is lost.
 * @returns false where another holder has the lease: then nothing was done
 */
export async function withLease(
  parts: LeaseParts,
  name: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const { db, log } = parts;
  // Each piece of work is a holder of its own: one that ends must not give back the lease of the one that follows it.
  const holder = `${parts.node}/${newId()}`;
  const asked = performance.now();
  if (!(await takeLease(db, name, holder, leaseMs))) return false;
  const kept = keepLease(parts, name, holder, asked);
  try {
    await work(AbortSignal.any([signal, kept.lost]));
    return true;
  } finally {
    await kept.end();
    try {
      await giveBackLease(db, name, holder);
    } catch (error) {
      log.warn("a lease could not be given back; it runs out by itself", {
        lease: name,
        error: describeError(error),
      });
    }
  }
}
