/** A thin client for a JSON API: credentials for one origin alone, answers checked, tokens renewed where they are refused. */
import { z } from "zod";
import type { ConnectorFetch, FetchOptions } from "../contract/connector.ts";
import { ConnectorError, isConnectorError } from "../contract/errors.ts";

/**
 * The value of the `Authorization` header.
 * @param refused the value that the other side refused just now: a connector with tokens asks for a new one
 */
export type Authorization = (refused?: string) => Promise<string>;

export interface ApiRequest extends Pick<FetchOptions, "attempts" | "timeoutMs" | "maxBytes"> {
  signal?: AbortSignal | undefined;
  /** Appended to the address; what is undefined is left out. */
  query?: Record<string, string | number | boolean | undefined>;
}

export interface ApiBody extends ApiRequest {
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, with this media type. */
  bytes?: { content: Uint8Array<ArrayBuffer>; mediaType: string };
}

export interface ApiAnswer<T> {
  readonly data: T;
  readonly headers: Headers;
}

export interface Api {
  /**
   * Reads. An answer that is not as the schema has it is an error of kind `transient`: a proxy's page looks like that too.
   * @param path from the base on, or the whole address where it lies under the same origin (a link to the next page)
   */
  get<T extends z.ZodType>(path: string, schema: T, request?: ApiRequest): Promise<z.output<T>>;
  /** As `get`, with the headers of the answer. */
  read<T extends z.ZodType>(path: string, schema: T, request?: ApiRequest): Promise<ApiAnswer<z.output<T>>>;
  /** Writes, once: whether an answer that got lost is asked for again is for the caller to say, by `attempts`. */
  send<T extends z.ZodType>(
    method: "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    schema: T,
    request?: ApiBody,
  ): Promise<z.output<T>>;
  /**
   * Loads a file, which may lie elsewhere: credentials go to the API's own origin alone, also after a redirect.
   * @param maxBytes a larger file is an error of kind `permanent`
   */
  download(url: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array>;
}

const mostRedirects = 5;

/** @throws ConnectorError of kind `permanent` for what is no address: links come from others */
function resolve(address: string, from: string | URL): URL {
  const url = URL.parse(address, from);
  if (!url) throw new ConnectorError("permanent", "a link leads to no address: it was not asked");
  // A name within the address would go along as credentials.
  url.username = "";
  url.password = "";
  return url;
}

function addressOf(base: string, path: string, query: ApiRequest["query"] = {}): URL {
  const url = resolve(path, `${base.replace(/\/$/, "")}/`);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

const internalNames = /^(?:[^.]*|.*\.(?:localhost|local|internal))$/;
const internalNumbers =
  /^(?:127|10|0|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./;

/** Addresses that only a machine beside the hub answers at: no public service has its files there. */
function isInternal({ hostname }: URL): boolean {
  const host = hostname.replace(/\.$/, "");
  return host.startsWith("[") || internalNames.test(host) || internalNumbers.test(host);
}

/**
 * What kept a file from being had. Whoever knows its address may load it, so that is told nowhere; and a host that was shown
 * no credentials says nothing of them when it refuses.
 */
function fileError(error: unknown, { origin }: URL, isOwn: boolean, maxBytes: number): unknown {
  if (!isConnectorError(error)) return error;
  const { status } = error;
  // What another host asks for is no limit of the account's.
  const isTheirs = error.kind === "rate_limited" && !isOwn;
  const kind = isTheirs ? "transient" : error.kind;
  const retryAfterMs = isTheirs ? undefined : error.retryAfterMs;
  const options = {
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  if (status !== undefined) {
    const known = kind === "auth" && !isOwn ? "permanent" : kind;
    return new ConnectorError(
      known,
      `a file at ${origin} could not be loaded: its host answered ${status}`,
      options,
    );
  }
  const why = kind === "permanent" ? `it has more than ${maxBytes} bytes` : "its host did not answer";
  return new ConnectorError(kind, `a file at ${origin} could not be loaded: ${why}`, options);
}

async function readJson<T extends z.ZodType>(response: Response, schema: T, what: string) {
  const text = await response.text();
  let json: unknown;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch {
    // Why not, it would tell with a piece of what somebody wrote.
    throw new ConnectorError("transient", `${what} answered with something that is not JSON`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data as z.output<T>;
  const reason = z.prettifyError(parsed.error).slice(0, 500);
  throw new ConnectorError("transient", `${what} answered otherwise than it is documented: ${reason}`);
}

/**
 * The answer, or null where there is no such thing (any more), or it is not for these credentials to see: 403, 404 or 410.
 * For single things alone: where a list is refused, the credentials are wrong.
 */
export async function orGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isConnectorError(error) && [403, 404, 410].includes(error.status ?? 0)) return null;
    throw error;
  }
}

/** The same fetch with credentials: new ones are asked for, and the request made once more, where they are refused. */
function withAuthorization(fetch: ConnectorFetch, authorization: Authorization): ConnectorFetch {
  return async (url, init) => {
    const attempt = (value: string) =>
      fetch(url, {
        ...init,
        headers: { ...(init?.headers as Record<string, string>), authorization: value },
      });
    const value = await authorization();
    try {
      return await attempt(value);
    } catch (error) {
      if (!isConnectorError(error) || error.status !== 401) throw error;
      const fresh = await authorization(value);
      if (fresh === value) throw error;
      return attempt(fresh);
    }
  };
}

/**
 * @param base the API's address; paths are taken from it on
 * @param authorization asked before each request, and once more where the other side answers 401
 */
export function createApi(fetch: ConnectorFetch, base: string, authorization: Authorization): Api {
  const { origin, protocol } = new URL(base);
  const authorised = withAuthorization(fetch, authorization);

  const call = async <T extends z.ZodType>(method: string, path: string, schema: T, request: ApiBody) => {
    const { signal, query, json, bytes, ...options } = request;
    const url = addressOf(base, path, query);
    const what = `${method} ${url.origin}${url.pathname}`;
    if (url.origin !== origin)
      throw new ConnectorError("permanent", `${what} lies outside of ${origin}: it was not asked`);
    const type = bytes?.mediaType ?? (json === undefined ? undefined : "application/json");
    const response = await authorised(url.href, {
      ...options,
      method,
      ...(signal && { signal }),
      headers: { accept: "application/json", ...(type !== undefined && { "content-type": type }) },
      ...(bytes ? { body: bytes.content } : json !== undefined && { body: JSON.stringify(json) }),
    });
    if (response.status >= 300) {
      const { status } = response;
      throw new ConnectorError("permanent", `${what} answered with a redirect (${status})`, { status });
    }
    return { data: await readJson(response, schema, what), headers: response.headers };
  };

  const step = async (url: URL, maxBytes: number, signal: AbortSignal | undefined) => {
    const init = { maxBytes, ...(signal && { signal }) };
    const isOwn = url.origin === origin;
    try {
      const response = await (isOwn ? authorised(url.href, init) : fetch(url.href, init));
      const { status, headers } = response;
      return { status, headers, content: new Uint8Array(await response.arrayBuffer()) };
    } catch (error) {
      throw fileError(error, url, isOwn, maxBytes);
    }
  };

  return {
    get: async (path, schema, request = {}) => (await call("GET", path, schema, request)).data,
    read: (path, schema, request = {}) => call("GET", path, schema, request),
    send: async (method, path, schema, request = {}) =>
      (await call(method, path, schema, { ...request, attempts: request.attempts ?? 1 })).data,
    async download(given, maxBytes, signal) {
      let url = addressOf(base, given);
      for (let redirects = 0; redirects <= mostRedirects; redirects++) {
        const isOpen = url.protocol === "https:" || (url.protocol === "http:" && protocol === "http:");
        if (!isOpen || (isInternal(url) && !isInternal(new URL(base))))
          throw new ConnectorError("permanent", `a file lies at ${url.origin}: it was not loaded from there`);
        const { status, headers, content } = await step(url, maxBytes, signal);
        const location = headers.get("location");
        if (status < 300 || location === null) return content;
        url = resolve(location, url);
      }
      throw new ConnectorError("permanent", `a file lies behind more than ${mostRedirects} redirects`);
    },
  };
}
