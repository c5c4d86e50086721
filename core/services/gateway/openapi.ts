/** The OpenAPI 3.1 document, made from the endpoints that are served. */
import { z } from "zod";
import type { Endpoint, ResponseSpec } from "./endpoint.ts";
import { problemSchema } from "./problem.ts";

type Json = Record<string, unknown>;

/** What a schema looks like from outside: `input` for what is sent to us, `output` for what we send. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    target: "draft-2020-12",
  }) as Json;
  return rest;
}

function parameters({ params, query }: Endpoint): Json[] {
  const of = (schema: z.ZodType | undefined, place: "path" | "query") => {
    if (!schema) return [];
    const { properties = {}, required = [] } = jsonSchema(schema, "input") as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...property }]) => ({
      name,
      in: place,
      required: place === "path" || required.includes(name),
      ...(description !== undefined && { description }),
      schema: property,
    }));
  };
  return [...of(params, "path"), ...of(query, "query")];
}

function response({ description, schema, contentType = "application/json" }: ResponseSpec): Json {
  const body = schema ? jsonSchema(schema, "output") : {};
  return { description, content: { [contentType]: { schema: body } } };
}

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});

function problems({ auth, body, params, query, path }: Endpoint): Json {
  return {
    ...(auth !== "none" && { 401: problem("No key, or a wrong one") }),
    ...(params && { 404: problem("There is none with this id, or it is another company's") }),
    ...(body
      ? { 400: problem("The body is no valid JSON") }
      : params && { 400: problem("A broken address") }),
    ...(body && {
      413: problem("The body is too large"),
      415: problem("The body is not JSON"),
    }),
    ...((body || params || query) && { 422: problem("Fields that are not valid, each named") }),
    ...(path === "/v1/messages" && {
      404: problem("The company has no api connector"),
      507: problem("No room for the files; nothing was stored"),
    }),
    ...(auth === "key" && {
      429: problem("Too many requests; see Retry-After"),
      503: problem("Not available at present; see Retry-After"),
    }),
    ...(path.endsWith("/replies") && {
      409: problem("Another message has this externalId"),
      502: problem("Recorded, but the connector's other side refuses it"),
    }),
    ...(auth === "operator" && {
      403: problem("No operator's key is set, and the request is not from this machine"),
      429: problem("Too many wrong keys; see Retry-After"),
    }),
    500: problem("An unexpected error"),
  };
}

function operation(endpoint: Endpoint): Json {
  const { summary, description, auth, body, responses } = endpoint;
  return {
    operationId: `${endpoint.method.toLowerCase()}${endpoint.path.replace(/[^a-zA-Z]+(.)?/g, (_, c: string = "") => c.toUpperCase())}`,
    summary,
    ...(description && { description }),
    security: { key: [{ companyKey: [] }], operator: [{ operatorKey: [] }, {}], none: [] }[auth],
    parameters: parameters(endpoint),
    ...(body && {
      requestBody: { required: true, content: { "application/json": { schema: jsonSchema(body, "input") } } },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(responses).map(([status, spec]) => [status, response(spec)])),
      ...Object.fromEntries(Object.entries(problems(endpoint)).filter(([status]) => !(status in responses))),
    },
  };
}

/** @param version of Deskwire */
export function openApiDocument(endpoints: Endpoint[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method.toLowerCase()]: operation(endpoint) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Deskwire",
      version,
      description: "Hand in customers' messages, read what became of them, and tell of agents' replies.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: {
        companyKey: {
          type: "http",
          scheme: "bearer",
          description: "An API key from the company's config file",
        },
        operatorKey: { type: "http", scheme: "bearer", description: "http.operatorKey in hub.yaml" },
      },
      schemas: { Problem: jsonSchema(problemSchema, "output") },
    },
  };
}
