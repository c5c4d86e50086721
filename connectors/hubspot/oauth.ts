/** Access tokens of an app that a person has authorised, by a refresh token (RFC 6749, section 6), and what a token may do. */
import { z } from "zod";
import type { ConnectorFetch, Token } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { HubspotConfig } from "./config.ts";

type OAuth = NonNullable<HubspotConfig["oauth"]>;

const tokenSchema = z.looseObject({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().max(31_536_000).default(1_800),
  refresh_token: z.string().min(1).optional(),
});

const introspectionSchema = z.looseObject({
  active: z.boolean(),
  scopes: z.array(z.string()).optional(),
  scope: z.string().optional(),
  hub_id: z.coerce.string().optional(),
});

export interface Introspection {
  readonly active: boolean;
  /** Null where HubSpot does not tell. */
  readonly scopes: readonly string[] | null;
  readonly account: string | null;
}

const form = (address: string, fields: Record<string, string>) =>
  [address, { method: "POST", body: new URLSearchParams(fields), maxBytes: 100_000 }] as const;

/**
 * Asks for a new access token, once: a refresh token that can be used once must not be sent again after an answer that
 * was lost on its way.
 * @param url the API's address
 * @param last the token before: its refresh token is used where HubSpot gave a new one with it
 * @throws ConnectorError of kind `auth` where a person has to authorise again
 */
export async function refreshToken(
  url: string,
  oauth: OAuth,
  last: Token | null,
  fetch: ConnectorFetch,
): Promise<Token> {
  const [address, init] = form(new URL("/oauth/2026-09/token", url).href, {
    grant_type: "refresh_token",
    client_id: oauth.clientId,
    client_secret: oauth.clientSecret.reveal(),
    refresh_token: last?.refreshToken ?? oauth.refreshToken.reveal(),
  });
  let answer: Response;
  try {
    answer = await fetch(address, { ...init, attempts: 1 });
  } catch (error) {
    if (!isConnectorError(error) || (error.status !== 400 && error.status !== 401)) throw error;
    throw new ConnectorError(
      "auth",
      "HubSpot refused the refresh token: authorise the app for this account again, and set oauth.refreshToken",
      { cause: error },
    );
  }
  const parsed = tokenSchema.safeParse(await answer.json().catch(() => null));
  if (!parsed.success) throw new ConnectorError("transient", "HubSpot's answer holds no access token");
  const { access_token, expires_in, refresh_token } = parsed.data;
  return {
    accessToken: access_token,
    expiresAt: new Date(Date.now() + expires_in * 1_000),
    ...(refresh_token !== undefined && { refreshToken: refresh_token }),
  };
}

/** What an access token is good for. */
export async function introspect(
  url: string,
  oauth: OAuth,
  token: string,
  fetch: ConnectorFetch,
  signal: AbortSignal,
): Promise<Introspection> {
  const [address, init] = form(new URL("/oauth/2026-09/token/introspect", url).href, {
    client_id: oauth.clientId,
    client_secret: oauth.clientSecret.reveal(),
    token,
    token_type_hint: "access_token",
  });
  const answer = await fetch(address, { ...init, signal });
  const parsed = introspectionSchema.safeParse(await answer.json().catch(() => null));
  if (!parsed.success)
    throw new ConnectorError("transient", "HubSpot did not tell what the access token may do");
  const { active, scopes, scope, hub_id } = parsed.data;
  return { active, scopes: scopes ?? scope?.split(/\s+/) ?? null, account: hub_id ?? null };
}
