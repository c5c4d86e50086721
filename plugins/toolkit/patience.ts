/** How long something that cannot be had holds up what comes after it: for a while, and not for ever. */

export interface Patience {
  /**
   * Tells of a failure. It stays over until there is a success.
   * @param needsOthers only where other things of its kind could be had meanwhile: trouble with all of them is no fault of this one
   * @returns whether there were failures alone, some of them, for so long that nobody should wait any more
   */
  isOver(kind: string, id: string | number, needsOthers?: boolean): boolean;
  /** Tells of a success. */
  had(kind: string, id: string | number): void;
}

/** What is remembered: more can hardly fail at the same time. */
const most = 10_000;
/** The fewest failures: nobody may have asked for most of the time. */
const fewest = 3;

/** @param ms from the first failure on, in milliseconds. Default: ten minutes */
export function createPatience(ms = 10 * 60_000): Patience {
  const failures = new Map<string, { first: number; tries: number; others: number }>();
  const successes = new Map<string, number>();
  return {
    isOver(kind, id, needsOthers = false) {
      const key = `${kind}/${id}`;
      const others = successes.get(kind) ?? 0;
      const before = failures.get(key) ?? { first: performance.now(), tries: 0, others };
      if (failures.size >= most) failures.clear();
      const now = { ...before, tries: before.tries + 1 };
      failures.set(key, now);
      if (needsOthers && others === now.others) return false;
      return now.tries >= fewest && performance.now() - now.first > ms;
    },
    had(kind, id) {
      failures.delete(`${kind}/${id}`);
      successes.set(kind, (successes.get(kind) ?? 0) + 1);
    },
  };
}

/** For readings that nobody waits behind: gives up at once. */
export const noPatience: Patience = { isOver: () => true, had: () => undefined };
