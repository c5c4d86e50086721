/** A visitor's session: a signed token that names the thread. The hub keeps nothing about a session itself. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { RawRequest } from "../../plugins/contract/connector.ts";
import type { WidgetConfig } from "./config.ts";

const sessionSchema = z.strictObject({
  thread: z.string().min(1),
  /** Seconds since 1970. */
  exp: z.int(),
  name: z.string().optional(),
  email: z.string().optional(),
  sub: z.string().optional(),
  /** The identity key that vouched for `sub`. */
  kid: z.string().optional(),
});

export type Session = z.output<typeof sessionSchema>;

/** The widget that a session belongs to; a connector's context is one. */
export interface SessionOwner {
  readonly company: string;
  readonly instance: string;
  readonly config: Pick<WidgetConfig, "sessionKey" | "identity">;
}

/**
 * The domain is part of what is signed, so that no other use of the key yields a session; company and instance are too,
 * so that a copied config file does not open another widget's conversations.
 */
function mac({ company, instance, config }: SessionOwner, domain: string, value: string): Buffer {
  const scope = JSON.stringify(["deskwire-widget", domain, company, instance]);
  return createHmac("sha256", config.sessionKey.reveal()).update(`${scope}\n${value}`).digest();
}

/** What the config asks for now, and may not have when the session was made. */
function isAdmitted({ sub, kid }: Session, { identity }: SessionOwner["config"]): boolean {
  if (sub === undefined) return identity?.required !== true;
  return identity !== undefined && kid !== undefined && Object.hasOwn(identity.keys, kid);
}

/** A thread that nobody can guess, for a visitor who is not known. */
export function anonymousThread(): string {
  return `v-${randomBytes(16).toString("base64url")}`;
}

/** The thread of a known person in one widget: the same on every device. */
export function identifiedThread(owner: SessionOwner, sub: string): string {
  return `u-${mac(owner, "thread", sub).toString("base64url").slice(0, 22)}`;
}

export function signSession(owner: SessionOwner, session: Session): string {
  const payload = Buffer.from(JSON.stringify(session)).toString("base64url");
  return `${payload}.${mac(owner, "session", payload).toString("base64url")}`;
}

/**
 * The session in a token, or null where it is forged, damaged, over or another widget's, without an identity where one is
 * required, or vouched for by an identity key that is configured no longer.
 * @param now milliseconds since 1970
 */
export function readSession(owner: SessionOwner, token: string, now: number): Session | null {
  const [payload, signature, ...more] = token.split(".");
  if (payload === undefined || signature === undefined || more.length > 0 || token.length > 4_000)
    return null;
  const expected = mac(owner, "session", payload);
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  // Signed by this hub, so it is JSON; an older version's shape is still refused.
  const session = sessionSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
  if (!session.success || session.data.exp * 1000 <= now) return null;
  return isAdmitted(session.data, owner.config) ? session.data : null;
}

/** The session of a request's `Authorization: Bearer` header, or null. */
export function sessionOf(owner: SessionOwner, request: RawRequest, now: number): Session | null {
  const token = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return token === undefined ? null : readSession(owner, token, now);
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
