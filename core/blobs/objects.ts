/** The port for objects with names: what may be replaced, by one of several who try at once. */
import { BlobError } from "./blobs.ts";

/** What must hold for a put: nothing is there yet, or still what was read with this tag. */
export type PutCondition = { readonly ifNew: true } | { readonly ifTag: string };

/** Keys are segments of lower-case letters, digits, `.`, `_` and `-`, with `/` between: see `checkKey`. */
export interface Objects {
  /**
   * Stores an object whole or not at all, and durably. Of several who put under the same condition one wins.
   * @returns the tag of what was stored: an opaque text that changes with each put
   * @throws BlobError of kind `conflict` where the condition does not hold, `full`, `broken`
   */
  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ tag: string }>;
  /** @throws BlobError of kind `missing`, `broken` */
  get(key: string): Promise<{ bytes: Uint8Array; tag: string }>;
  /** All keys below a key, as under a folder: sorted, in full. */
  list(prefix: string): Promise<string[]>;
  /** Removes what is there. For objects that nobody changes any more: a put at the same moment may win. */
  remove(key: string): Promise<void>;
}

const keyPattern = /^[a-z0-9][a-z0-9._-]{0,99}(\/[a-z0-9][a-z0-9._-]{0,99}){0,9}$/;

/**
 * Up to ten segments of up to 100 characters, each beginning with a letter or digit: they are safe as the names of files.
 * @throws BlobError of kind `missing`
 */
export function checkKey(key: string): void {
  if (!keyPattern.test(key)) throw new BlobError("missing", `${JSON.stringify(key)} is no object's key`);
}
