/** `ctx.fetch`: HTTP for connectors, within the limits of the other side, with time-outs and retries. */
import type { ConnectorFetch, ConnectorSpec } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { sleep } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";
import { createGate } from "../lib/gate.ts";
import { http } from "../lib/http.ts";
import { BodyTooLarge, HttpFailure } from "../lib/http-failure.ts";
import type { QuotaKeeper } from "./quota.ts";

const defaultTimeoutMs = 15_000;
const defaultAttempts = 3;
const defaultMaxBytes = 10_000_000;
const retryBackoff = { firstMs: 300, maxMs: 10_000 };
/** A wait that the other side asks for and that is longer than this is left to the pipeline, in milliseconds. */
const longestWaitMs = 10_000;

/** The address without what may be secret in it: no user, no query, no fragment. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return "an invalid URL";
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** `Retry-After` (RFC 9110, section 10.2.3) in milliseconds: seconds, or a date. Undefined where it is missing or broken. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function errorFor(response: Response, what: string): ConnectorError {
  const { status } = response;
  const message = `${what} answered ${status}`;
  const wait = retryAfterMs(response.headers.get("retry-after"));
  const options = { status, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
  if (status === 401 || status === 403) return new ConnectorError("auth", message, options);
  if (status === 429) return new ConnectorError("rate_limited", message, options);
  if (status === 408 || status >= 500) return new ConnectorError("transient", message, options);
  return new ConnectorError("permanent", message, options);
}

/**
 * What kept a request from being answered. Errors of a request that cannot be made (a bad address, a header that is not
 * valid) may quote what was given, secrets included: nothing of them is passed on.
 */
function errorBefore(error: unknown, what: string, timeoutMs: number): unknown {
  // It will be as large the next time.
  if (error instanceof BodyTooLarge) return new ConnectorError("permanent", `${what}: ${error.message}`);
  if (!(error instanceof HttpFailure)) return error;
  const { kind, code } = error;
  if (kind === "invalid") {
    return new ConnectorError(
      "config",
      `${what} could not be made: its address or one of its headers is not valid`,
    );
  }
  if (kind === "timeout") return new ConnectorError("transient", `${what} took longer than ${timeoutMs} ms`);
  const reason = code ?? (kind === "garbage" ? "no valid answer" : "the connection broke");
  return new ConnectorError("transient", `${what} could not be reached (${reason})`);
}

/**
 * @param limits of the connector: one gate holds for all requests of the instance on this node
 * @param quota of its account, where that has limits which all nodes keep together
 */
export function createConnectorFetch(limits: ConnectorSpec["limits"], quota?: QuotaKeeper): ConnectorFetch {
  const gate = createGate(limits);

  const once: ConnectorFetch = async (url, init = {}) => {
    const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes, attempts: _, ...rest } = init;
    const method = rest.method ?? "GET";
    const what = `${method} ${shownUrl(url)}`;
    let response: Response;
    try {
      // Redirects come back: they could carry credentials and customers' words to an address that nobody configured.
      response = await http(url, { ...rest, timeoutMs, maxBytes, dropErrorBodies: true });
    } catch (error) {
      throw errorBefore(error, what, timeoutMs);
    }
    const error = response.status < 400 ? undefined : errorFor(response, what);
    await quota?.heed({ method, url }, response.headers, error);
    if (error) throw error;
    return response;
  };

  return async (url, init = {}) => {
    const attempts = init.attempts ?? defaultAttempts;
    for (let attempt = 1; ; attempt++) {
      try {
        await quota?.enter({ method: init.method ?? "GET", url }, init.signal ?? undefined);
        return await gate(() => once(url, init), init.signal ?? undefined);
      } catch (error) {
        if (!isConnectorError(error) || attempt >= attempts) throw error;
        if (error.kind !== "transient" && error.kind !== "rate_limited") throw error;
        const wait = Math.max(error.retryAfterMs ?? 0, backoff(attempt, retryBackoff));
        if (wait > longestWaitMs) throw error;
        await sleep(wait, init.signal);
      }
    }
  };
}
