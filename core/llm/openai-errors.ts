/** What a call of the LLM throws, as errors with a kind and with a message that says what to do. */
import { APIConnectionError, APIError } from "openai/error";
import { ConnectorError, type ErrorKind, isConnectorError } from "../../plugins/contract/errors.ts";
import { BodyTooLarge } from "../lib/http-failure.ts";

/** Waits longer than this are not believed. In milliseconds. */
const longestWait = 3_600_000;
/** An account without credit does not get some within seconds. In milliseconds. */
const quotaWait = 300_000;

export interface ErrorContext {
  model: string;
  /** Never to appear in a message. */
  key: string;
  /** The customer's words: an error that repeats them is not quoted. */
  said: string;
  now?: () => number;
}

/** An error of the contract for anything that a call threw; those that are one already come back as they are. */
export function toDraftError(error: unknown, context: ErrorContext): ConnectorError {
  if (isConnectorError(error)) return error;
  if (error instanceof APIConnectionError) {
    if (error.cause instanceof BodyTooLarge)
      return new ConnectorError("transient", `The LLM's API sent too much: ${error.cause.message}.`);
    const reason = networkReason(error);
    return new ConnectorError(
      "transient",
      `The LLM's API could not be reached or did not answer in time${reason}.`,
    );
  }
  if (error instanceof APIError && error.status !== undefined)
    return fromStatus(error, error.status, context);
  if (error instanceof SyntaxError) {
    // The parser's own message quotes the body, which may quote the customer.
    return new ConnectorError("transient", "The LLM's API answered with something that is not JSON.");
  }
  if (error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError")) {
    return new ConnectorError("transient", "The LLM's API did not answer in time.");
  }
  if (error instanceof TypeError) {
    return new ConnectorError("transient", `The connection to the LLM's API broke${networkReason(error)}.`);
  }
  const name = error instanceof Error ? error.name : typeof error;
  return new ConnectorError("transient", `The call of the LLM failed (${name}).`);
}

function fromStatus(error: APIError, status: number, context: ErrorContext): ConnectorError {
  const about = `${details(error, status)}${quote(error, context)}`;
  const fault = (kind: ErrorKind, message: string) => new ConnectorError(kind, `${message} ${about}`);
  const code = String(error.code ?? "");
  if (status === 401) return fault("auth", "The LLM's API refused the key: check drafter.key.");
  if (status === 402) return fault("auth", "The account at the LLM's API has no credit left.");
  if (status === 403)
    return fault("auth", `The key may not use the model ${context.model}: check drafter.key.`);
  if (status === 429) return rateLimited(error, code, about, context);
  if (/content_(?:filter|policy)/.test(code))
    return fault("permanent", "The LLM's API refused the message's content.");
  if (status === 413 || code === "context_length_exceeded") {
    return fault("permanent", `The message is too long for the model ${context.model}.`);
  }
  if (status === 404) {
    return fault(
      "config",
      `The LLM's API does not know the model ${context.model}, or its address is wrong: check drafter.model and drafter.baseUrl.`,
    );
  }
  if (status === 400 || status === 422)
    return fault("config", "The LLM's API refused the request: check the drafter's settings.");
  if (status === 408 || status === 409 || status === 425 || status >= 500) {
    const retryAfterMs = retryAfter(error.headers, context.now ?? Date.now);
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new ConnectorError("transient", `The LLM's API failed. ${about}`, wait);
  }
  return fault("permanent", "The LLM's API refused the request.");
}

function rateLimited(error: APIError, code: string, about: string, context: ErrorContext): ConnectorError {
  const asked = retryAfter(error.headers, context.now ?? Date.now);
  const spent = code === "insufficient_quota";
  const retryAfterMs = spent ? Math.max(asked ?? 0, quotaWait) : asked;
  const what = spent
    ? "The quota at the LLM's API is used up: check its plan and billing."
    : "The LLM's API asks to slow down.";
  return new ConnectorError(
    "rate_limited",
    `${what} ${about}`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}

/** Milliseconds to wait by `retry-after-ms` or `retry-after` (seconds or an HTTP date), undefined where neither makes sense. */
export function retryAfter(headers: Headers | undefined, now: () => number): number | undefined {
  const inMs = headers?.get("retry-after-ms")?.trim();
  const header = headers?.get("retry-after")?.trim();
  let wait: number;
  if (inMs && /^\d+(?:\.\d+)?$/.test(inMs)) wait = Number(inMs);
  else if (header && /^\d+(?:\.\d+)?$/.test(header)) wait = Number(header) * 1_000;
  else wait = header ? Date.parse(header) - now() : Number.NaN;
  return Number.isFinite(wait) ? Math.ceil(Math.min(Math.max(wait, 0), longestWait)) : undefined;
}

function details(error: APIError, status: number): string {
  const parts = [`HTTP ${status}`];
  if (error.code) parts.push(`code ${String(error.code).slice(0, 60)}`);
  if (error.param) parts.push(`field ${String(error.param).slice(0, 60)}`);
  if (error.requestID) parts.push(`request ${String(error.requestID).slice(0, 80)}`);
  return `(${parts.join(", ")})`;
}

/** The server's own words where they help and give nothing away. */
function quote(error: APIError, { key, said }: ErrorContext): string {
  if (error.status !== 400 && error.status !== 404 && error.status !== 422) return "";
  const words = error.message
    .slice(0, 2_000)
    .replace(/^\d+ /, "")
    .replaceAll(key, "[secret]")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);
  const plain = said.replace(/\s+/g, " ");
  for (let at = 0; at + 16 <= words.length; at += 8) {
    if (plain.includes(words.slice(at, at + 16))) return "";
  }
  return words === "" ? "" : `: ${words}`;
}

function networkReason(error: Error): string {
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; depth++) {
    if ("code" in cause && typeof cause.code === "string") return ` (${cause.code})`;
    cause = cause.cause;
  }
  return "";
}
