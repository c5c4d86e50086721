/** The visitor's identity: a short JWT that the site's own server signs with HS256, and nothing else that a JWT could be. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { storableText } from "../../plugins/contract/events.ts";
import type { Secret } from "../../plugins/contract/secret.ts";

/** How far ahead `exp` may lie, in seconds. */
export const longestIdentity = 3_600;
/** By how much the site's clock may be ahead, in seconds. */
const clockSkew = 60;

const headerSchema = z.looseObject({
  alg: z.literal("HS256"),
  kid: z.string().min(1).max(64),
  typ: z.string().optional(),
  // Extensions that must be understood: none is.
  crit: z.undefined().optional(),
});

const claimsSchema = z.looseObject({
  sub: storableText(200).min(1),
  exp: z.number(),
  nbf: z.number().optional(),
  name: storableText(320).optional(),
  email: storableText(320).optional(),
});

export interface Identity {
  readonly sub: string;
  /** The id of the key that signed the token. */
  readonly kid: string;
  readonly name?: string;
  readonly email?: string;
}

export type IdentityResult = { ok: true; identity: Identity } | { ok: false; reason: string };

function decoded(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    return undefined; // No schema takes undefined: the caller refuses the token.
  }
}

function refuse(reason: string): IdentityResult {
  return { ok: false, reason };
}

/**
 * Checks an identity token: HS256 only, a known `kid`, `exp` at most an hour ahead, `sub` there.
 * @param now milliseconds since 1970
 */
export function readIdentity(
  keys: Readonly<Record<string, Secret>>,
  token: string,
  now: number,
): IdentityResult {
  const match = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token);
  const [, head, body, signature] = match ?? [];
  if (token.length > 4_000 || head === undefined || body === undefined || signature === undefined) {
    return refuse("the identity token is not a JWT of three parts");
  }
  const header = headerSchema.safeParse(decoded(head));
  if (!header.success) return refuse("the identity token's header must be HS256 with a kid");
  const { kid } = header.data;
  const key = Object.hasOwn(keys, kid) ? keys[kid] : undefined;
  if (key === undefined) return refuse("the identity token's kid is not known here");
  const expected = createHmac("sha256", key.reveal()).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return refuse("the identity token's signature does not match");
  }
  const claims = claimsSchema.safeParse(decoded(body));
  if (!claims.success)
    return refuse("the identity token needs sub and exp, and name and email must be strings");
  const { sub, exp, nbf, name, email } = claims.data;
  const seconds = now / 1000;
  if (exp <= seconds) return refuse("the identity token has expired");
  if (exp > seconds + longestIdentity + clockSkew)
    return refuse("the identity token lasts longer than an hour");
  if (nbf !== undefined && nbf > seconds + clockSkew) return refuse("the identity token is not valid yet");
  return {
    ok: true,
    identity: {
      sub,
      kid,
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
    },
  };
}
