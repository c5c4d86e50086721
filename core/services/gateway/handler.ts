/** From a request to its answer: authentication, limits, parsing by the endpoint's schemas, and problems. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describeError } from "../../../plugins/contract/errors.ts";
import { handleRequest } from "../../hosting/push.ts";
import { newId } from "../../lib/ids.ts";
import { createLimiter } from "../../lib/limiter.ts";
import { createAuthentication, take } from "./authentication.ts";
import { announcedSize, discardBody, endSoon, parseJson, readBody } from "./body.ts";
import { createBodyBudget } from "./body-budget.ts";
import type { Endpoint, Reply } from "./endpoint.ts";
import { fromZod, Problem, toProblem } from "./problem.ts";
import { addressOf, rawRequest } from "./raw-request.ts";
import type { Services } from "./services.ts";

/** A request as moleculer-web hands it to an alias. */
export interface GatewayRequest extends IncomingMessage {
  originalUrl: string;
  query: Record<string, unknown>;
  $params: { params?: Record<string, string | string[]> };
}

export type RequestHandler = (request: GatewayRequest, response: ServerResponse) => Promise<void>;

/** The share of the rate limit that one address has at one connector. */
const connectorShare = 1 / 20;

/** Customers' words are kept by no cache, and shown as nothing but what they are. */
const jsonHeaders = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

function send(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const content = isRaw ? body : JSON.stringify(body);
  const length = typeof content === "string" ? Buffer.byteLength(content) : content.length;
  response
    .writeHead(status, { ...(!isRaw && jsonHeaders), ...headers, "content-length": length })
    .end(content);
}

/** The id that moleculer-web has put on the answer (the client's own, where it sent one), or a new one. */
function requestIdOf(response: ServerResponse): string {
  const given = response.getHeader("x-request-id");
  return typeof given === "string" && /^[\w.:-]{1,128}$/.test(given) ? given : newId();
}

/** How many 503s a second are logged one by one: while the database is away, each request would be. */
const loggedUnavailable = { perSecond: 1, burst: 20 };

/** Answers with a problem; what is our own fault is logged under the id that the client sees. */
function createProblemSender({ logFor }: Services) {
  const log = logFor("gateway");
  const unavailable = createLimiter(loggedUnavailable);
  const mayLog = (status: number) => status !== 503 || unavailable.take("503") === 0;
  return async (request: IncomingMessage, response: ServerResponse, error: unknown): Promise<number> => {
    const problem = toProblem(error);
    const { status } = problem;
    const requestId = requestIdOf(response);
    if (status >= 500 && mayLog(status)) {
      const cause = problem.cause ?? error;
      const path = request.url?.split("?")[0];
      const fields = { requestId, method: request.method, path, error: describeError(cause) };
      log.error(`answered ${status}`, status === 500 ? { ...fields, cause } : fields);
    }
    await discardBody(request);
    if (response.headersSent) {
      response.destroy();
      return status;
    }
    const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
    const body = problem.toJSON(status >= 500 ? requestId : undefined);
    send(response, { status, headers: { ...headers, ...problem.headers }, body });
    endSoon(request);
    return status;
  };
}

/** A page that is the same for all. */
export interface Page {
  contentType: string;
  headers: Record<string, string>;
  body: string | Uint8Array;
}

export interface Handlers {
  page(find: (path: string) => Promise<Page>): RequestHandler;
  endpoint(endpoint: Endpoint): RequestHandler;
  /** Everything under /connect/{company}/{instance}. */
  connector: RequestHandler;
  problem(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void>;
}

export function createHandlers(services: Services): Handlers {
  const { config, metrics } = services;
  const authentication = createAuthentication(services);
  const sendProblem = createProblemSender(services);
  const { perSecond, burst } = config.http.rateLimit;
  const perKey = createLimiter({ perSecond, burst });
  const perAddress = createLimiter({
    perSecond: perSecond * connectorShare,
    burst: Math.ceil(burst * connectorShare),
  });

  const budget = createBodyBudget();

  /** Reads a body and works on it, with its size set aside for as long as that takes. */
  const withBody = async <T>(
    request: IncomingMessage,
    sender: string,
    work: (body: Buffer) => Promise<T>,
  ): Promise<T> => {
    const { maxBodyBytes } = config.http;
    const isSized =
      request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] === undefined;
    const release = budget.take(
      sender,
      Math.min(isSized ? announcedSize(request) : maxBodyBytes, maxBodyBytes),
    );
    try {
      return await work(await readBody(request, maxBodyBytes));
    } finally {
      release();
    }
  };

  const guarded =
    (route: string, answer: (request: GatewayRequest) => Promise<Reply>): RequestHandler =>
    async (request, response) => {
      const started = performance.now();
      let status: number;
      try {
        const reply = await answer(request);
        send(response, reply);
        status = reply.status;
      } catch (error) {
        status = await sendProblem(request, response, error);
      }
      metrics.count("deskwire.http.requests", { route, status: String(status) });
      metrics.time("deskwire.http.time", performance.now() - started, { route });
    };

  return {
    page: (find) =>
      guarded("page", async (request) => {
        const { contentType, headers, body } = await find(request.originalUrl.split("?")[0] ?? "/");
        const { etag } = headers;
        if (etag !== undefined && request.headers["if-none-match"] === etag) return { status: 304, headers };
        return { status: 200, headers: { "content-type": contentType, ...headers }, body };
      }),
    endpoint(endpoint) {
      const { method, path, auth, params, query, body } = endpoint;
      const rawBody = path === "/v1/messages";
      return guarded(`${method} ${path}`, async (request) => {
        if (auth === "operator") authentication.operator(request);
        const who = auth === "key" ? authentication.company(request) : null;
        if (who) take(perKey, `${who.company.id}/${who.keyName}`);
        const given = {
          params: params ? parse(params, request.$params.params ?? {}) : undefined,
          query: query ? parse(query, request.query) : {},
        };
        const company = who?.company as NonNullable<typeof who>["company"];
        const keyName = who?.keyName ?? "";
        const handle = (body: unknown) =>
          endpoint.handle({ company, keyName, raw: request, services, ...given, body });
        if (method !== "POST") return handle(undefined);
        return withBody(request, `key ${company?.id}/${keyName}`, async (bytes) =>
          // The connector parses its own bodies, over the raw bytes.
          handle(rawBody ? bytes : body ? parse(body, parseJson(request, bytes)) : undefined),
        );
      });
    },
    connector: guarded("/connect", async (request) => {
      const { company = "", instance = "", path = [] } = request.$params.params ?? {};
      const [companyId, instanceId] = [String(company), String(instance)];
      if (!services.directory.get(companyId)?.connectors.has(instanceId)) {
        throw new Problem(404, { detail: "there is no such connector" });
      }
      const address = addressOf(request, config);
      take(perAddress, `${companyId}/${instanceId}/${address}`);
      const keyName = authentication.keyOf(request, companyId);
      const rest = `/${(Array.isArray(path) ? path : [path]).join("/")}`;
      const result = await withBody(request, `address ${address}`, (bytes) =>
        handleRequest(
          services,
          companyId,
          instanceId,
          rawRequest(request, rest, bytes, config, {
            company: companyId,
            instance: instanceId,
            apiKey: keyName,
          }),
        ),
      );
      if ("reply" in result) return result.reply;
      if ("notFound" in result)
        throw new Problem(404, { detail: "the connector has nothing at this address" });
      return { status: 202, body: result };
    }),
    async problem(request, response, error) {
      await sendProblem(request, response, error);
    },
  };
}

function parse<T>(
  schema: { safeParse(value: unknown): { success: boolean; data?: T; error?: unknown } },
  value: unknown,
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data as T;
  throw fromZod(result.error as Parameters<typeof fromZod>[0]);
}
