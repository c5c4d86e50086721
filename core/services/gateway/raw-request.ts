/** A request as connectors see it. */
import type { IncomingMessage } from "node:http";
import type { HubConfig } from "../../../config/schema.ts";
import type { RawRequest } from "../../../plugins/contract/connector.ts";

/** The sender's address; behind a proxy that config trusts, the one that the proxy saw. */
export function addressOf(request: IncomingMessage, config: HubConfig): string {
  const forwarded = config.http.trustProxy ? request.headers["x-forwarded-for"] : undefined;
  const last = (Array.isArray(forwarded) ? forwarded.join(",") : forwarded)?.split(",").at(-1)?.trim();
  return last || request.socket.remoteAddress || "unknown";
}

/** The public origin: from config, or as the client named it. */
export function originOf(request: IncomingMessage, config: HubConfig): string {
  if (config.http.publicUrl) return new URL(config.http.publicUrl).origin;
  const origin = `http://${request.headers.host ?? "localhost"}`;
  return URL.canParse(origin) ? new URL(origin).origin : "http://localhost";
}

/** The connector that a request is for, and the company's API key that was found valid in it. */
export interface Target {
  company: string;
  instance: string;
  apiKey?: string | undefined;
}

/** @param path the part of the address that belongs to the connector, "/" at least */
export function rawRequest(
  request: IncomingMessage & { originalUrl?: string },
  path: string,
  body: Buffer,
  config: HubConfig,
  { company, instance, apiKey }: Target,
): RawRequest {
  const url = new URL(request.originalUrl ?? request.url ?? "/", originOf(request, config));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return {
    company,
    instance,
    method: request.method ?? "GET",
    path,
    query: url.searchParams,
    headers,
    body,
    url: url.href,
    remoteAddress: addressOf(request, config),
    ...(apiKey !== undefined && { apiKey }),
  };
}
