/** The gateway: the HTTP API, the connectors' own addresses, health, metrics and the demo page. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServiceSchema } from "moleculer";
import ApiService from "moleculer-web";
import type { AnyConnector } from "../../plugins/contract/connector.ts";
import { demoAssets } from "./demo-page/assets.ts";
import { allEndpoints, apiPlugin } from "./gateway/endpoints.ts";
import {
  createHandlers,
  type GatewayRequest,
  type Handlers,
  type RequestHandler,
} from "./gateway/handler.ts";
import { openApiDocument } from "./gateway/openapi.ts";
import { Problem } from "./gateway/problem.ts";
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

/** In moleculer-web's own words: /v1/tickets/{id} is /v1/tickets/:id */
function aliasOf(method: string, path: string): string {
  return `${method} ${path.replace(/\{(\w+)\}/g, ":$1")}`;
}

function serveDemo(services: Services): RequestHandler {
  return async (request, response) => {
    const company = services.directory.all().find(({ demo }) => demo);
    const widget = company && [...company.connectors.values()].find(({ spec }) => spec.name === "widget");
    const path = request.originalUrl.split("?")[0] ?? "/";
    const asset =
      company && widget
        ? demoAssets({
            companyId: company.id,
            companyName: company.name,
            widgetInstance: widget.instance,
          }).get(path)
        : undefined;
    if (!asset) throw new Problem(404, { detail: "there is nothing at this address" });
    response.writeHead(200, { "content-type": asset.contentType, ...asset.headers }).end(asset.body);
  };
}

function aliases(
  { services, builtIn, version }: GatewayParts,
  handlers: Handlers,
): Record<string, RequestHandler> {
  const endpoints = allEndpoints(builtIn[apiPlugin]);
  const document = JSON.stringify(openApiDocument(endpoints, version));
  const demo = serveDemo(services);
  const page =
    (handler: RequestHandler): RequestHandler =>
    (request, response) =>
      handler(request, response).catch((error: unknown) => handlers.problem(request, response, error));
  const table: Record<string, RequestHandler> = {
    "GET /openapi.json": async (_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(document);
    },
    "GET /": page(demo),
    "GET /demo.js": page(demo),
    "GET /demo.css": page(demo),
  };
  for (const endpoint of endpoints)
    table[aliasOf(endpoint.method, endpoint.path)] = handlers.endpoint(endpoint);
  for (const method of ["GET", "POST"])
    table[`${method} /connect/:company/:instance/*path`] = handlers.connector;
  return table;
}

/** Methods that the same path would take, so that a wrong one is answered with 405. */
function allowedMethods(table: Record<string, unknown>, path: string): string[] {
  return Object.keys(table).flatMap((alias) => {
    const [method = "", pattern = ""] = alias.split(" ");
    const expression = pattern.replace(/\*\w+/g, ".+").replace(/:\w+/g, "[^/]+");
    return new RegExp(`^${expression}/?$`).test(path) ? [method] : [];
  });
}

export function gatewayService(parts: GatewayParts): ServiceSchema {
  const { services, onListening } = parts;
  const { http } = services.config;
  const handlers = createHandlers(services);
  const table = aliases(parts, handlers);

  const onError = (
    request: IncomingMessage & Partial<GatewayRequest>,
    response: ServerResponse,
    error: unknown,
  ) => {
    const path = (request.originalUrl ?? request.url ?? "/").split("?")[0] ?? "/";
    const missing = (error as { type?: unknown }).type === "NOT_FOUND";
    const allowed = missing ? allowedMethods(table, path) : [];
    if (allowed.length === 0) return handlers.problem(request, response, error);
    const headers = { allow: allowed.join(", ") };
    const detail = `this address takes ${allowed.join(" and ")}`;
    return handlers.problem(request, response, new Problem(405, { detail, headers }));
  };

  const schema = {
    name: "gateway",
    mixins: [ApiService],
    settings: {
      ip: http.host,
      port: http.port,
      path: "",
      logRequest: null,
      logResponse: null,
      logRouteRegistration: null,
      log4XXResponses: false,
      // A slow sender must not hold a connection for ever; a whole body of the largest size comes through in this time.
      requestTimeout: 60_000,
      onError,
      routes: [
        {
          path: "/",
          mappingPolicy: "restrict",
          mergeParams: false,
          bodyParsers: false,
          aliases: table,
          ...(http.corsOrigins.length > 0 && {
            cors: {
              origin: http.corsOrigins,
              methods: ["GET", "POST"],
              allowedHeaders: ["Authorization", "Content-Type", "Idempotency-Key"],
              maxAge: 600,
            },
          }),
        },
      ],
    },
    async started() {
      const { server } = this as unknown as { server: import("node:http").Server };
      if (!server.listening)
        await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
      onListening(server.address() as AddressInfo);
    },
  };
  // moleculer-web's settings are wider than what the broker's types allow for settings.
  return schema as unknown as ServiceSchema;
}
