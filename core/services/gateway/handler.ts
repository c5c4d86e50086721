/** From a request to its answer: authentication, limits, parsing by the endpoint's schemas, and problems. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describeError } from "../../../plugins/contract/errors.ts";
import { handleRequest } from "../../hosting/push.ts";
import { newId } from "../../lib/ids.ts";
import { createLimiter, type Limiter } from "../../lib/limiter.ts";
import { parseJson, readBody } from "./body.ts";
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

/** Wrong keys per address: enough for a slip, too few to guess. */
const wrongKeys = { perSecond: 1, burst: 20 };
/** The share of the rate limit that one address has at one connector. */
const connectorShare = 1 / 20;

function take(limiter: Limiter, key: string): void {
  const waitMs = limiter.take(key);
  if (waitMs === 0) return;
  const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
  throw new Problem(429, { detail: `try again in ${seconds} s`, headers: { "retry-after": seconds } });
}

function createAuthentication({ directory, config }: Services) {
  const wrong = createLimiter(wrongKeys);
  return (request: IncomingMessage) => {
    const [, key] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    const found = key === undefined ? null : directory.byKey(key);
    if (found) return found;
    take(wrong, addressOf(request, config));
    const detail =
      key === undefined
        ? 'send the company\'s API key as "Authorization: Bearer <key>"'
        : "this is not an API key of any company";
    throw new Problem(401, { detail, headers: { "www-authenticate": 'Bearer realm="deskwire"' } });
  };
}

function send(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    response.writeHead(status, headers).end(body);
    return;
  }
  response
    .writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers })
    .end(JSON.stringify(body));
}

/** Answers with a problem; what is our own fault is logged under the id that the client sees. */
function createProblemSender({ logFor }: Services) {
  const log = logFor("gateway");
  return (request: IncomingMessage, response: ServerResponse, error: unknown): number => {
    const problem = toProblem(error);
    const requestId = newId();
    if (problem.status >= 500) {
      const cause = problem.cause ?? error;
      const fields = {
        requestId,
        method: request.method,
        path: request.url?.split("?")[0],
        error: describeError(cause),
      };
      log.error(`answered ${problem.status}`, problem.status === 500 ? { ...fields, cause } : fields);
    }
    if (response.headersSent) {
      response.destroy();
      return problem.status;
    }
    response
      .writeHead(problem.status, { "content-type": "application/problem+json", ...problem.headers })
      .end(JSON.stringify(problem.toJSON(problem.status >= 500 ? requestId : undefined)));
    return problem.status;
  };
}

export interface Handlers {
  endpoint(endpoint: Endpoint): RequestHandler;
  /** Everything under /connect/{company}/{instance}. */
  connector: RequestHandler;
  problem(request: IncomingMessage, response: ServerResponse, error: unknown): void;
}

export function createHandlers(services: Services): Handlers {
  const { config, metrics } = services;
  const authenticate = createAuthentication(services);
  const sendProblem = createProblemSender(services);
  const { perSecond, burst } = config.http.rateLimit;
  const perKey = createLimiter({ perSecond, burst });
  const perAddress = createLimiter({
    perSecond: perSecond * connectorShare,
    burst: Math.ceil(burst * connectorShare),
  });

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
        status = sendProblem(request, response, error);
      }
      metrics.count("deskwire.http.requests", { route, status: String(status) });
      metrics.time("deskwire.http.time", performance.now() - started, { route });
    };

  return {
    endpoint(endpoint) {
      const { method, path, auth, params, query, body } = endpoint;
      const rawBody = path === "/v1/messages";
      return guarded(`${method} ${path}`, async (request) => {
        // A body is read before anything is refused, so that the client gets to read the answer.
        const bytes = method === "POST" ? await readBody(request, config.http.maxBodyBytes) : Buffer.alloc(0);
        const who = auth === "key" ? authenticate(request) : null;
        if (who) take(perKey, `${who.company.id}/${who.keyName}`);
        const parsed = {
          params: params ? parse(params, request.$params.params ?? {}) : undefined,
          query: query ? parse(query, request.query) : {},
          // The connector parses its own bodies, over the raw bytes.
          body: rawBody ? bytes : body ? parse(body, parseJson(request, bytes)) : undefined,
        };
        const company = who?.company as NonNullable<typeof who>["company"];
        return endpoint.handle({ company, keyName: who?.keyName ?? "", raw: request, services, ...parsed });
      });
    },
    connector: guarded("/connect", async (request) => {
      const bytes = await readBody(request, config.http.maxBodyBytes);
      const { company = "", instance = "", path = [] } = request.$params.params ?? {};
      const [companyId, instanceId] = [String(company), String(instance)];
      if (!services.directory.get(companyId)?.connectors.has(instanceId)) {
        throw new Problem(404, { detail: "there is no such connector" });
      }
      take(perAddress, `${companyId}/${instanceId}/${addressOf(request, config)}`);
      const rest = `/${(Array.isArray(path) ? path : [path]).join("/")}`;
      const result = await handleRequest(
        services,
        companyId,
        instanceId,
        rawRequest(request, rest, bytes, config),
      );
      if ("reply" in result) return result.reply;
      if ("notFound" in result)
        throw new Problem(404, { detail: "the connector has nothing at this address" });
      return { status: 202, body: result };
    }),
    problem: (request, response, error) => void sendProblem(request, response, error),
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
