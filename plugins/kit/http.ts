/** `ctx.fetch` as the core has it, with a layer in which the kit causes faults. Waits between attempts are left out. */
import type { ConnectorFetch } from "../contract/connector.ts";
import { ConnectorError, isConnectorError } from "../contract/errors.ts";
import type { FaultKind } from "./world.ts";

/** What the layer does to requests. `hang`: no answer, ever; only the request's own signal ends it. */
export type HttpFault = FaultKind | "hang";

export interface KitHttp {
  readonly fetch: ConnectorFetch;
  /** Requests so far, each attempt counted. */
  readonly calls: number;
  fault: HttpFault | null;
}

/** What the other side asks to wait for with its 429, in seconds: longer than `ctx.fetch` waits by itself. */
export const retryAfterSeconds = 120;

function shownUrl(url: string): string {
  if (!URL.canParse(url)) return "an invalid URL";
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function errorFor(response: Response, what: string): ConnectorError {
  const { status } = response;
  const header = response.headers.get("retry-after")?.trim() ?? "";
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  const options = { status, ...(!Number.isNaN(waitMs) && { retryAfterMs: Math.max(0, waitMs) }) };
  const message = `${what} answered ${status}`;
  if (status === 401 || status === 403) return new ConnectorError("auth", message, options);
  if (status === 429) return new ConnectorError("rate_limited", message, options);
  if (status === 408 || status >= 500) return new ConnectorError("transient", message, options);
  return new ConnectorError("permanent", message, options);
}

function errorBefore(error: unknown, what: string): ConnectorError {
  const cause = error instanceof TypeError ? error.cause : undefined;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (!(cause instanceof Error) || code === "ERR_INVALID_URL") {
    const message = `${what} could not be made: its address or one of its headers is not valid`;
    return new ConnectorError("config", message);
  }
  return new ConnectorError("transient", `${what} could not be reached (${code ?? cause.name})`);
}

const lost = (what: string) => new ConnectorError("transient", `${what} could not be reached (ECONNRESET)`);

/** The same answer, broken off in the middle. */
async function cutShort(response: Response): Promise<Response> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  let half = bytes.slice(0, Math.floor(bytes.length / 2));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (half.length === 0) return controller.error(new TypeError("terminated"));
      controller.enqueue(half);
      half = new Uint8Array();
    },
  });
  return new Response(body, response);
}

function limited(response: Response, maxBytes: number): Response {
  if (response.body === null) return response;
  let size = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.length;
        const tooLarge = `the answer is larger than ${maxBytes} bytes`;
        if (size > maxBytes) controller.error(new ConnectorError("permanent", tooLarge));
        else controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted, response);
}

/** Resolves never; rejects when the signal aborts. */
function hang(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

type Init = NonNullable<Parameters<ConnectorFetch>[1]>;

async function exchange(url: string, init: Init, what: string): Promise<Response> {
  const { timeoutMs = 15_000, maxBytes: _, attempts: __, ...rest } = init;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = rest.signal ? AbortSignal.any([rest.signal, timeout]) : timeout;
  try {
    const headers = new Headers(rest.headers);
    // Connections that are kept would look as if the connector had left them open.
    headers.set("connection", "close");
    return await fetch(url, { redirect: "manual", ...rest, headers, signal });
  } catch (error) {
    if (rest.signal?.aborted) throw rest.signal.reason;
    if (timeout.aborted) throw new ConnectorError("transient", `${what} took longer than ${timeoutMs} ms`);
    throw errorBefore(error, what);
  }
}

const answers: Partial<Record<HttpFault, () => Response>> = {
  "refused-credentials": () => new Response("no", { status: 401 }),
  "rate-limited": () =>
    new Response("slow down", { status: 429, headers: { "retry-after": String(retryAfterSeconds) } }),
  "server-error": () => new Response("oops", { status: 500 }),
};

export function createKitHttp(): KitHttp {
  const once = async (url: string, init: Init): Promise<Response> => {
    http.calls++;
    const { fault } = http;
    const method = init.method ?? "GET";
    const what = `${method} ${shownUrl(url)}`;
    if (init.signal?.aborted) throw init.signal.reason;
    if (fault === "hang") return hang(init.signal);
    if (fault === "silent") {
      throw new ConnectorError("transient", `${what} took longer than ${init.timeoutMs ?? 15_000} ms`);
    }
    const writes = method !== "GET" && method !== "HEAD";
    const response = (fault && answers[fault]?.()) ?? (await exchange(url, init, what));
    if (response.status >= 400) {
      response.body?.cancel().catch(() => undefined);
      throw errorFor(response, what);
    }
    if (fault === "lost-answer" && writes) {
      await response.body?.cancel();
      throw lost(what);
    }
    if (fault === "cut") {
      if (response.body === null) throw lost(what);
      return cutShort(response);
    }
    return limited(response, init.maxBytes ?? 10_000_000);
  };
  const http: { fault: HttpFault | null; calls: number; fetch: ConnectorFetch } = {
    fault: null,
    calls: 0,
    async fetch(url, init = {}) {
      const attempts = init.attempts ?? 3;
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(url, init);
        } catch (error) {
          if (!isConnectorError(error) || attempt >= attempts) throw error;
          if (error.kind !== "transient" && error.kind !== "rate_limited") throw error;
          if ((error.retryAfterMs ?? 0) > 10_000) throw error;
        }
      }
    },
  };
  return http;
}
