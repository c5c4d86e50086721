/** Health and metrics of a node that does not have the API: the same addresses and answers, with nothing to route. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CompanyDirectory } from "../../config/directory.ts";
import type { HubConfig } from "../../config/schema.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { LogFor } from "../lib/log.ts";
import type { DrainedService } from "./broker.ts";
import { createAuthentication } from "./gateway/authentication.ts";
import { alive, healthReply, metricsReply } from "./gateway/operations.ts";
import { Problem, toProblem } from "./gateway/problem.ts";
import { type HttpServer, listen } from "./gateway/server.ts";
import type { HealthReport } from "./gateway/services.ts";

export interface OperationsParts {
  config: HubConfig;
  directory: CompanyDirectory;
  logFor: LogFor;
  health(): Promise<HealthReport>;
  metricsText(): string;
  /** Told the port once it listens. */
  onListening(address: AddressInfo): void;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

export function operationsService(parts: OperationsParts): DrainedService {
  const { config, directory, health, metricsText } = parts;
  const log = parts.logFor("gateway");
  const authentication = createAuthentication({ config, directory });
  const readiness = async () => healthReply(await health());
  const answers: Record<string, (request: IncomingMessage) => Promise<Answer>> = {
    "/health": readiness,
    "/health/ready": readiness,
    "/health/live": async () => alive,
    "/metrics": async (request) => {
      authentication.operator(request);
      return metricsReply(metricsText());
    },
  };
  const find = async (request: IncomingMessage): Promise<Answer> => {
    try {
      const answer = answers[(request.url ?? "/").split("?")[0] ?? "/"];
      if (!answer) throw new Problem(404, { detail: "this node has no API: only /health and /metrics" });
      if (request.method === "GET" || request.method === "HEAD") return await answer(request);
      throw new Problem(405, { detail: "this address takes GET, HEAD", headers: { allow: "GET, HEAD" } });
    } catch (error) {
      const problem = toProblem(error);
      if (problem.status >= 500) log.error(`answered ${problem.status}`, { error: describeError(error) });
      const headers = { ...problem.headers, "content-type": "application/problem+json" };
      return { status: problem.status, headers, body: problem };
    }
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    // A body is of no use here, and must not keep the connection.
    request.resume();
    const { status, headers, body } = await find(request);
    const content = typeof body === "string" ? body : JSON.stringify(body);
    const length = Buffer.byteLength(content);
    const type = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };
    response.writeHead(status, { ...type, ...headers, "content-length": length }).end(content);
  };
  let server: HttpServer | undefined;
  return {
    name: "operations",
    async started() {
      server = await listen((request, response) => {
        answer(request, response).catch((error: unknown) => {
          log.error("a request could not be answered", { error: describeError(error) });
          response.destroy();
        });
      }, config.http);
      parts.onListening(server.address);
    },
    async drain() {
      await server?.close();
    },
  };
}
