/** How the fake answers a request: refused, limited, or carried out. */
import type { IncomingMessage } from "node:http";
import { answerCrm, type CrmOptions, invalid, notFound, type Reply } from "./fake-crm.ts";
import { readBody } from "./fake-file-host.ts";
import { answerOAuth, type Gate, type OAuthState, scopeOf } from "./fake-gate.ts";
import { answerInbox } from "./fake-inbox.ts";
import { type Asked, understand } from "./fake-request.ts";
import type { FakeStore } from "./fake-store.ts";

/** What the answers depend on. */
export interface FakeState {
  readonly url: string;
  readonly store: FakeStore;
  /** What was asked otherwise than it is documented. */
  readonly violations: string[];
  /** All requests, as `POST /crm/…`. */
  readonly requests: string[];
  readonly oauth: OAuthState;
  /** What the token may do: a test takes away. */
  scopes: string[];
  /** Single objects that the token may not see, by the end of their path. */
  readonly forbidden: Set<string>;
  /** Called before a request that writes is carried out. */
  onBeforeWrite: ((what: string) => void | Promise<void>) | null;
  /** Called when a request that writes was carried out, and its answer is on the way. */
  onAfterWrite: ((what: string) => void) | null;
  /** Answers instead of the API with a status; "drop": the work is done, and the connection breaks off. */
  fault: ((operation: string, path: string) => number | "drop" | null) | null;
}

export interface Surroundings extends CrmOptions {
  readonly gate: Gate;
  /** Requests that get no answer for now, by the end of their path. */
  readonly held: ReadonlyMap<string, Promise<void>>;
  readonly accessToken: string;
  readonly fileHost: string;
  /** The most items of one page of threads or messages. */
  readonly listPage: number;
}

function isKnown({ oauth }: FakeState, { accessToken }: Surroundings, header: string | undefined): boolean {
  const token = header?.replace(/^Bearer /, "") ?? "";
  return token === accessToken || (oauth.accessTokens.get(token) ?? 0) > Date.now();
}

/** A refusal, where the token is not good or not good for this. */
function refusalOf(
  state: FakeState,
  around: Surroundings,
  asked: Asked,
  path: string,
  header?: string,
): Reply | null {
  const scope = scopeOf(asked);
  if (scope === null) return null;
  if (header === undefined) state.violations.push(`${path}: no token`);
  if (!isKnown(state, around, header)) return { status: 401, body: { category: "EXPIRED_AUTHENTICATION" } };
  const isClosed = [...state.forbidden].some((end) => path.endsWith(end));
  return isClosed || !state.scopes.includes(scope)
    ? { status: 403, body: { category: "MISSING_SCOPES" } }
    : null;
}

async function carryOut(state: FakeState, around: Surroundings, asked: Asked): Promise<Reply> {
  const { operation, parts } = asked;
  if (operation.name === "file")
    return { status: 302, headers: { location: `${around.fileHost}/${parts[0]}` } };
  const isWrite = ["create-note", "patch-ticket", "archive-note"].includes(operation.name);
  if (isWrite) await state.onBeforeWrite?.(operation.name);
  const reply =
    answerOAuth(state.oauth, asked, state.scopes) ??
    answerCrm(state.store, asked, around) ??
    answerInbox(state.store, asked, around.listPage) ??
    notFound;
  if (isWrite) state.onAfterWrite?.(operation.name);
  return reply;
}

export async function answer(
  state: FakeState,
  around: Surroundings,
  request: IncomingMessage,
): Promise<Reply> {
  const url = new URL(request.url ?? "/", state.url);
  const { pathname } = url;
  const method = request.method ?? "GET";
  state.requests.push(`${method} ${pathname}`);
  const body = await readBody(request);
  const asked = understand({ method, url, body, contentType: request.headers["content-type"] });
  if ("violation" in asked) {
    state.violations.push(asked.violation);
    return invalid(asked.violation);
  }
  const fault = state.fault?.(asked.operation.name, pathname) ?? null;
  if (typeof fault === "number")
    return { status: fault, headers: { "retry-after": "1" }, body: { status: "error" } };
  const limited = around.gate.enter(asked);
  if ("status" in limited) return limited;
  const refusal = refusalOf(state, around, asked, pathname, request.headers.authorization);
  if (refusal) return refusal;
  await around.held.get([...around.held.keys()].find((end) => pathname.endsWith(end)) ?? "");
  const reply = await carryOut(state, around, asked);
  if (fault === "drop") request.socket.destroy();
  return { ...reply, headers: { ...limited.headers, ...reply.headers } };
}
