/** The fake's threads and messages, as their API answers. */

import { invalid, notFound, type Reply } from "./fake-crm.ts";
import type { Asked } from "./fake-request.ts";
import { type FakeStore, type FakeThread, iso } from "./fake-store.ts";

function shown({ id, ticketId, createdAt, latestAt, spam, archived }: FakeThread, withTicket: boolean) {
  return {
    id,
    archived,
    associatedContactId: "1",
    // What is wrong in one stays wrong.
    createdAt: Number.isNaN(createdAt) ? "at no time" : iso(createdAt),
    inboxId: "11",
    latestMessageTimestamp: iso(latestAt),
    originalChannelAccountId: "12",
    originalChannelId: "1002",
    spam,
    status: "OPEN",
    ...(withTicket && ticketId !== null && { threadAssociations: { associatedTicketId: ticketId } }),
  };
}

function paged<T>(all: readonly T[], { after, limit }: Asked["query"], most: number) {
  const from = Number(after ?? 0);
  const to = from + Math.min(Number(limit ?? most), most);
  return {
    results: all.slice(from, to),
    ...(to < all.length && { paging: { next: { after: String(to) } } }),
  };
}

function threads(store: FakeStore, { query }: Asked, page: number): Reply {
  const { associatedTicketId, latestMessageTimestampAfter, sort, association } = query;
  if (sort === "latestMessageTimestamp" && latestMessageTimestampAfter === undefined)
    return invalid("sort by latestMessageTimestamp needs latestMessageTimestampAfter");
  const after = latestMessageTimestampAfter === undefined ? 0 : Date.parse(latestMessageTimestampAfter);
  const found = [...store.threads.values()]
    .filter(({ archived }) => archived === (query.archived === "true"))
    .filter(({ ticketId }) => associatedTicketId === undefined || ticketId === associatedTicketId)
    .filter(({ latestAt }) => latestAt > after)
    .toSorted((a, b) => (sort ? a.latestAt - b.latestAt : Number(a.id) - Number(b.id)));
  const list = found.map((thread) => shown(thread, association === "TICKET"));
  return { status: 200, body: paged(list, query, page) };
}

/** The answer to an operation of the inbox; null for any other. */
export function answerInbox(store: FakeStore, asked: Asked, page: number): Reply | null {
  const { operation, parts, query } = asked;
  const [id = "", messageId = ""] = parts;
  if (operation.name === "threads") return threads(store, asked, page);
  if (operation.name === "actor") {
    const actor = store.actors.get(id);
    return actor ? { status: 200, body: { id, ...actor } } : notFound;
  }
  if (!["thread", "messages", "original-content"].includes(operation.name)) return null;
  const thread = store.threads.get(id);
  if (!thread) return notFound;
  if (operation.name === "thread")
    return { status: 200, body: shown(thread, query.association === "TICKET") };
  if (operation.name === "messages") return { status: 200, body: paged(thread.messages, query, page) };
  const original = store.originals.get(messageId);
  return original ? { status: 200, body: original } : notFound;
}
