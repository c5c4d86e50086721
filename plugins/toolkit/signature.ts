/** Signatures of webhooks: computed over raw bytes, compared in constant time. */
import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * Whether `given` is the HMAC-SHA256 of the parts in base64. Never throws: what is no signature does not match.
 * @param parts strings as UTF-8, and raw bytes, in the order in which they were signed
 */
export function isSignedBy(
  secret: string,
  parts: ReadonlyArray<string | Uint8Array>,
  given: string | undefined,
): boolean {
  if (given === undefined || secret === "") return false;
  const hmac = createHmac("sha256", secret);
  for (const part of parts) hmac.update(part);
  const expected = hmac.digest();
  const bytes = Buffer.from(given, "base64");
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
