/** A bulkhead: who is slow holds up few callers, and the others of the ship stay dry. */
import type { Gate, OpenGate } from "./gate.ts";
import { Unavailable } from "./unavailable.ts";

export interface BulkheadOptions {
  /** Whom it stands before, for errors. */
  what: string;
  /** Once somebody has waited this long, nobody joins the line. Milliseconds. */
  fullAfterMs?: number;
  /** The longest that one waits. Milliseconds. */
  patienceMs?: number;
  random?: () => number;
}

/**
 * The gate with a line that stays short in time, however slow the work is: whoever finds it full, or waits too long,
 * goes away untried, and the place that it held is free for others.
 * @throws Unavailable, with when to come again
 */
export function createBulkhead(
  gate: OpenGate,
  { what, fullAfterMs = 2_000, patienceMs = 5_000, random = Math.random }: BulkheadOptions,
): Gate {
  /** When those in the line joined it, the first one first. */
  const line = new Map<object, number>();
  const refusal = () =>
    new Unavailable(what, new Error("too many wait for it already"), Math.ceil(fullAfterMs * (1 + random())));
  return async (work, signal) => {
    if (line.size === 0 && gate.isFree()) return gate(work, signal);
    const now = performance.now();
    const [longest = now] = line.values();
    if (now - longest > fullAfterMs) throw refusal();
    const own = {};
    const abort = new AbortController();
    const leave = () => abort.abort(signal?.aborted ? signal.reason : refusal());
    const timer = setTimeout(leave, patienceMs);
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted) leave();
    const done = () => {
      line.delete(own);
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    };
    line.set(own, now);
    try {
      return await gate(() => {
        done();
        return work();
      }, abort.signal);
    } finally {
      done();
    }
  };
}
