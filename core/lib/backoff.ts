/** How long to wait before the next attempt. */

export interface BackoffOptions {
  /** Milliseconds before the second attempt. */
  firstMs: number;
  /** The longest wait, in milliseconds. */
  maxMs: number;
}

/**
 * Exponential back-off with equal jitter: between half and all of `firstMs * 2^(attempt - 1)`, so that items which
 * failed together do not come back together.
 * @param attempt how many attempts have failed, 1 or more
 * @returns milliseconds
 */
export function backoff(
  attempt: number,
  { firstMs, maxMs }: BackoffOptions,
  random: () => number = Math.random,
): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full / 2 + (random() * full) / 2);
}
