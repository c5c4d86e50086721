/** HubSpot's API for conversations as far as the connector uses it: threads and their entries. */
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { Api } from "../../plugins/toolkit/api-client.ts";
import {
  actorSchema,
  contentSchema,
  pageSchema,
  type Thread,
  threadPageSchema,
  threadSchema,
} from "./schemas.ts";

const conversations = "/conversations/conversations/2026-09";
/** Threads of one page. */
const listPage = 100;
/** Entries hold whole mails, some of them long; bytes. */
const maxEntries = { limit: 50, bytes: 40_000_000 };
/** Ends a list whose pages lead in a circle. */
const mostPages = 1_000;

const segment = encodeURIComponent;

type Page<T> = { results: T[]; paging?: { next?: { after: string } | null | undefined } | null | undefined };

async function allPages<T>(load: (after: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const { results, paging } = await load(after);
    all.push(...results);
    const next = paging?.next?.after;
    if (next === undefined || next === after) return all;
    after = next;
  }
  throw new ConnectorError("transient", "a list of HubSpot's has no end");
}

/** One function for each operation, answers checked. */
export function inbox(api: Api) {
  const threads = (query: Record<string, string | number>, signal: AbortSignal): Promise<Thread[]> =>
    allPages((after) =>
      api.get(`${conversations}/threads`, threadPageSchema, {
        query: { ...query, limit: listPage, after },
        signal,
      }),
    );
  const of = (threadId: string) => `${conversations}/threads/${segment(threadId)}`;
  return {
    threadsOf: (ticketId: string, signal: AbortSignal) => threads({ associatedTicketId: ticketId }, signal),
    /** Those that somebody has put into the trash: no other list has them. */
    trashedThreadsOf: (ticketId: string, signal: AbortSignal) =>
      threads({ associatedTicketId: ticketId, archived: "true" }, signal),
    /** Threads in which something was written after this time, with their tickets. */
    threadsAfter: (at: Date, signal: AbortSignal) =>
      threads(
        {
          latestMessageTimestampAfter: at.toISOString(),
          sort: "latestMessageTimestamp",
          association: "TICKET",
        },
        signal,
      ),
    thread: (id: string, signal: AbortSignal) =>
      api.get(of(id), threadSchema, { query: { association: "TICKET" }, signal }),
    entries: (threadId: string, signal: AbortSignal): Promise<unknown[]> =>
      allPages((after) => {
        const query = { limit: maxEntries.limit, after };
        return api.get(`${of(threadId)}/messages`, pageSchema, { query, signal, maxBytes: maxEntries.bytes });
      }),
    originalContent(threadId: string, messageId: string, signal: AbortSignal) {
      const path = `${of(threadId)}/messages/${segment(messageId)}/original-content`;
      return api.get(path, contentSchema, { signal, maxBytes: maxEntries.bytes });
    },
    actor: (id: string, signal: AbortSignal) =>
      api.get(`${conversations}/actors/${segment(id)}`, actorSchema, { signal }),
    peekThreads: (signal: AbortSignal) =>
      api.get(`${conversations}/threads`, pageSchema, { query: { limit: 1 }, signal }),
  };
}
