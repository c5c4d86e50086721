/** Token buckets: a rate with a burst, per key. */

export interface Rate {
  perSecond: number;
  burst: number;
}

export interface Limiter {
  /** Takes one token. @returns 0 where there was one, else the milliseconds until there will be one. */
  take(key: string): number;
}

/** The least time between two sweeps of full buckets, in milliseconds. */
const sweepEveryMs = 60_000;

/** A limiter that keeps one bucket a key and forgets keys whose bucket is full again, so that memory stays bounded. */
export function createLimiter(
  { perSecond, burst }: Rate,
  now: () => number = performance.now.bind(performance),
): Limiter {
  const buckets = new Map<string, { tokens: number; at: number }>();
  let swept = now();
  const sweep = (time: number) => {
    swept = time;
    for (const [key, bucket] of buckets) {
      if (bucket.tokens + ((time - bucket.at) / 1000) * perSecond >= burst) buckets.delete(key);
    }
  };
  return {
    take(key) {
      const time = now();
      if (time - swept > sweepEveryMs) sweep(time);
      let bucket = buckets.get(key);
      if (!bucket) {
        bucket = { tokens: burst, at: time };
        buckets.set(key, bucket);
      }
      bucket.tokens = Math.min(burst, bucket.tokens + ((time - bucket.at) / 1000) * perSecond);
      bucket.at = time;
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return 0;
      }
      return Math.ceil(((1 - bucket.tokens) / perSecond) * 1000);
    },
  };
}
