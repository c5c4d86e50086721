/** The OpenAPI document is valid, and describes exactly what is served. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtIn } from "../../../connectors/index.ts";
import { checkedClient, type OpenApi } from "../../testing/checked-client.ts";
import { startTestHub, type TestHub, testKey } from "../../testing/hub.ts";
import { gatewayService } from "../gateway.service.ts";
import { allEndpoints } from "./endpoints.ts";
import { openApiDocument } from "./openapi.ts";
import { problemStatuses } from "./problem.ts";

let hub: TestHub;
let call: Awaited<ReturnType<typeof checkedClient>>;
const key = testKey("acme");

beforeAll(async () => {
  hub = await startTestHub();
  call = await checkedClient(hub.url);
});
afterAll(() => hub.stop());

const document = openApiDocument(allEndpoints(builtIn.api), "1.2.3") as unknown as OpenApi;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
);

test("it is a valid OpenAPI 3.1 document", async () => {
  const result = await new Validator().validate(
    structuredClone(call.document) as unknown as Record<string, unknown>,
  );
  expect(result).toEqual({ valid: true });
  expect(call.document).toMatchObject({ openapi: "3.1.0" });
});

test("what is served at /openapi.json is what the endpoints make of themselves", () => {
  expect(call.document.paths).toEqual(document.paths);
});

test("every operation has an id of its own, and parameters for all that stands in its path", () => {
  const described = operations.map(({ operation }) => operation as unknown as { operationId: string });
  expect(new Set(described.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, operation } of operations) {
    const { parameters = [] } = operation as unknown as { parameters?: Array<{ in: string; name: string }> };
    const named = parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
    expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  }
});

test("every problem of every operation has a description and the same schema", () => {
  for (const { operation } of operations) {
    for (const [status, { content = {} }] of Object.entries(operation.responses)) {
      if (Number(status) < 400 || "application/json" in content) continue;
      expect(content).toEqual({
        "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
      });
    }
  }
});

describe("each documented operation is served", () => {
  test.each(operations)("$method $path", async ({ method, path }) => {
    const address = path.replace("{id}", randomUUID());
    const options = method === "POST" ? { key, body: { text: "Hello", skip: "a test's own" } } : { key };
    const { status, body } = await call(address, { ...options, method });
    expect(status).not.toBe(405);
    // An unknown id is a 404 too, but one that speaks of the id.
    if (status === 404) expect(body.detail).toContain("with this id");
  });

  test.each(operations.filter(({ operation }) => "security" in operation))(
    "$method $path asks for a key where it says so",
    async ({ method, path, operation }) => {
      const address = path.replace("{id}", randomUUID());
      const { status } = await call(address, { method, ...(method === "POST" && { body: {} }) });
      const { security } = operation as unknown as { security: object[] };
      expect(status === 401).toBe(security.some((entry) => "companyKey" in entry));
    },
  );
});

test("each alias of the gateway, but for pages and the connectors' own addresses, is documented", () => {
  const { node } = hub;
  const services = {
    config: { http: { rateLimit: { perSecond: 1, burst: 1 }, corsOrigins: [] } },
    directory: node.directory,
    logFor: node.logFor,
  };
  const parts = { services, builtIn, version: "1.2.3", onListening: () => undefined };
  const { settings } = gatewayService(parts as unknown as Parameters<typeof gatewayService>[0]);
  const aliases = Object.keys((settings as { routes: [{ aliases: object }] }).routes[0].aliases);
  const api = aliases.filter(
    (alias) => / \/(v1|health|metrics)(\/|$)/.test(alias) && !alias.startsWith("HEAD "),
  );
  const documented = operations.map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/g, ":$1")}`);
  expect(api.sort()).toEqual(documented.sort());
  const others = aliases.filter((alias) => !api.includes(alias) && !alias.startsWith("HEAD "));
  expect(others).toEqual([
    "GET /openapi.json",
    "GET /",
    "GET /demo.css",
    "GET /demo.js",
    "GET /demo-:module.js",
    "GET /connect/:company/:instance",
    "POST /connect/:company/:instance",
    "GET /connect/:company/:instance/*path",
    "POST /connect/:company/:instance/*path",
  ]);
});

test("what the document says of a message is what the hub takes", async () => {
  const operation = document.paths["/v1/messages"]?.post as unknown as {
    requestBody: {
      content: { "application/json": { schema: { properties: Record<string, object>; required: string[] } } };
    };
  };
  const { properties, required } = operation.requestBody.content["application/json"].schema;
  expect(required).toEqual(["text"]);
  expect(Object.keys(properties)).toEqual(
    expect.arrayContaining([
      "externalId",
      "threadId",
      "subject",
      "text",
      "html",
      "requester",
      "sentAt",
      "attachments",
    ]),
  );
  for (const name of Object.keys(properties)) {
    const { body } = await call("/v1/messages", { key, body: { [name]: { wrong: true } } });
    const paths = body.errors.map(({ path }: { path: string }) => path.split(/[.[]/)[0]);
    expect(new Set(paths)).toEqual(new Set([name, "text"]));
  }
});

describe("docs/api.md", () => {
  const page = readFileSync(new URL("../../../docs/api.md", import.meta.url), "utf8");
  test.each(operations)("speaks of $method $path", ({ method, path }) => {
    if (path !== "/health") expect(page).toContain(`\`${method} ${path}\``);
  });
  test("explains every status of a problem, and no other", () => {
    const explained = [...page.matchAll(/^\| (\d{3}) +\|/gm)].map(([, status]) => Number(status));
    expect(explained).toEqual(problemStatuses);
  });
});
