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
}

export function createPlaces(): Places {
  const taken = new Map<string, number>();
  let sum = 0;
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
    },
  };
}
