/** A visitor's session: a signed token that names the thread. The hub keeps nothing about a session itself. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { RawRequest } from "../../plugins/contract/connector.ts";
import type { Secret } from "../../plugins/contract/secret.ts";

const sessionSchema = z.strictObject({
  thread: z.string().min(1),
  /** Seconds since 1970. */
  exp: z.int(),
  name: z.string().optional(),
  email: z.string().optional(),
  sub: z.string().optional(),
});

export type Session = z.output<typeof sessionSchema>;

/** The domain is part of what is signed, so that no other use of the key yields a session. */
function mac(key: Secret, domain: string, value: string): Buffer {
  return createHmac("sha256", key.reveal()).update(`deskwire-widget/${domain}\n${value}`).digest();
}

/** A thread that nobody can guess, for a visitor who is not known. */
export function anonymousThread(): string {
  return `v-${randomBytes(16).toString("base64url")}`;
}

/** The thread of a known person: the same on every device. */
export function identifiedThread(key: Secret, sub: string): string {
  return `u-${mac(key, "thread", sub).toString("base64url").slice(0, 22)}`;
}

export function signSession(key: Secret, session: Session): string {
  const payload = Buffer.from(JSON.stringify(session)).toString("base64url");
  return `${payload}.${mac(key, "session", payload).toString("base64url")}`;
}

/**
 * The session in a token, or null where it is forged, damaged or over.
 * @param now milliseconds since 1970
 */
export function readSession(key: Secret, token: string, now: number): Session | null {
  const [payload, signature, ...more] = token.split(".");
  if (payload === undefined || signature === undefined || more.length > 0 || token.length > 4_000)
    return null;
  const expected = mac(key, "session", payload);
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  // Signed by this hub, so it is JSON; an older version's shape is still refused.
  const session = sessionSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
  return session.success && session.data.exp * 1000 > now ? session.data : null;
}

/** The session of a request's `Authorization: Bearer` header, or null. */
export function sessionOf(request: RawRequest, key: Secret, now: number): Session | null {
  const token = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return token === undefined ? null : readSession(key, token, now);
}

/** Why a request does not come from the widget's own frame, or undefined where it does. */
export function foreignOrigin(request: RawRequest): string | undefined {
  const own = new URL(request.url).origin;
  const { origin } = request.headers;
  // Browsers leave the header out of same-origin reads, and never out of posts.
  if (origin === undefined && request.method === "GET") return undefined;
  if (origin === own) return undefined;
  return `The Origin header is ${origin ? `"${origin.slice(0, 200)}"` : "missing"}, and this hub is ${own}. Where a proxy stands in front, set http.publicUrl.`;
}
