/** The blob port: files and raw messages, by content, per company. */
import { createHash } from "node:crypto";

/**
 * What went wrong with a blob or an object. `full`: no room left, try later; `missing`: there is none; `conflict`: somebody else
 * has written it meanwhile; `broken`: the store failed.
 */
export class BlobError extends Error {
  readonly kind: "full" | "missing" | "conflict" | "broken";
  constructor(kind: BlobError["kind"], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "BlobError";
    this.kind = kind;
  }
}

export interface Blobs {
  /** Stores a blob whole or not at all, and durably. The same content is stored once. @returns its key */
  put(company: string, content: Uint8Array): Promise<string>;
  get(key: string): Promise<Uint8Array>;
}

/** Keys are the content's SHA-256 under the company, so that a repeated put changes nothing and companies stay apart. */
export function blobKey(company: string, content: Uint8Array): string {
  return `${company}/${createHash("sha256").update(content).digest("hex")}`;
}
