/** What of a ticket is handed over: all that was said, in its order, the same by polling and by webhook. */
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { type Client, commentPages } from "./client.ts";
import { loadFiles } from "./files.ts";
import { readComment, roleOf, type Surroundings, toEvent } from "./map.ts";
import type { RawComment, User } from "./schema.ts";

/** The most of a ticket's comments that were there before the hub came, and are handed over as history. */
const mostHistory = 100;

export interface ReadOptions {
  /** What was written before is history and wants no draft; null: nothing is. */
  historyBefore: Date | null;
  /** Nothing older is wanted at all. */
  notBefore?: Date | null;
  /** Comments that need not be handed over again. */
  seen?: ReadonlySet<number> | undefined;
  signal?: AbortSignal | undefined;
}

export interface TicketEvents {
  events: ConnectorEventInput[];
  /** All comments that were looked at. */
  ids: number[];
}

/** The comments that are wanted, oldest first, and the users who wrote them. */
async function collect(client: Client, ticketId: number, { historyBefore, seen, signal }: ReadOptions) {
  const comments = new Map<number, RawComment>();
  const authors = new Map<number, User>();
  const isOld = (comment: RawComment) =>
    historyBefore !== null && new Date(comment.created_at) < historyBefore;
  for await (const page of commentPages(client, ticketId, signal)) {
    for (const [id, user] of page.users) authors.set(id, user);
    for (const comment of page.comments) comments.set(comment.id, comment);
    const last = page.comments.at(-1);
    if (!last || seen?.has(last.id)) break;
    if (comments.size >= mostHistory && isOld(last)) break;
  }
  return { comments: [...comments.values()].toReversed(), authors };
}

/** Reads a ticket's comments. Throws what the request throws: for a ticket that is gone, an error of status 404. */
export async function readTicketEvents(
  client: Client,
  ticket: Surroundings["ticket"],
  options: ReadOptions,
): Promise<TicketEvents> {
  const { comments, authors } = await collect(client, ticket.id, options);
  const { seen, notBefore = null } = options;
  const fresh = comments.filter(
    ({ id, created_at }) => !seen?.has(id) && (notBefore === null || new Date(created_at) >= notBefore),
  );
  const authorIds = fresh.flatMap(({ author_id }) => (typeof author_id === "number" ? [author_id] : []));
  const strangers = await client.users(
    authorIds.filter((id) => !authors.has(id)),
    options.signal,
  );
  const events: ConnectorEventInput[] = [];
  for (const raw of fresh) {
    const authorId = typeof raw.author_id === "number" ? raw.author_id : 0;
    const around = { ticket, author: authors.get(authorId) ?? strangers.get(authorId) ?? null };
    const event = await handOver(client, raw, around, options);
    if (event) events.push(event);
  }
  return { events, ids: comments.map(({ id }) => id) };
}

/** The event of one comment, with its files where a draft is wanted; null for what is none of ours. */
export async function handOver(
  client: Client,
  raw: RawComment,
  around: Surroundings,
  { historyBefore, signal }: ReadOptions,
): Promise<ConnectorEventInput | null> {
  const read = readComment(raw, around);
  if ("rejected" in read) return read.rejected;
  const { comment } = read;
  const isHistory = historyBefore !== null && new Date(comment.created_at) < historyBefore;
  const wantsFiles = roleOf(comment, around) === "message" && !isHistory;
  const files = wantsFiles ? await loadFiles(client, comment, signal) : { attachments: [], missing: [] };
  return toEvent(comment, around, historyBefore, files);
}
