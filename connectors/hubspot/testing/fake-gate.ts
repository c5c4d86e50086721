/** Who may ask the fake, and how often: tokens, scopes and limits. */
import { randomUUID } from "node:crypto";
import type { Reply } from "./fake-crm.ts";
import type { Asked } from "./fake-request.ts";

export interface Limit {
  readonly requests: number;
  readonly perMs: number;
}

/** Counts requests as HubSpot does, within any period that ends now. */
export function createCounter({ requests, perMs }: Limit) {
  const times: number[] = [];
  const within = () => times.filter((at) => at > performance.now() - perMs).length;
  return {
    /** @returns how many are left after this one; -1 where it is one too many */
    take(): number {
      const left = requests - within() - 1;
      if (left >= 0) times.push(performance.now());
      return Math.max(left, -1);
    },
    /** The most that any period held. */
    most: () =>
      times.reduce(
        (most, from, i) => Math.max(most, times.slice(i).filter((at) => at < from + perMs).length),
        0,
      ),
  };
}

const tooMany = (policyName: string, seconds: number): Reply => ({
  status: 429,
  headers: { "retry-after": String(seconds) },
  body: { status: "error", errorType: "RATE_LIMIT", policyName },
});

const plenty = {
  burst: { requests: 1_000_000, perMs: 10_000 },
  search: { requests: 1_000_000, perMs: 1_000 },
};

/** The account's limits. By default there is room for all that a test asks. */
export function createGate({
  burst = plenty.burst,
  search = plenty.search,
}: {
  burst?: Limit;
  search?: Limit;
}) {
  const [all, searches] = [createCounter(burst), createCounter(search)];
  const refusals = { left: 0, seconds: 0 };
  return {
    /** A refusal, or the headers that go with the answer. */
    enter({ operation }: Asked): Reply | { headers: Record<string, string> } {
      if (operation.scope === null) return { headers: {} };
      if (refusals.left > 0) {
        refusals.left--;
        return tooMany("TEN_SECONDLY_ROLLING", refusals.seconds);
      }
      if (operation.name === "search") return searches.take() < 0 ? tooMany("SECONDLY", 1) : { headers: {} };
      const left = all.take();
      if (left < 0) return tooMany("TEN_SECONDLY_ROLLING", 1);
      return {
        headers: {
          "x-hubspot-ratelimit-max": String(burst.requests),
          "x-hubspot-ratelimit-remaining": String(left),
          "x-hubspot-ratelimit-interval-milliseconds": String(burst.perMs),
          "x-hubspot-ratelimit-daily": "250000",
          "x-hubspot-ratelimit-daily-remaining": "200000",
        },
      };
    },
    refuse: (left: number, seconds: number) => void Object.assign(refusals, { left, seconds }),
    most: () => ({ burst: all.most(), search: searches.most() }),
  };
}

export type Gate = ReturnType<typeof createGate>;

export interface OAuthState {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Refresh tokens that are good, each for one use. */
  readonly refreshTokens: Set<string>;
  readonly accessTokens: Map<string, number>;
  /** Seconds that a new access token holds. */
  expiresIn: number;
}

/** @param first a refresh token as a person gets it by authorising */
export function createOAuth(clientId: string, clientSecret: string, first: string): OAuthState {
  return {
    clientId,
    clientSecret,
    refreshTokens: new Set([first]),
    accessTokens: new Map(),
    expiresIn: 1_800,
  };
}

const refused = (category: string): Reply => ({
  status: 400,
  body: { status: "BAD_REFRESH_TOKEN", category },
});

/** The answer to an operation of OAuth; null for any other. */
export function answerOAuth(
  state: OAuthState,
  { operation, body }: Asked,
  scopes: readonly string[],
): Reply | null {
  if (operation.name !== "token" && operation.name !== "introspect") return null;
  const form = body as Record<string, string>;
  if (form.client_id !== state.clientId || form.client_secret !== state.clientSecret)
    return refused("BAD_CLIENT");
  if (operation.name === "introspect") {
    const until = state.accessTokens.get(form.token ?? "") ?? 0;
    const active = until > Date.now();
    return {
      status: 200,
      body: { active, ...(active && { hub_id: 62_515, token_use: "access_token", scopes }) },
    };
  }
  // A refresh token that was used is void, and so is whatever came of it.
  if (!state.refreshTokens.delete(form.refresh_token ?? "")) return refused("BAD_REFRESH_TOKEN");
  const [access, refresh] = [`access-${randomUUID()}`, `refresh-${randomUUID()}`];
  state.accessTokens.set(access, Date.now() + state.expiresIn * 1_000);
  state.refreshTokens.add(refresh);
  return {
    status: 200,
    body: { access_token: access, refresh_token: refresh, expires_in: state.expiresIn, token_type: "bearer" },
  };
}

/** The scope that an operation needs, where it depends on what is read. */
export function scopeOf({ operation, parts }: Asked): string | null {
  if (operation.scope !== "of-type") return operation.scope;
  return parts[0] === "tickets" ? "tickets" : "crm.objects.contacts.read";
}
