/** `ctx.tokens`: the one access token of a connector, kept for all nodes. */
import { z } from "zod";
import type { Token, Tokens } from "../../plugins/contract/connector.ts";
import { seal, unseal } from "../lib/seal.ts";
import type { Database } from "../store/database.ts";
import { lockToken, saveToken } from "../store/tokens.ts";

/** A token is renewed when it has less than this left, in milliseconds: enough for what is done with it at once. */
const leastLeftMs = 60_000;

const stored = z.object({
  accessToken: z.string(),
  refreshToken: z.string().optional(),
  expiresAt: z.coerce.date(),
});

function open(sealed: Buffer | null, seed: string): Token | null {
  const text = sealed && unseal(sealed, seed);
  if (!text) return null;
  const { accessToken, expiresAt, refreshToken } = stored.parse(JSON.parse(text));
  return { accessToken, expiresAt, ...(refreshToken !== undefined && { refreshToken }) };
}

const holds = (token: Token, refused: string | undefined): boolean =>
  token.accessToken !== refused && token.expiresAt.getTime() - Date.now() > leastLeftMs;

/**
 * Tokens of one connector. The row's lock is held while a new one is asked for: another node that needs it waits for the
 * answer instead of asking too, which would make the first answer void where refresh tokens can be used once.
 */
export function createTokens(db: Database, company: string, connector: string): Tokens {
  let last: { seed: string; token: Token } | null = null;
  return {
    async accessToken({ seed, refused, refresh }) {
      if (last?.seed === seed && holds(last.token, refused)) return last.token.accessToken;
      const token = await db.transaction(async (runner) => {
        const before = open(await lockToken(runner, company, connector), seed);
        if (before && holds(before, refused)) return before;
        const fresh = await refresh(before);
        const refreshToken = fresh.refreshToken ?? before?.refreshToken;
        const kept = { ...fresh, ...(refreshToken !== undefined && { refreshToken }) };
        await saveToken(runner, company, connector, seal(JSON.stringify(kept), seed));
        return kept;
      });
      last = { seed, token };
      return token.accessToken;
    },
  };
}
