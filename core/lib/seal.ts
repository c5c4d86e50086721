/** Sealing of small secrets that are stored: AES-256-GCM with a key derived (HKDF, RFC 5869) from a secret of the config. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const saltBytes = 16;
const ivBytes = 12;
const tagBytes = 16;

function keyOf(seed: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", seed, salt, "deskwire sealed token", 32));
}

/** Salt, initialisation vector, tag and cipher text, one after the other. */
export function seal(text: string, seed: string): Buffer {
  const salt = randomBytes(saltBytes);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv("aes-256-gcm", keyOf(seed, salt), iv);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([salt, iv, cipher.getAuthTag(), sealed]);
}

/** The text again; null where it was sealed with another seed, or was changed. */
export function unseal(sealed: Buffer, seed: string): string | null {
  if (sealed.length < saltBytes + ivBytes + tagBytes) return null;
  const salt = sealed.subarray(0, saltBytes);
  const iv = sealed.subarray(saltBytes, saltBytes + ivBytes);
  const rest = sealed.subarray(saltBytes + ivBytes);
  const decipher = createDecipheriv("aes-256-gcm", keyOf(seed, salt), iv, { authTagLength: tagBytes });
  decipher.setAuthTag(rest.subarray(0, tagBytes));
  try {
    return Buffer.concat([decipher.update(rest.subarray(tagBytes)), decipher.final()]).toString("utf8");
  } catch {
    return null; // GCM tells a wrong key and a changed text alike: neither can be used.
  }
}
