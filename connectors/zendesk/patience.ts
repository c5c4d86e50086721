/** How long something that cannot be had holds up what comes after it: for a while, and not for ever. */

export interface Patience {
  /** Tells of a failure. @returns whether there were failures alone for so long that nobody should wait any more */
  isOver(key: string): boolean;
  /** Tells of a success, or that it was given up. */
  reset(key: string): void;
}

/** What is remembered: more can hardly fail at the same time. */
const most = 10_000;

/** @param ms from the first failure on, in milliseconds */
export function createPatience(ms: number): Patience {
  const since = new Map<string, number>();
  return {
    isOver(key) {
      const now = performance.now();
      const first = since.get(key) ?? now;
      if (since.size >= most) since.clear();
      since.set(key, first);
      return now - first > ms;
    },
    reset: (key) => void since.delete(key),
  };
}
