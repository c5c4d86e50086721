/** What a route of the fake is: which requests it takes, and what it answers. */
import type { z } from "zod";
import type { FakeAccount } from "./fake-account.ts";

export interface Call {
  method: string;
  path: string;
  query: Record<string, string>;
  body: Uint8Array;
  contentType: string;
}

export interface Reply {
  status: number;
  json?: unknown;
  location?: string;
}

export interface RouteParts {
  account: FakeAccount;
  /** The fake's own address. */
  origin(): string;
  /** How long a change is kept back from the export, in milliseconds. */
  exportLagMs: number;
  /** Tickets on a page of the export. */
  exportPage: number;
  /** Called when an update has come in and nothing of it is done yet. */
  beforeWrite(ticketId: number): void;
  isDeletedGroup(id: number): boolean;
  /** The scopes of the token; null for API tokens. */
  scopes(): string[] | null;
}

/** A request that no document allows. */
export class Violation extends Error {}

export type Handler = (call: Call, ids: string[]) => Reply;
export interface Route {
  method: string;
  path: RegExp;
  query: z.ZodType<Record<string, unknown>>;
  handle: Handler;
}

export const json = (value: unknown, status = 200): Reply => ({ status, json: value });
export const notFound: Reply = { status: 404, json: { error: "RecordNotFound", description: "Not found" } };
