/** Work that was not even tried, since what it needs is away: that says nothing of the work itself. */

export class Unavailable extends Error {
  /** Milliseconds after which it may be there again, where that is known. */
  readonly retryAfterMs: number | undefined;
  constructor(what: string, cause?: unknown, retryAfterMs?: number) {
    super(`${what} is not available`, { cause });
    this.name = "Unavailable";
    this.retryAfterMs = retryAfterMs;
  }
}
