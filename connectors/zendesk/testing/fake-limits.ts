/** The account's request limit as Zendesk counts it, and the most requests that were made in any minute. */

export interface FakeLimits {
  /** @returns the headers of the answer, and whether the request is over the limit */
  take(isExport: boolean): { headers: Record<string, string>; refused: boolean };
  /** The most requests within any period. */
  most(): number;
}

/** @param requests in a period; @param perMs the period, in milliseconds */
export function createFakeLimits(requests: number, perMs = 60_000): FakeLimits {
  const times: number[] = [];
  let opened = Date.now();
  let used = 0;
  return {
    take(isExport) {
      const now = Date.now();
      if (now - opened >= perMs) {
        opened = now;
        used = 0;
      }
      times.push(now);
      used++;
      const reset = String(Math.ceil((opened + perMs - now) / 1_000));
      const remaining = String(Math.max(0, requests - used));
      const refused = used > requests;
      return {
        refused,
        headers: {
          "x-rate-limit": String(requests),
          "x-rate-limit-remaining": remaining,
          "ratelimit-limit": String(requests),
          "ratelimit-remaining": remaining,
          "ratelimit-reset": reset,
          ...(isExport && {
            "zendesk-ratelimit-incremental-exports": "total=3000; remaining=2999; resets=30",
          }),
          ...(refused && { "retry-after": reset }),
        },
      };
    },
    most: () =>
      Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + perMs).length)),
  };
}
