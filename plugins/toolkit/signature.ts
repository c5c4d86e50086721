/** Signatures of webhooks: computed over raw bytes, compared in constant time. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface SignatureOptions {
  /** Default: `sha256`. `sha1` is for systems that offer nothing better. */
  algorithm?: "sha256" | "sha512" | "sha1";
  /** Default: `base64`. */
  encoding?: "base64" | "hex";
  /** What stands before the signature in its header, such as `sha256=`. One without it does not match. */
  prefix?: string;
}

/** The header `X-Hub-Signature` as several systems send it: `sha1=` and hexadecimal digits. */
export const xHubSignature: SignatureOptions = { algorithm: "sha1", encoding: "hex", prefix: "sha1=" };

const patterns = { base64: /^[A-Za-z0-9+/]{1,200}={0,2}$/, hex: /^[0-9a-f]{1,200}$/i };

/**
 * Whether `given` is the HMAC of the parts, by default an HMAC-SHA256 in base64. Never throws: what is no signature does not
 * match, and nothing matches an empty secret.
 * @param parts strings as UTF-8, and raw bytes, in the order in which they were signed
 */
export function isSignedBy(
  secret: string,
  parts: ReadonlyArray<string | Uint8Array>,
  given: string | undefined,
  { algorithm = "sha256", encoding = "base64", prefix = "" }: SignatureOptions = {},
): boolean {
  if (given === undefined || secret === "" || !given.startsWith(prefix)) return false;
  const value = given.slice(prefix.length);
  // Node reads a broken value up to its fault: two headers would then mean the same.
  if (!patterns[encoding].test(value)) return false;
  const hmac = createHmac(algorithm, secret);
  for (const part of parts) hmac.update(part);
  const expected = hmac.digest();
  const bytes = Buffer.from(value, encoding);
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
