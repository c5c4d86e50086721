/** The account as the other files use it: its API, its users, and what of a ticket has been said. */
import type { Context, Quota } from "../../plugins/contract/connector.ts";
import { isConnectorError } from "../../plugins/contract/errors.ts";
import { type Api, createApi } from "../../plugins/toolkit/api-client.ts";
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

/** Users that are remembered, and bytes of files. */
const most = { users: 5_000, fileBytes: 64_000_000 };

export interface Client {
  readonly ctx: Context<ZendeskConfig>;
  readonly api: Api;
  readonly pollMs: number;
  /** The user that the connector works as. */
  me(signal?: AbortSignal): Promise<User>;
  /** Users by id; one that is gone is left out. */
  users(ids: Iterable<number>, signal?: AbortSignal): Promise<Map<number, User>>;
  /** Files that were loaded lately, by their comment: a ticket is read again with each change of it. */
  readonly files: Map<string, Uint8Array>;
  remember(key: string, file: Uint8Array): void;
}

/** @param options for tests: milliseconds between two looks, shorter than a config may say */
export function openClient(ctx: Context<ZendeskConfig>, options: { pollMs?: number } = {}): Client {
  const { config } = ctx;
  const api = createApi(ctx.fetch, config.url, createAuthorization(ctx));
  const known = new Map<number, User>();
  const files = new Map<string, Uint8Array>();
  let fileBytes = 0;
  let me: User | undefined;
  const learn = (users: readonly User[]) => {
    if (known.size > most.users) known.clear();
    for (const user of users) if (user.id !== null) known.set(user.id, user);
  };
  return {
    ctx,
    api,
    pollMs: options.pollMs ?? config.pollSeconds * 1_000,
    async me(signal) {
      me ??= (await api.get("/api/v2/users/me", userAnswer, { signal })).user;
      return me;
    },
    async users(ids, signal) {
      const wanted = [...new Set(ids)].filter((id) => id > 0);
      const missing = wanted.filter((id) => !known.has(id));
      for (let from = 0; from < missing.length; from += 100) {
        const query = { ids: missing.slice(from, from + 100).join(",") };
        learn((await api.get("/api/v2/users/show_many", usersAnswer, { query, signal })).users);
      }
      return new Map(wanted.flatMap((id) => [known.get(id)].flatMap((user) => (user ? [[id, user]] : []))));
    },
    files,
    remember(key, file) {
      files.set(key, file);
      fileBytes += file.length;
      for (const [old, bytes] of files) {
        if (fileBytes <= most.fileBytes) break;
        files.delete(old);
        fileBytes -= bytes.length;
      }
    },
  };
}

/** True where there is no such ticket (any more), or it is not for this user's eyes. */
export const isGone = (error: unknown): boolean =>
  isConnectorError(error) && [403, 404, 410].includes(error.status ?? 0);

export async function readTicket(
  { api }: Client,
  id: string | number,
  signal?: AbortSignal,
): Promise<Ticket> {
  const path = `/api/v2/tickets/${encodeURIComponent(id)}`;
  return (await api.get(path, ticketAnswer, { signal })).ticket;
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
  let answer = await api.get(`/api/v2/tickets/${encodeURIComponent(ticketId)}/comments`, commentsAnswer, {
    query,
    signal,
  });
  for (;;) {
    const users = (answer.users ?? []).flatMap(
      (user): Array<[number, User]> => (user.id === null ? [] : [[user.id, user]]),
    );
    yield { comments: answer.comments, users: new Map(users) };
    if (!answer.next_page) return;
    answer = await api.get(answer.next_page, commentsAnswer, { signal });
  }
}

/** What became of a ticket and by whom, newest first, 100 a page. */
export async function* auditPages(
  { api }: Client,
  ticketId: string | number,
  signal?: AbortSignal,
): AsyncGenerator<Audit[]> {
  const path = `/api/v2/tickets/${encodeURIComponent(ticketId)}/audits`;
  let answer = await api.get(path, auditsAnswer, { query: { sort_order: "desc" }, signal });
  for (;;) {
    // An archived ticket's audits come in one page, and oldest first.
    yield answer.audits.toSorted((a, b) => b.id - a.id);
    if (!answer.next_page) return;
    answer = await api.get(answer.next_page, auditsAnswer, { signal });
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
