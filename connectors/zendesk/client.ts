/** The account as the other files use it: its API, its users, and what of a ticket has been said. */
import type { Context, Quota } from "../../plugins/contract/connector.ts";
import { type ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { type Api, createApi } from "../../plugins/toolkit/api-client.ts";
import { createPatience, type Patience } from "../../plugins/toolkit/patience.ts";
import type { ZendeskConfig } from "./config.ts";
import { createAuthorization } from "./oauth.ts";
import {
  type Audit,
  auditsAnswer,
  commentsAnswer,
  type RawComment,
  type Ticket,
  ticketAnswer,
  type User,
  userAnswer,
  usersAnswer,
} from "./schema.ts";

/** Users that are remembered, bytes of files, and of an answer: a hundred comments hold their texts three times over. */
const most = { users: 5_000, fileBytes: 64_000_000, answerBytes: 100_000_000 };

/** What of a ticket was handed over, as it was at the time. */
export interface Seen {
  comments: ReadonlySet<number>;
  audit: number | undefined;
  /** The change that it was read after, in seconds since 1970; undefined where more may have come in that very second. */
  change: number | undefined;
}

export interface Client {
  readonly ctx: Context<ZendeskConfig>;
  readonly api: Api;
  readonly pollMs: number;
  /** The user that the connector works as. */
  me(signal?: AbortSignal): Promise<User>;
  /** Users by id; one that is gone is left out. */
  users(ids: Iterable<number>, signal?: AbortSignal): Promise<Map<number, User>>;
  /** Files that were loaded lately, by their comment: a ticket is read again with each change of it. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  remember(key: string, file: Uint8Array): void;
  /** For files and tickets that cannot be read. */
  readonly patience: Patience;
  /** Tickets that polling has handed over, also before it failed: it goes on from there. */
  readonly seen: Map<number, Seen>;
}

export interface ClientOptions {
  pollMs?: number;
  patienceMs?: number;
}

function createUsers(api: Api): Client["users"] {
  const known = new Map<number, User>();
  return async (ids, signal) => {
    const found = new Map<number, User>();
    const missing: number[] = [];
    for (const id of new Set(ids)) {
      const user = known.get(id);
      if (user) found.set(id, user);
      else if (id > 0) missing.push(id);
    }
    for (let from = 0; from < missing.length; from += 100) {
      const query = { ids: missing.slice(from, from + 100).join(",") };
      const { users } = await api.get("/api/v2/users/show_many", usersAnswer, { query, signal });
      if (known.size > most.users) known.clear();
      for (const user of users) {
        if (user.id === null) continue;
        known.set(user.id, user);
        found.set(user.id, user);
      }
    }
    return found;
  };
}

/** @param options for tests: times that are shorter than a config may say */
export function openClient(ctx: Context<ZendeskConfig>, options: ClientOptions = {}): Client {
  const { config } = ctx;
  const api = createApi(ctx.fetch, config.url, createAuthorization(ctx));
  const files = new Map<string, Uint8Array>();
  let fileBytes = 0;
  let me: User | undefined;
  return {
    ctx,
    api,
    pollMs: options.pollMs ?? config.pollSeconds * 1_000,
    async me(signal) {
      me ??= (await api.get("/api/v2/users/me", userAnswer, { signal })).user;
      return me;
    },
    users: createUsers(api),
    files,
    remember(key, file) {
      if (files.has(key)) return;
      files.set(key, file);
      fileBytes += file.length;
      for (const [old, bytes] of files) {
        if (fileBytes <= most.fileBytes) break;
        files.delete(old);
        fileBytes -= bytes.length;
      }
    },
    patience: createPatience(options.patienceMs),
    seen: new Map(),
  };
}

const ofTickets = new WeakSet<ConnectorError>();

/** What a ticket's own address answers: only there does a refusal mean this one ticket, and not the credentials. */
export async function ofTicket<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isConnectorError(error)) ofTickets.add(error);
    throw error;
  }
}

/** True where it is the ticket that cannot be read, and nothing is said of others. */
export const isOfTicket = (error: unknown): boolean =>
  isConnectorError(error) && ofTickets.has(error) && ["transient", "permanent"].includes(error.kind);

/** True where there is no such ticket (any more), or it is not for this user's eyes. */
export const isGone = (error: unknown): boolean =>
  isConnectorError(error) && ofTickets.has(error) && [403, 404, 410].includes(error.status ?? 0);

export async function readTicket(
  { api }: Client,
  id: string | number,
  signal?: AbortSignal,
): Promise<Ticket> {
  const path = `/api/v2/tickets/${encodeURIComponent(id)}`;
  return (await ofTicket(api.get(path, ticketAnswer, { signal }))).ticket;
}

export interface CommentPage {
  comments: RawComment[];
  users: Map<number, User>;
}

/** A ticket's comments, public ones and notes, newest first, 100 a page. */
export async function* commentPages(
  { api }: Client,
  ticketId: string | number,
  signal?: AbortSignal,
): AsyncGenerator<CommentPage> {
  const query = { include: "users", include_inline_images: true, per_page: 100, sort_order: "desc" };
  const path = `/api/v2/tickets/${encodeURIComponent(ticketId)}/comments`;
  const options = { signal, maxBytes: most.answerBytes };
  let answer = await ofTicket(api.get(path, commentsAnswer, { query, ...options }));
  for (;;) {
    const users = (answer.users ?? []).flatMap(
      (user): Array<[number, User]> => (user.id === null ? [] : [[user.id, user]]),
    );
    yield { comments: answer.comments, users: new Map(users) };
    if (!answer.next_page) return;
    answer = await ofTicket(api.get(answer.next_page, commentsAnswer, options));
  }
}

export interface AuditPage {
  audits: Audit[];
  /** False where one of them could not be read. */
  isWhole: boolean;
}

/** What became of a ticket and by whom, newest first, 100 a page. */
export async function* auditPages(
  { api }: Client,
  ticketId: string | number,
  signal?: AbortSignal,
): AsyncGenerator<AuditPage> {
  const path = `/api/v2/tickets/${encodeURIComponent(ticketId)}/audits`;
  const options = { signal, maxBytes: most.answerBytes };
  const query = { sort_order: "desc" };
  let answer = await ofTicket(api.get(path, auditsAnswer, { query, ...options }));
  for (;;) {
    // An archived ticket's audits come in one page, and oldest first.
    const audits = answer.audits.filter((audit) => audit !== null).toSorted((a, b) => b.id - a.id);
    yield { audits, isWhole: audits.length === answer.audits.length };
    if (!answer.next_page) return;
    answer = await ofTicket(api.get(answer.next_page, auditsAnswer, options));
  }
}

/** `ratelimit-reset` in milliseconds, and the account's figures of the minute; headers as Zendesk documents them. */
export function quotaOf({ url, share }: ZendeskConfig): Quota {
  const number = (value: string | null) =>
    value !== null && /^\d+$/.test(value.trim()) ? Number(value) : undefined;
  return {
    account: `zendesk:${new URL(url).host}`,
    // The smallest plan's limit until an answer tells; the export has one of its own.
    limits: { account: { requests: 200, perMs: 60_000 }, export: { requests: 10, perMs: 60_000 } },
    share,
    of: ({ url: { origin, pathname } }) => {
      if (origin !== url || !pathname.startsWith("/api/")) return [];
      return pathname.startsWith("/api/v2/incremental/") ? ["account", "export"] : ["account"];
    },
    read(headers, names) {
      if (!names.includes("account")) return [];
      const requests = number(headers.get("x-rate-limit") ?? headers.get("ratelimit-limit"));
      const remaining = number(headers.get("x-rate-limit-remaining") ?? headers.get("ratelimit-remaining"));
      const reset = number(headers.get("ratelimit-reset"));
      return [
        {
          name: "account",
          ...(requests !== undefined && { requests }),
          ...(remaining !== undefined && { remaining }),
          ...(reset !== undefined && { resetMs: reset * 1_000 }),
        },
      ];
    },
  };
}
