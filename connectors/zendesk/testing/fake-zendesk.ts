/** A Zendesk that speaks the API as it is documented, and notes each request that no document allows. */
import { createHmac, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type AccountOptions, createFakeAccount, type FakeAccount } from "./fake-account.ts";
import { createFakeLimits, type FakeLimits } from "./fake-limits.ts";
import { type Call, Violation } from "./fake-route.ts";
import { createRoutes } from "./fake-routes.ts";
import { createFakeTokens, type FakeTokens } from "./fake-tokens.ts";

export const webhookSecret = "a webhook's signing secret 4410";

export interface FakeOptions extends AccountOptions {
  exportLagMs?: number;
  exportPage?: number;
  tokenLifeMs?: number;
  limit?: { requests: number; perMs: number };
  scopes?: string[] | null;
}

export interface FakeZendesk {
  readonly url: string;
  readonly account: FakeAccount;
  readonly tokens: FakeTokens;
  readonly limits: FakeLimits;
  /** Groups that are gone: they are shown all the same. */
  readonly deletedGroups: Set<number>;
  /** Requests that no document allows. */
  readonly violations: string[];
  /** Files that were asked for with credentials at the host that must not get them. */
  readonly leaks: string[];
  /** All requests, as "METHOD /path". */
  readonly requests: string[];
  /** Called when an update has come in and nothing of it is done yet. */
  onBeforeWrite: ((ticketId: number) => void) | null;
  /** Answers instead of the API: a status, or "drop" to break the connection after the work is done. */
  fault: ((call: Call) => number | "drop" | null) | null;
  /** Waited for before a request is looked at. */
  delay: ((call: Call) => Promise<void>) | null;
  /** The body of an event webhook, and its headers as the account would sign it at this time. */
  webhookBody(type: string, ticketId: number): Uint8Array;
  sign(body: Uint8Array, at?: Date, invocation?: string): Record<string, string>;
  close(): Promise<void>;
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}

const listen = (server: Server) =>
  new Promise<string>((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ),
  );

/** Another host, where files lie: it takes no credentials of the account. */
async function startFileHost(account: FakeAccount, leaks: string[]) {
  const server = createServer((request, response) => {
    if (request.headers.authorization !== undefined) leaks.push(request.url ?? "");
    const token = /^\/file\/([\w-]+)/.exec(request.url ?? "")?.[1];
    const file = [...account.tickets.values()]
      .flatMap(({ comments }) => comments.flatMap(({ files }) => files))
      .find((one) => one.token === token);
    response.writeHead(file ? 200 : 404, { "content-type": "application/octet-stream" });
    response.end(file ? Buffer.from(file.content) : "");
  });
  return { server, url: await listen(server) };
}

function signer(body: Uint8Array, at = new Date(), invocation: string = randomUUID()) {
  const timestamp = at.toISOString();
  const signature = createHmac("sha256", webhookSecret).update(timestamp).update(body).digest("base64");
  return {
    "content-type": "application/json",
    "x-zendesk-account-id": "1",
    "x-zendesk-webhook-id": "01HOOK",
    "x-zendesk-webhook-invocation-id": invocation,
    "x-zendesk-webhook-signature": signature,
    "x-zendesk-webhook-signature-timestamp": timestamp,
  };
}

const webhookBody = (type: string, ticketId: number) =>
  new TextEncoder().encode(
    JSON.stringify({
      account_id: 1,
      id: randomUUID(),
      type: `zen:event-type:${type}`,
      time: new Date().toISOString(),
      subject: `zen:ticket:${ticketId}`,
      zendesk_event_version: "2022-11-06",
      detail: { id: String(ticketId), status: "OPEN", priority: "NORMAL" },
      event: {},
    }),
  );

export async function startFakeZendesk(options: FakeOptions = {}): Promise<FakeZendesk> {
  const account = createFakeAccount(options);
  const tokens = createFakeTokens(options.tokenLifeMs);
  const { requests: most, perMs } = options.limit ?? { requests: 100_000, perMs: 60_000 };
  const limits = createFakeLimits(most, perMs);
  const violations: string[] = [];
  const leaks: string[] = [];
  const requests: string[] = [];
  const files = await startFileHost(account, leaks);
  let url = "";
  const route = createRoutes({
    account,
    origin: () => url,
    exportLagMs: options.exportLagMs ?? 0,
    exportPage: options.exportPage ?? 1_000,
    beforeWrite: (id) => fake.onBeforeWrite?.(id),
    isDeletedGroup: (id) => fake.deletedGroups.has(id),
    scopes: () => (options.scopes === undefined ? ["read", "write"] : options.scopes),
  });

  const answer = (
    call: Call,
    authorization: string | undefined,
  ): { status: number; json?: unknown; headers?: Record<string, string> } => {
    if (call.path === "/oauth/tokens" && call.method === "POST") return tokens.issue(call.body);
    if (!tokens.accepts(authorization)) return { status: 401, json: { error: "Couldn't authenticate you" } };
    const token = /^\/attachments\/token\/([\w-]+)\/?$/.exec(call.path)?.[1];
    if (token !== undefined) return { status: 302, headers: { location: `${files.url}/file/${token}` } };
    const { headers, refused } = limits.take(call.path.startsWith("/api/v2/incremental/"));
    if (refused) return { status: 429, json: { error: "TooManyRequests" }, headers };
    return { ...route(call), headers };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", url);
    const call: Call = {
      method: request.method ?? "GET",
      path: pathname,
      query: Object.fromEntries(searchParams),
      body: await readBody(request),
      contentType: request.headers["content-type"] ?? "",
    };
    requests.push(`${call.method} ${call.path}`);
    await fake.delay?.(call);
    const fault = fake.fault?.(call) ?? null;
    if (typeof fault === "number") {
      const wait = fault === 429 ? { "retry-after": "1" } : {};
      response.writeHead(fault, { "content-type": "application/json", ...wait }).end("{}");
      return;
    }
    try {
      const { status, json, headers } = answer(call, request.headers.authorization);
      if (fault === "drop") return void request.socket.destroy();
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
      response.end(json === undefined ? "" : JSON.stringify(json));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      violations.push(`${call.method} ${call.path}${error instanceof Violation ? "" : " (error)"}: ${text}`);
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: text }));
    }
  };
  const server = createServer((request, response) => void handle(request, response));
  const fake: FakeZendesk = {
    get url() {
      return url;
    },
    account,
    tokens,
    limits,
    deletedGroups: new Set(),
    violations,
    leaks,
    requests,
    onBeforeWrite: null,
    fault: null,
    delay: null,
    webhookBody,
    sign: signer,
    async close() {
      for (const one of [server, files.server]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  };
  url = await listen(server);
  return fake;
}
