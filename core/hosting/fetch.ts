/** `ctx.fetch`: HTTP for connectors, within the limits of the other side, with time-outs and retries. */
import type { ConnectorFetch, ConnectorSpec } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { sleep } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";
import { createGate } from "../lib/gate.ts";
import { limitBody } from "../lib/limit-body.ts";

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
 * valid) quote what was given, secrets included: nothing of them is passed on.
 */
function errorBefore(error: unknown, what: string): ConnectorError {
  const cause = error instanceof TypeError ? error.cause : undefined;
  if (!(cause instanceof Error) || (cause as NodeJS.ErrnoException).code === "ERR_INVALID_URL") {
    return new ConnectorError(
      "config",
      `${what} could not be made: its address or one of its headers is not valid`,
    );
  }
  const { code } = cause as NodeJS.ErrnoException;
  return new ConnectorError("transient", `${what} could not be reached (${code ?? cause.name})`);
}

/** @param limits of the connector: one gate holds for all requests of the instance on this node */
export function createConnectorFetch(limits: ConnectorSpec["limits"]): ConnectorFetch {
  const gate = createGate(limits);

  const once: ConnectorFetch = async (url, init = {}) => {
    const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes, attempts: _, ...rest } = init;
    const what = `${rest.method ?? "GET"} ${shownUrl(url)}`;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = rest.signal ? AbortSignal.any([rest.signal, timeout]) : timeout;
    let response: Response;
    try {
      // A redirect could carry credentials and customers' words to an address that nobody configured: it comes back.
      response = await fetch(url, { redirect: "manual", ...rest, signal });
    } catch (error) {
      if (rest.signal?.aborted) throw rest.signal.reason;
      if (timeout.aborted) throw new ConnectorError("transient", `${what} took longer than ${timeoutMs} ms`);
      throw errorBefore(error, what);
    }
    if (response.status < 400) return limitBody(response, maxBytes);
    // Nobody reads the body: the connection must not wait for it. That it may break on the way changes nothing.
    response.body?.cancel().catch(() => undefined);
    throw errorFor(response, what);
  };

  return async (url, init = {}) => {
    const attempts = init.attempts ?? defaultAttempts;
    for (let attempt = 1; ; attempt++) {
      try {
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
