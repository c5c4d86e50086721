/** Zendesk's tokens: those that rotate with each refresh, those of a client of its own, and the old API tokens. */
import { z } from "zod";
import type { Context, Token } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { Authorization } from "../../plugins/toolkit/api-client.ts";
import type { ZendeskConfig } from "./config.ts";

type ZendeskContext = Context<ZendeskConfig>;
type OAuth = NonNullable<ZendeskConfig["oauth"]>;

/** Where an answer does not say how long a token holds: half an hour, as Zendesk's own documentation has it. */
const usualSeconds = 1_800;

const answerSchema = z.looseObject({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).nullish(),
  expires_in: z.number().positive().nullish(),
});

function grantOf({ refreshToken, scope }: OAuth, last: Token | null) {
  if (!refreshToken) return { grant_type: "client_credentials", scope };
  return { grant_type: "refresh_token", refresh_token: last?.refreshToken ?? refreshToken.reveal(), scope };
}

/** Both old tokens are void once this has been answered: it is asked once, and by one node at a time. */
async function refresh(ctx: ZendeskContext, oauth: OAuth, last: Token | null): Promise<Token> {
  let response: Response;
  try {
    response = await ctx.fetch(`${ctx.config.url}/oauth/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({
        ...grantOf(oauth, last),
        client_id: oauth.clientId,
        client_secret: oauth.clientSecret.reveal(),
      }),
      maxBytes: 100_000,
      attempts: 1,
    });
  } catch (error) {
    if (!isConnectorError(error) || ![400, 401, 403].includes(error.status ?? 0)) throw error;
    const what = oauth.refreshToken ? "the refresh token" : "the client";
    const advice = oauth.refreshToken
      ? "authorise it again, and set oauth.refreshToken"
      : "look at oauth.clientId, clientSecret and scope";
    throw new ConnectorError("auth", `Zendesk refused ${what}: ${advice}`, { cause: error });
  }
  const parsed = answerSchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success) throw new ConnectorError("transient", "Zendesk's answer holds no access token");
  const { access_token, refresh_token, expires_in } = parsed.data;
  return {
    accessToken: access_token,
    expiresAt: new Date(Date.now() + (expires_in ?? usualSeconds) * 1_000),
    ...(refresh_token && { refreshToken: refresh_token }),
  };
}

export function createAuthorization(ctx: ZendeskContext): Authorization {
  const { oauth, email, apiToken } = ctx.config;
  if (!oauth) {
    const basic = Buffer.from(`${email}/token:${apiToken?.reveal() ?? ""}`).toString("base64");
    return async () => `Basic ${basic}`;
  }
  const seed = (oauth.refreshToken ?? oauth.clientSecret).reveal();
  const prefix = "Bearer ";
  return async (refused) => {
    const token = await ctx.tokens.accessToken({
      seed,
      refresh: (last) => refresh(ctx, oauth, last),
      ...(refused !== undefined && { refused: refused.slice(prefix.length) }),
    });
    return prefix + token;
  };
}
