/** Answers of other systems in `fetch`'s form: whole, decoded, and within a limit. */
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { BodyTooLarge, HttpFailure } from "./http-failure.ts";
import { toWholeResponse } from "./whole-response.ts";

export interface PlainAnswer {
  url: string;
  status: number;
  statusText: string;
  headers: Record<string, string | string[] | undefined>;
  chunks: Buffer[];
}

const decoders: Record<
  string,
  (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer<ArrayBufferLike>>
> = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  br: promisify(brotliDecompress),
  deflate: promisify(inflate),
};

/** Answers that have no body, whatever the server says. */
const bodiless = new Set([204, 205, 304]);

async function decode(bytes: Buffer, codings: string, maxBytes: number): Promise<Buffer> {
  let decoded = bytes;
  // The last coding was applied last.
  for (const coding of codings.toLowerCase().split(",").reverse()) {
    const name = coding.trim();
    const decoder = decoders[name];
    if (name === "" || name === "identity") continue;
    if (!decoder) throw new Error("the answer's coding is not known");
    try {
      decoded = await decoder(decoded, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw new BodyTooLarge(maxBytes);
      throw error;
    }
  }
  return decoded;
}

/**
 * @param maxBytes after decoding
 * @throws BodyTooLarge, or HttpFailure `garbage` where it is not what it claims to be
 */
export async function toResponse(answer: PlainAnswer, maxBytes: number): Promise<Response> {
  try {
    return await build(answer, maxBytes);
  } catch (error) {
    if (error instanceof BodyTooLarge) throw error;
    throw new HttpFailure("garbage", "the answer is not what it claims to be", error as Error);
  }
}

async function build(answer: PlainAnswer, maxBytes: number): Promise<Response> {
  const { status, chunks, url, headers } = answer;
  if (status < 200 || status > 599) throw new Error("the answer's status is none");
  let body: Buffer | null = null;
  if (chunks.length > 0 && !bodiless.has(status)) {
    body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    const coding = headers["content-encoding"];
    if (coding !== undefined) body = await decode(body, String(coding), maxBytes);
  }
  const statusText = /^[\t\x20-\x7e\x80-\xff]*$/.test(answer.statusText) ? answer.statusText : "";
  return toWholeResponse({ url, status, statusText, headers, body });
}
