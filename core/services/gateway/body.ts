/** Request bodies: read whole up to a limit, thrown away where they are refused, and JSON that says where it is broken. */
import type { IncomingMessage } from "node:http";
import { Problem } from "./problem.ts";

/** What is read and thrown away of a refused body, so that a client that writes before it reads gets our answer. Bytes. */
const discardLimit = 32_000_000;
/** Milliseconds for the same. */
const discardMs = 10_000;
/** Milliseconds after the answer in which a client may still send what we no longer want. */
const lingerMs = 2_000;

export function tooLarge(limit: number): Problem {
  return new Problem(413, { detail: `the body is larger than ${limit} bytes` });
}

/** The size that the sender announces, in bytes; 0 where it does not. */
export function announcedSize(request: IncomingMessage): number {
  return Number(request.headers["content-length"] ?? 0);
}

/**
 * Reads a body.
 * @param limit bytes
 * @throws Problem 413 as soon as the limit is passed (see `discardBody`), 400 where the sender breaks off, 415 for a coding
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const coding = request.headers["content-encoding"];
  return new Promise((resolve, reject) => {
    if (coding !== undefined && coding.toLowerCase() !== "identity") {
      reject(new Problem(415, { detail: `send the body as it is, without "Content-Encoding: ${coding}"` }));
      return;
    }
    if (announcedSize(request) > limit) {
      reject(tooLarge(limit));
      return;
    }
    const brokeOff = (cause?: unknown) => reject(new Problem(400, { detail: "the body broke off", cause }));
    // An end that came before we listened is not told again.
    if (request.destroyed && !request.complete) {
      brokeOff();
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      request.off("data", onData);
      reject(tooLarge(limit));
    };
    request.on("data", onData);
    request.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on("error", brokeOff);
    // It closes after its end as well.
    request.on("close", () => {
      if (!request.complete) brokeOff();
    });
  });
}

/**
 * Reads what is left of a body and throws it away, before an answer that refuses it: a connection that is closed under a
 * sender loses the answer. Never rejects; gives up after 32 MB or 10 s.
 */
export function discardBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) {
      request.resume();
      resolve();
      return;
    }
    let size = 0;
    const done = () => {
      clearTimeout(timer);
      request.off("data", onData);
      resolve();
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > discardLimit) done();
    };
    const timer = setTimeout(done, discardMs);
    request.on("data", onData).on("end", done).on("close", done).on("error", done).resume();
  });
}

/** After an answer that did not wait for the whole body: the rest is let through for a moment, then the connection ends. */
export function endSoon(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  request.resume();
  setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, lingerMs).unref();
}

/** @throws Problem 415 or 400, with the position of the first error */
export function parseJson(request: IncomingMessage, body: Buffer): unknown {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    const given = type === "" ? "without one" : `not "${type.slice(0, 100)}"`;
    throw new Problem(415, { detail: `send JSON with "Content-Type: application/json", ${given}` });
  }
  if (body.length === 0) throw new Problem(400, { detail: "the body is empty: send a JSON object" });
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (cause) {
    throw new Problem(400, { detail: "the body is not UTF-8: encode the JSON as UTF-8", cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, { detail: `the body is no valid JSON: ${(cause as Error).message}`, cause });
  }
}
