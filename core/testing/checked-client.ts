/** Requests whose answers are compared with what the hub's own OpenAPI document says of them. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they expect it to be
  body: any;
}

export interface RequestOptions {
  key?: string;
  /** Sent as it is where it is text or bytes, else as JSON. */
  body?: unknown;
  method?: string;
  headers?: Record<string, string>;
}

export type Client = (path: string, options?: RequestOptions) => Promise<Answer>;

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}

async function send(
  url: string,
  path: string,
  { key, body, method, headers }: RequestOptions,
): Promise<Answer> {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(url + path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: raw ? (body as string) : JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const type = response.headers.get("content-type") ?? "";
  const isJson = /json/.test(type) && bytes.length > 0;
  const answer = isJson ? JSON.parse(bytes.toString()) : /^text\//.test(type) ? bytes.toString() : bytes;
  return { status: response.status, headers: response.headers, body: answer };
}

/** The document's path that an address belongs to. */
export function documentedPath(document: OpenApi, path: string): string | undefined {
  const address = path.replace(/\?.*$/, "").replace(/(.)\/$/, "$1");
  return Object.keys(document.paths).find((pattern) =>
    new RegExp(`^${pattern.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`).test(address),
  );
}

const pointer = (...parts: string[]) =>
  parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** @returns a client that throws where an answer is not as documented, be it a success or a problem */
export async function checkedClient(url: string): Promise<Client & { document: OpenApi }> {
  const document = (await send(url, "/openapi.json", {})).body as OpenApi;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, "api");
  const validators = new Map<string, ValidateFunction>();
  const check = (at: string, value: unknown, what: string) => {
    const validate = validators.get(at) ?? ajv.compile({ $ref: `api#${encodeURI(at)}` });
    validators.set(at, validate);
    if (!validate(value))
      throw new Error(
        `${what} is not as documented: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`,
      );
  };
  const client: Client = async (path, options = {}) => {
    const answer = await send(url, path, options);
    const method = (options.method ?? (options.body === undefined ? "GET" : "POST")).toLowerCase();
    const what = `${method.toUpperCase()} ${path.slice(0, 100)} → ${answer.status}`;
    if (method === "head" || method === "options") return answer;
    const type = (answer.headers.get("content-type") ?? "").split(";")[0] as string;
    const pattern = documentedPath(document, path);
    const operation = pattern === undefined ? undefined : document.paths[pattern]?.[method];
    if (pattern === undefined || operation === undefined) {
      if (answer.status >= 400 && !path.startsWith("/connect/"))
        check("/components/schemas/Problem", answer.body, what);
      return answer;
    }
    const content = operation.responses[String(answer.status)]?.content?.[type];
    if (!content) throw new Error(`${what} as ${type} is not documented: ${JSON.stringify(answer.body)}`);
    const at = pointer(
      "paths",
      pattern,
      method,
      "responses",
      String(answer.status),
      "content",
      type,
      "schema",
    );
    if (type !== "application/octet-stream") check(at, answer.body, what);
    if (type === "application/problem+json" && answer.body.status !== answer.status)
      throw new Error(`${what}: the problem says ${answer.body.status}`);
    return answer;
  };
  return Object.assign(client, { document });
}
