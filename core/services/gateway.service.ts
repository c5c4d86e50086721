/** The gateway: the HTTP API, the connectors' own addresses, health, metrics and the demo page. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServiceSchema } from "moleculer";
import ApiService from "moleculer-web";
import type { AnyConnector } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { createCors } from "./gateway/cors.ts";
import { serveDemo } from "./gateway/demo.ts";
import { allEndpoints, apiPlugin } from "./gateway/endpoints.ts";
import { createFastPath } from "./gateway/fast-path.ts";
import { createHandlers, type Handlers, type RequestHandler } from "./gateway/handler.ts";
import { openApiDocument } from "./gateway/openapi.ts";
import { Problem } from "./gateway/problem.ts";
import { type HttpServer, listen } from "./gateway/server.ts";
import type { Services } from "./gateway/services.ts";

export interface GatewayParts {
  services: Services;
  /** The built-in connectors, whose schemas describe what they take. */
  builtIn: Readonly<Record<string, AnyConnector>>;
  /** Deskwire's version, for the OpenAPI document. */
  version: string;
  /** Told the port once it listens. */
  onListening(address: AddressInfo): void;
}

/** What is served, by method and path in moleculer-web's own words: /v1/tickets/{id} is /v1/tickets/:id */
function aliases({ services, builtIn, version }: GatewayParts, handlers: Handlers) {
  const endpoints = allEndpoints(builtIn[apiPlugin]);
  const document = JSON.stringify(openApiDocument(endpoints, version));
  const demo = handlers.page(serveDemo(services));
  const openapi = async () => ({ contentType: "application/json", headers: {}, body: document });
  const table: Record<string, RequestHandler> = {};
  // Whoever may GET may ask for the headers alone; Node leaves the body out.
  const get = (path: string, handler: RequestHandler) => {
    table[`GET ${path}`] = handler;
    table[`HEAD ${path}`] = handler;
  };
  get("/openapi.json", handlers.page(openapi));
  for (const path of ["/", "/demo.css", "/demo.js", "/demo-:module.js"]) get(path, demo);
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/\{(\w+)\}/g, ":$1");
    if (endpoint.method === "GET") get(path, handlers.endpoint(endpoint));
    else table[`${endpoint.method} ${path}`] = handlers.endpoint(endpoint);
  }
  for (const path of ["/connect/:company/:instance", "/connect/:company/:instance/*path"]) {
    get(path, handlers.connector);
    table[`POST ${path}`] = handlers.connector;
  }
  return table;
}

/** The methods that an address takes, so that a wrong one is answered with 405. */
function createAllowedMethods(table: Record<string, unknown>): (path: string) => string[] {
  const patterns = Object.keys(table).map((alias) => {
    const [method = "", pattern = ""] = alias.split(" ");
    const expression = pattern.replaceAll(".", "\\.").replace(/\*\w+/g, ".+").replace(/:\w+/g, "[^/]+");
    return { method, expression: new RegExp(`^${expression}/?$`) };
  });
  return (path) => patterns.filter(({ expression }) => expression.test(path)).map(({ method }) => method);
}

function pathOf(request: IncomingMessage & { originalUrl?: string }): string {
  return (request.originalUrl ?? request.url ?? "/").split("?")[0] ?? "/";
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What moleculer-web calls for a request that no alias took, or that it refuses itself. */
function createOnError(
  handlers: Handlers,
  allowedMethods: (path: string) => string[],
): (request: IncomingMessage, response: ServerResponse, error: unknown) => Promise<void> {
  return (request, response, error) => {
    const missing = (error as { type?: unknown }).type === "NOT_FOUND";
    const allowed = missing ? allowedMethods(pathOf(request)) : [];
    if (allowed.length === 0) return handlers.problem(request, response, error);
    const detail = `this address takes ${allowed.join(", ")}`;
    const headers = { allow: [...allowed, "OPTIONS"].join(", ") };
    return handlers.problem(request, response, new Problem(405, { detail, headers }));
  };
}

/** Answers OPTIONS by itself: moleculer-web would call the handler of the method that a preflight asks about. */
function createAnswer(
  services: Services,
  handlers: Handlers,
  allowedMethods: (path: string) => string[],
  route: Answer,
): Answer {
  const cors = createCors(services);
  return async (request, response) => {
    const path = pathOf(request);
    try {
      if (cors(request, response, path)) return;
      if (request.method !== "OPTIONS") return await route(request, response);
      const allowed = allowedMethods(path);
      if (allowed.length === 0) throw new Problem(404, { detail: "there is nothing at this address" });
      response.writeHead(204, { allow: [...allowed, "OPTIONS"].join(", ") }).end();
    } catch (error) {
      await handlers.problem(request, response, error);
    }
  };
}

export function gatewayService(parts: GatewayParts): ServiceSchema {
  const { services, onListening } = parts;
  const { http } = services.config;
  const handlers = createHandlers(services);
  const table = aliases(parts, handlers);
  const allowedMethods = createAllowedMethods(table);
  const log = services.logFor("gateway");
  let server: HttpServer | undefined;

  const schema = {
    name: "gateway",
    mixins: [ApiService],
    settings: {
      // The server is our own: moleculer-web's would end the process where the port is taken.
      server: false,
      path: "",
      logRequest: null,
      logResponse: null,
      logRouteRegistration: null,
      log4XXResponses: false,
      onError: createOnError(handlers, allowedMethods),
      routes: [
        {
          path: "/",
          mappingPolicy: "restrict",
          mergeParams: false,
          bodyParsers: false,
          pathToRegexpOptions: { sensitive: true },
          aliases: table,
        },
      ],
    },
    async started() {
      const { httpHandler } = this as unknown as { httpHandler: Answer };
      const fast = createFastPath({
        messages: table["POST /v1/messages"] as RequestHandler,
        connector: handlers.connector,
      });
      const route: Answer = (request, response) => fast(request, response) ?? httpHandler(request, response);
      const answer = createAnswer(services, handlers, allowedMethods, route);
      const listener = (request: IncomingMessage, response: ServerResponse) => {
        answer(request, response).catch((error: unknown) => {
          log.error("a request could not be answered", { error: describeError(error) });
          response.destroy();
        });
      };
      server = await listen(listener, http);
      onListening(server.address);
    },
    async drain() {
      await server?.close();
    },
  };
  // moleculer-web's settings are wider than what the broker's types allow for settings.
  return schema as unknown as ServiceSchema;
}
