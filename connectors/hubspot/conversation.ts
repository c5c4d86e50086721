/** What customers and agents wrote about a ticket, from all of its threads, in the order in which it was written. */
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";
import { automaticReason, type Broken, classify, personOf, senderOf, type Written } from "./map.ts";
import type { Thread } from "./schemas.ts";
import type { Ticket } from "./ticket.ts";
import { orNull } from "./vendor.ts";

export interface ThreadEntry {
  readonly threadId: string;
  readonly entry: Written | Broken;
}

export interface Conversation {
  /** Those marked as spam too. None: the ticket's own text may be all that there is. */
  readonly threads: readonly Thread[];
  readonly entries: readonly ThreadEntry[];
  /** Threads that the token may not read. */
  readonly refused: readonly string[];
}

/** The entries of a thread; null where the token may not read it, though it may read others. A deleted one has none. */
export async function threadEntries(
  client: HubspotClient,
  threadId: string,
  signal: AbortSignal,
): Promise<ThreadEntry[] | null> {
  try {
    const raw = (await orNull(client.vendor.entries(threadId, signal))) ?? [];
    return raw.flatMap((one) => {
      const entry = classify(one);
      return entry ? [{ threadId, entry }] : [];
    });
  } catch (error) {
    // The list of threads was given with the same scope: this one alone is closed to the token.
    if (isConnectorError(error) && error.status === 403) return null;
    throw error;
  }
}

/** Before and after: by time, then by id, so that the order is the same whenever it is asked for. */
function inOrder({ entry: a }: ThreadEntry, { entry: b }: ThreadEntry): number {
  const time = (entry: Written | Broken) => ("at" in entry ? entry.at.getTime() : Number.POSITIVE_INFINITY);
  return time(a) - time(b) || (a.externalId < b.externalId ? -1 : 1);
}

/** All that was written in the ticket's threads. What is marked as spam is left out. */
export async function readConversation(
  client: HubspotClient,
  ticketId: string,
  signal: AbortSignal,
): Promise<Conversation> {
  const threads = (await orNull(client.vendor.threadsOf(ticketId, signal))) ?? [];
  const entries: ThreadEntry[] = [];
  const refused: string[] = [];
  for (const { id } of threads.filter(({ spam, archived }) => !spam && !archived)) {
    const found = await threadEntries(client, id, signal);
    if (found) entries.push(...found);
    else refused.push(id);
  }
  return { threads, entries: entries.toSorted(inOrder), refused };
}

/** A thread that a form opens comes with its ticket; one that comes later is an agent's, in milliseconds. */
const togetherMs = 2 * 60_000;

/**
 * Whether the ticket's own text is its first message: it is what a customer wrote, and no thread holds it too, be it marked
 * as spam or in the trash.
 * @param threads the ticket's, those in the trash left out
 */
export async function hasOwnText(
  client: HubspotClient,
  ticket: Ticket,
  threads: readonly Thread[],
  signal: AbortSignal,
): Promise<boolean> {
  const until = ticket.createdAt.getTime() + togetherMs;
  const isLater = ({ createdAt }: Thread) => createdAt.getTime() > until;
  if (ticket.content === null || !threads.every(isLater)) return false;
  return ((await orNull(client.vendor.trashedThreadsOf(ticket.id, signal))) ?? []).every(isLater);
}

/** The place of a message in the conversation. */
interface Place {
  readonly externalId: string;
  readonly at: Date;
}

/**
 * Whether something has come after a message that is to be answered: an agent's answer, or a newer message.
 * @param until what came later than this does not count
 * @throws ConnectorError of kind `permanent` where a thread may not be read: whoever cannot see must not write
 */
export function overtakenBy(
  { entries, refused }: Conversation,
  ticket: Ticket,
  answered: { externalId: string; sentAt: Date },
  until?: Date,
): "answered" | "superseded" | null {
  if (refused.length > 0) {
    throw new ConnectorError(
      "permanent",
      `HubSpot refuses to show thread ${refused[0]} of ticket ${ticket.id}`,
    );
  }
  const written = entries.flatMap(({ entry }) => (entry.kind === "broken" ? [] : [entry]));
  const found: Place | undefined = written.find(({ externalId }) => externalId === answered.externalId);
  const isOwnText = answered.externalId === `ticket:${ticket.id}`;
  const place = found?.at ?? (isOwnText ? ticket.createdAt : answered.sentAt);
  const isMeant = (at: Date) => until === undefined || at <= until;
  const later = written.filter(({ externalId, at }) => externalId !== answered.externalId && isMeant(at));
  // Where both have the same time an answer counts as the later one: rather no draft than one too many.
  if (later.some(({ kind, at }) => kind === "reply" && at >= place)) return "answered";
  const isNewer = ({ kind, at, message }: Written) =>
    kind === "message" && at > place && !automaticReason(message, personOf(senderOf(message)));
  return later.some(isNewer) ? "superseded" : null;
}
