/** The limits that HubSpot sets for an app in an account, and the headers that tell of them. */
import type { Quota, QuotaNews } from "../../plugins/contract/connector.ts";

/** As the smallest account has them; the headers tell where there is more. */
const limits = {
  burst: { requests: 100, perMs: 10_000 },
  search: { requests: 5, perMs: 1_000 },
  daily: { requests: 250_000, perMs: 86_400_000 },
} as const;

/**
 * The pause between requests once a day's run low, in milliseconds: what is left is for other programs first, but a longer
 * one would let nothing be read to its end.
 */
const lowDailyMs = 2_000;
/** How long nobody asks once there are none left, before one looks again; milliseconds. */
const noneDailyMs = 60_000;

function numberOf(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)?.trim() ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function burstNews(headers: Headers): QuotaNews[] {
  const max = numberOf(headers, "x-hubspot-ratelimit-max");
  const remaining = numberOf(headers, "x-hubspot-ratelimit-remaining");
  const interval = numberOf(headers, "x-hubspot-ratelimit-interval-milliseconds") ?? limits.burst.perMs;
  if (max === undefined || max === 0 || interval === 0) return [];
  const scale = limits.burst.perMs / interval;
  return [
    {
      name: "burst",
      requests: Math.floor(max * scale),
      // Scaled like the limit, so that a share of it stays the same share.
      ...(remaining !== undefined && { remaining: Math.floor(remaining * scale) }),
    },
  ];
}

function dailyNews(headers: Headers): QuotaNews[] {
  const max = numberOf(headers, "x-hubspot-ratelimit-daily");
  const remaining = numberOf(headers, "x-hubspot-ratelimit-daily-remaining");
  if (max === undefined || max === 0) return [];
  if (remaining === undefined) return [{ name: "daily", requests: max }];
  return [{ name: "daily", requests: max, remaining, resetMs: remaining > 0 ? lowDailyMs : noneDailyMs }];
}

/** @param origin of the API: files that lie elsewhere, and tokens, count against nothing */
export function readLimits(origin: string): Pick<Quota, "limits" | "of" | "read"> {
  return {
    limits,
    of({ method, url }) {
      if (url.origin !== origin || url.pathname.startsWith("/oauth/")) return [];
      const isSearch = method === "POST" && url.pathname.endsWith("/search");
      return isSearch ? ["burst", "daily", "search"] : ["burst", "daily"];
    },
    // The headers speak of these two; a search has a limit that none of them tells.
    read: (headers, of) => (of.length === 0 ? [] : [...burstNews(headers), ...dailyNews(headers)]),
  };
}
