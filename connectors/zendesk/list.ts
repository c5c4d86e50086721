/** What the account holds of a time, by ids alone: the stream of ticket events, a thousand to a request. */
import type { ListedItem, ListRequest } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { Client } from "./client.ts";
import { externalIdOf, roleOf } from "./map.ts";
import { type Comment, deletedAnswer, eventsAnswer } from "./schema.ts";

interface Said extends Pick<Comment, "id" | "public" | "via"> {
  at: Date;
  author_id: number | null;
  ticketId: number;
}

/** Without the ticket, a message and a reply are not told apart; both have the same id. */
async function toItems(client: Client, said: readonly Said[], signal: AbortSignal): Promise<ListedItem[]> {
  // Of what is public nothing more need be known.
  const authors = await client.users(
    said.flatMap((one) => (one.public || one.author_id === null ? [] : [one.author_id])),
    signal,
  );
  return said
    .filter((one) => {
      const author = authors.get(one.author_id ?? 0) ?? null;
      return roleOf(one, { ticket: { id: one.ticketId }, author }) !== "none";
    })
    .map(({ id, at }) => ({ externalId: externalIdOf(id), at }));
}

/** Tickets that were deleted since then: what was not read of them before is not to be had any more. */
async function readDeleted({ api }: Client, since: Date, signal: AbortSignal): Promise<Set<number>> {
  const deleted = new Set<number>();
  const query = { sort_by: "deleted_at", sort_order: "desc", per_page: 100 };
  let answer = await api.get("/api/v2/deleted_tickets", deletedAnswer, { query, signal });
  for (;;) {
    for (const { id } of answer.deleted_tickets) deleted.add(id);
    const last = answer.deleted_tickets.at(-1);
    if (!answer.next_page || !last || new Date(last.deleted_at) < since) return deleted;
    answer = await api.get(answer.next_page, deletedAnswer, { signal });
  }
}

/** Names each comment that polling brings. Throws where the list cannot be completed. */
export async function* list(
  client: Client,
  { since, until }: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<ListedItem[]> {
  const path = "/api/v2/incremental/ticket_events";
  const latest = Math.floor(Date.now() / 1_000) - 61;
  const deleted = await readDeleted(client, since, signal);
  let start = Math.min(Math.floor(since.getTime() / 1_000), latest);
  for (;;) {
    const query = { start_time: start, include: "comment_events" };
    const answer = await client.api.get(path, eventsAnswer, { query, signal, maxBytes: 100_000_000 });
    const said = answer.ticket_events.flatMap(({ ticket_id, child_events, timestamp }) =>
      (child_events ?? []).flatMap((event): Said[] => {
        const { id, event_type, created_at, public: isPublic, author_id, via } = event;
        if (event_type !== "Comment" || typeof id !== "number") return [];
        const at = new Date(created_at ?? (timestamp ?? 0) * 1_000);
        if (at < since || at > until || deleted.has(ticket_id)) return [];
        const author = author_id ?? null;
        return [{ id, at, public: isPublic ?? false, via, author_id: author, ticketId: ticket_id }];
      }),
    );
    const items = await toItems(client, said, signal);
    if (items.length > 0) yield items;
    const end = answer.end_time ?? start;
    // Further on there is only what came later.
    if (answer.end_of_stream || end * 1_000 > until.getTime()) return;
    if (end <= start)
      throw new ConnectorError("transient", "Zendesk's stream of ticket events goes on and does not move");
    start = end;
  }
}
