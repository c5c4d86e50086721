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

function addressOf(base: string, path: string, query: ApiRequest["query"] = {}): URL {
  const url = new URL(path, `${base.replace(/\/$/, "")}/`);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

/** Addresses that only a machine beside the hub answers at: no public service has its files there. */
function isInternal({ hostname }: URL): boolean {
  return (
    hostname === "localhost" ||
    hostname.startsWith("[") ||
    /^(127|10|0|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\./.test(hostname)
  );
}

async function readJson<T extends z.ZodType>(response: Response, schema: T, what: string) {
  const text = await response.text();
  let json: unknown;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new ConnectorError("transient", `${what} answered with something that is not JSON`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data as z.output<T>;
  const reason = z.prettifyError(parsed.error).slice(0, 500);
  throw new ConnectorError("transient", `${what} answered otherwise than it is documented: ${reason}`);
}

/**
 * @param base the API's address; paths are taken from it on
 * @param authorization asked before each request, and once more where the other side answers 401
 */
export function createApi(fetch: ConnectorFetch, base: string, authorization: Authorization): Api {
  const { origin, protocol } = new URL(base);

  const authorised = async (url: URL, init: Parameters<ConnectorFetch>[1]) => {
    const attempt = (value: string) =>
      fetch(url.href, { ...init, headers: { ...init?.headers, authorization: value } });
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

  const call = async <T extends z.ZodType>(method: string, path: string, schema: T, request: ApiBody) => {
    const { signal, query, json, bytes, ...options } = request;
    const url = addressOf(base, path, query);
    const what = `${method} ${url.origin}${url.pathname}`;
    if (url.origin !== origin)
      throw new ConnectorError("permanent", `${what} lies outside of ${origin}: it was not asked`);
    const type = bytes?.mediaType ?? (json === undefined ? undefined : "application/json");
    const response = await authorised(url, {
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

  const step = (url: URL, maxBytes: number, signal: AbortSignal | undefined) => {
    const init = { maxBytes, ...(signal && { signal }) };
    return url.origin === origin ? authorised(url, init) : fetch(url.href, init);
  };

  return {
    get: async (path, schema, request = {}) => (await call("GET", path, schema, request)).data,
    read: (path, schema, request = {}) => call("GET", path, schema, request),
    send: async (method, path, schema, request = {}) =>
      (await call(method, path, schema, { attempts: 1, ...request })).data,
    async download(given, maxBytes, signal) {
      let url = addressOf(base, given);
      for (let redirects = 0; redirects <= mostRedirects; redirects++) {
        const isOpen = url.protocol === "https:" || (url.protocol === "http:" && protocol === "http:");
        if (!isOpen || (isInternal(url) && !isInternal(new URL(base))))
          throw new ConnectorError("permanent", `a file lies at ${url.origin}: it was not loaded from there`);
        const response = await step(url, maxBytes, signal);
        const location = response.headers.get("location");
        if (response.status < 300 || location === null) return new Uint8Array(await response.arrayBuffer());
        url = new URL(location, url);
      }
      throw new ConnectorError("permanent", `a file lies behind more than ${mostRedirects} redirects`);
    },
  };
}
