/** Signatures of outgoing posts by the Standard Webhooks scheme (https://www.standardwebhooks.com), and their check. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Verdict } from "../../plugins/contract/connector.ts";

/** A secret that begins with `whsec_` holds the key in base64, as the standard has it; any other one is the key itself. */
function keyOf(secret: string): Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret, "utf8");
}

function signatureOf(secret: string, id: string, timestamp: string, body: string | Uint8Array): Buffer {
  return createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
}

/**
 * The three headers of a signed post.
 * @param at when it is sent
 */
export function signedHeaders(
  secret: string,
  id: string,
  body: string | Uint8Array,
  at: Date,
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signatureOf(secret, id, timestamp, body).toString("base64")}`,
  };
}

export interface SignedPost {
  readonly secret: string;
  /** Lower-case names, as in Node's `request.headers`. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The raw bytes as they came, not a re-serialised object. */
  readonly body: string | Uint8Array;
  /** Milliseconds since 1970 (default: now). */
  readonly now?: number;
  /** How old, or how far ahead, the time may be, in seconds (default 300). */
  readonly toleranceSeconds?: number;
}

/** For receivers: tells whether a post came from the hub that shares the secret. Remember `replay.id` to refuse repeats. */
export function verifySignature(post: SignedPost): Verdict {
  const id = post.headers["webhook-id"];
  const timestamp = post.headers["webhook-timestamp"];
  const signatures = post.headers["webhook-signature"];
  if (
    typeof id !== "string" ||
    typeof timestamp !== "string" ||
    typeof signatures !== "string" ||
    id === ""
  ) {
    return { ok: false, reason: "webhook-id, webhook-timestamp or webhook-signature is missing" };
  }
  if (!/^\d{1,12}$/.test(timestamp))
    return { ok: false, reason: "webhook-timestamp is not a number of seconds" };
  const at = new Date(Number(timestamp) * 1000);
  if (Math.abs((post.now ?? Date.now()) - at.getTime()) > (post.toleranceSeconds ?? 300) * 1000) {
    return { ok: false, reason: "webhook-timestamp is too far from the present" };
  }
  const expected = signatureOf(post.secret, id, timestamp, post.body);
  // Several signatures, divided by spaces, stand there while a secret is being changed.
  const found = signatures.split(" ").some((entry) => {
    const [version, value] = entry.split(",", 2);
    if (version !== "v1" || value === undefined) return false;
    const given = Buffer.from(value, "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return found ? { ok: true, replay: { id, at } } : { ok: false, reason: "no signature matches" };
}
