/** Endpoints as data: what the gateway serves and what its OpenAPI document says come from the same entries. */
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { Company } from "../../../config/types.ts";
import type { Services } from "./services.ts";

export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  /** The company whose key the request carries, where the endpoint asks for one. */
  company: Company;
  /** The key's name in the company's file. */
  keyName: string;
  params: Params;
  query: Query;
  body: Body;
  raw: IncomingMessage;
  services: Services;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON, unless it is bytes or a string with a content type of its own. */
  body?: unknown;
}

export interface ResponseSpec {
  description: string;
  schema?: z.ZodType;
  /** Default: application/json. */
  contentType?: string;
}

export interface Endpoint {
  method: "GET" | "POST";
  /** As in OpenAPI: /v1/tickets/{id} */
  path: string;
  summary: string;
  description?: string;
  /** A company's key, the operator's key (or this machine, where none is set), or nothing. */
  auth: "key" | "operator" | "none";
  params?: z.ZodType;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** The successes; problems are the same for all. */
  responses: Record<number, ResponseSpec>;
  handle(call: Call): Promise<Reply>;
}

interface TypedEndpoint<Params extends z.ZodType, Query extends z.ZodObject, Body extends z.ZodType>
  extends Omit<Endpoint, "params" | "query" | "body" | "handle"> {
  params?: Params;
  query?: Query;
  body?: Body;
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Reply>;
}

/** Types a handler by the endpoint's own schemas; the gateway has parsed by them before it is called. */
export function endpoint<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: TypedEndpoint<Params, Query, Body>): Endpoint {
  return spec as unknown as Endpoint;
}
