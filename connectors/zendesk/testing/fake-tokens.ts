/** The fake's sign-in: access tokens that run out, refresh tokens that can be used once, and the old API tokens. */
import { randomUUID } from "node:crypto";
import { z } from "zod";

export const signIn = {
  clientId: "deskwire",
  clientSecret: "a client's secret 7781",
  refreshToken: "the first refresh token 5512",
  email: "desk@acme.example",
  apiToken: "an old API token 9934",
};

const grant = z.discriminatedUnion("grant_type", [
  z.strictObject({
    grant_type: z.literal("refresh_token"),
    refresh_token: z.string(),
    client_id: z.string(),
    client_secret: z.string(),
    scope: z.string().optional(),
  }),
  z.strictObject({
    grant_type: z.literal("client_credentials"),
    client_id: z.string(),
    client_secret: z.string(),
    scope: z.string().optional(),
  }),
]);

export interface FakeTokens {
  /** Answers POST /oauth/tokens. Throws for a body that no document allows. */
  issue(body: Uint8Array): { status: number; json: unknown };
  /** Whether a request's header lets it in. */
  accepts(authorization: string | undefined): boolean;
  /** Makes all access tokens void, as if their time were over. */
  expire(): void;
  /** How many tokens were asked for, and how often with a refresh token that had been used. */
  readonly issued: number;
  readonly reused: number;
}

/** @param lifeMs how long an access token holds, in milliseconds */
export function createFakeTokens(lifeMs = 1_800_000): FakeTokens {
  const access = new Map<string, number>();
  let refresh = signIn.refreshToken;
  let issued = 0;
  let reused = 0;
  const basic = `Basic ${Buffer.from(`${signIn.email}/token:${signIn.apiToken}`).toString("base64")}`;
  return {
    issue(body) {
      const asked = grant.parse(JSON.parse(Buffer.from(body).toString()));
      const isKnown = asked.client_id === signIn.clientId && asked.client_secret === signIn.clientSecret;
      const isFresh = asked.grant_type === "client_credentials" || asked.refresh_token === refresh;
      if (isKnown && !isFresh) reused++;
      if (!isKnown || !isFresh) return { status: 401, json: { error: "invalid_grant" } };
      issued++;
      // Both old tokens are void from now on.
      if (asked.grant_type === "refresh_token") access.clear();
      const token = randomUUID();
      access.set(token, Date.now() + lifeMs);
      if (asked.grant_type === "refresh_token") refresh = randomUUID();
      const rotated = asked.grant_type === "refresh_token" ? { refresh_token: refresh } : {};
      const expires_in = Math.ceil(lifeMs / 1_000);
      return {
        status: 200,
        json: { access_token: token, token_type: "bearer", scope: "read write", expires_in, ...rotated },
      };
    },
    accepts(authorization) {
      if (authorization === basic) return true;
      const token = /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
      return token !== undefined && (access.get(token) ?? 0) > Date.now();
    },
    expire: () => access.clear(),
    get issued() {
      return issued;
    },
    get reused() {
      return reused;
    },
  };
}
