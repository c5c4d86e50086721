/** Access tokens for XOAUTH2 by a refresh token (RFC 6749, section 6). */
import { z } from "zod";
import type { ConnectorFetch, Token } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { EmailConfig } from "./config.ts";

const answerSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().max(31_536_000).default(3_600),
  refresh_token: z.string().min(1).optional(),
});

/** The service's own word for why it refused, as far as it is one (RFC 6749, section 5.2). */
function authoriseAgain(cause: unknown): ConnectorError {
  return new ConnectorError(
    "auth",
    "the token service refused the refresh token: authorise the application for this mailbox again, and set oauth.refreshToken",
    { cause },
  );
}

/**
 * Asks for a new access token.
 * @param last the token before: its refresh token is used where the service gave a new one with it
 * @throws ConnectorError of kind `auth` where a person has to authorise again
 */
export async function refreshToken(
  oauth: NonNullable<EmailConfig["oauth"]>,
  last: Token | null,
  fetch: ConnectorFetch,
): Promise<Token> {
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: oauth.clientId,
    refresh_token: last?.refreshToken ?? oauth.refreshToken.reveal(),
  });
  if (oauth.clientSecret) body.set("client_secret", oauth.clientSecret.reveal());
  if (oauth.scope !== undefined) body.set("scope", oauth.scope);
  let answer: Response;
  try {
    // Once: a refresh token that can be used once must not be sent again after an answer that was lost on its way.
    answer = await fetch(oauth.tokenUrl, { method: "POST", body, maxBytes: 100_000, attempts: 1 });
  } catch (error) {
    if (isConnectorError(error) && (error.status === 400 || error.status === 401))
      throw authoriseAgain(error);
    throw error;
  }
  const parsed = answerSchema.safeParse(await answer.json().catch(() => null));
  if (!parsed.success)
    throw new ConnectorError("transient", "the token service's answer holds no access token");
  const { access_token, expires_in, refresh_token } = parsed.data;
  return {
    accessToken: access_token,
    expiresAt: new Date(Date.now() + expires_in * 1_000),
    ...(refresh_token !== undefined && { refreshToken: refresh_token }),
  };
}
