/** The way in of nearly all requests, without the work of a router that can do more: posts of messages and of webhooks. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { newId } from "../../lib/ids.ts";
import type { GatewayRequest, RequestHandler } from "./handler.ts";

export interface FastPaths {
  /** POST /v1/messages */
  messages: RequestHandler;
  /** POST /connect/{company}/{instance} */
  connector: RequestHandler;
}

/** Only what is written exactly like this: all else (a query, an escaped letter, a longer path) is the router's. */
const connectorAddress = /^\/connect\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})$/;

/** @returns a function that takes a request and says by null that it is the router's */
export function createFastPath({ messages, connector }: FastPaths) {
  return (request: IncomingMessage, response: ServerResponse): Promise<void> | null => {
    const { method, url = "" } = request;
    if (method !== "POST") return null;
    const address = url === "/v1/messages" ? null : connectorAddress.exec(url);
    if (url !== "/v1/messages" && address === null) return null;
    const given = request.headers["x-correlation-id"] ?? request.headers["x-request-id"];
    response.setHeader("X-Request-ID", given === undefined || given === "" ? newId() : given);
    const params = address ? { company: address[1] as string, instance: address[2] as string } : {};
    const routed = Object.assign(request, { originalUrl: url, query: {}, $params: { params } });
    return (address ? connector : messages)(routed as GatewayRequest, response);
  };
}
