/** Request bodies: read whole up to a limit, and JSON that says where it is broken. */
import type { IncomingMessage } from "node:http";
import { Problem } from "./problem.ts";

/** What is read and thrown away of a body that is too large, so that the client gets to read our answer. Bytes. */
const drainLimit = 32_000_000;

function tooLarge(limit: number): Problem {
  return new Problem(413, {
    detail: `the body is larger than ${limit} bytes`,
    headers: { connection: "close" },
  });
}

/**
 * Reads a body.
 * @param limit bytes; a larger body is read to its end without being kept, then refused with 413
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    if (announced > drainLimit) {
      reject(tooLarge(limit));
      return;
    }
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else {
        chunks.length = 0;
        if (size > drainLimit) reject(tooLarge(limit));
      }
    });
    request.on("end", () => {
      if (size > limit) reject(tooLarge(limit));
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    });
    request.on("error", (cause) => reject(new Problem(400, { detail: "the body broke off", cause })));
    request.on("aborted", () => reject(new Problem(400, { detail: "the body broke off" })));
  });
}

/** @throws Problem 415 or 400, with the position of the first error */
export function parseJson(request: IncomingMessage, body: Buffer): unknown {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new Problem(415, {
      detail: `send JSON with "Content-Type: application/json", not ${type || "without a type"}`,
    });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (cause) {
    throw new Problem(400, { detail: "the body is not UTF-8", cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, { detail: `the body is no valid JSON: ${(cause as Error).message}`, cause });
  }
}
