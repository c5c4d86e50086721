/** The places of a consumer: how many items may be in work at once, and how many of one company. */

/**
 * A company has at most this many times as many items in work as there are free places: one alone takes up to seven in
 * eight, several take less each, and some stay free for those who come. So calls that hang hold up their own company alone.
 */
const freeShare = 7;

export interface Places {
  /** Places that nobody has. */
  free(concurrency: number): number;
  /** How many more the company may have now. */
  room(company: string, concurrency: number): number;
  take(company: string, count: number): void;
  giveBack(company: string, count: number): void;
  /** Resolves with true when places have become free; with false after so many milliseconds, or when the consumer ends. */
  freed(ms: number): Promise<boolean>;
  /** The consumer ends: nobody waits any longer. */
  end(): void;
}

export function createPlaces(): Places {
  const taken = new Map<string, number>();
  let sum = 0;
  const waiters = new Set<(freed: boolean) => void>();
  let planned = false;
  const tell = (freed: boolean) => {
    planned = false;
    for (const waiter of [...waiters]) waiter(freed);
  };
  const free = (concurrency: number) => Math.max(0, concurrency - sum);
  return {
    free,
    room(company, concurrency) {
      const own = taken.get(company) ?? 0;
      // The i-th more is allowed while own + i < freeShare * (free - i).
      return Math.max(0, Math.ceil((freeShare * free(concurrency) - own) / (freeShare + 1)));
    },
    take(company, count) {
      taken.set(company, (taken.get(company) ?? 0) + count);
      sum += count;
    },
    giveBack(company, count) {
      const left = (taken.get(company) ?? 0) - count;
      if (left > 0) taken.set(company, left);
      else taken.delete(company);
      sum -= count;
      // Those that become free in one turn are told of together.
      if (waiters.size === 0 || planned) return;
      planned = true;
      setImmediate(tell, true);
    },
    freed(ms) {
      return new Promise((resolve) => {
        const waiter = (freed: boolean) => {
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve(freed);
        };
        const timer = setTimeout(waiter, ms, false);
        waiters.add(waiter);
      });
    },
    end: () => tell(false),
  };
}
