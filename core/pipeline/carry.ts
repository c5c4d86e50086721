/** What intake hands to the classifier within a node, so that it need not be loaded. */
import type { SourceData } from "../../plugins/contract/events.ts";
import type { UnclassifiedMessage } from "../store/classifications.ts";
import type { NewMessage, StoredMessage } from "../store/messages.ts";

/** Longer texts, in characters, are not kept in memory while they wait. */
const longest = 20_000;

/** The message as `loadUnclassified` would give it; undefined where it is long, or its ticket was there before it. */
export function carriedOf(message: NewMessage, stored: StoredMessage): UnclassifiedMessage | undefined {
  const { id, company, connector, externalId, ticketId, threadId, subject, name, text, quoted } = message;
  const isFirst = stored.messageId === id && stored.ticketId === ticketId;
  if (!isFirst || text.length + (quoted?.length ?? 0) > longest) return undefined;
  return {
    id,
    company,
    connector,
    externalId,
    ticketId,
    threadId,
    subject,
    requester: { name, email: message.email, externalId: message.personId },
    authorName: name,
    text,
    quoted,
    sourceData: message.sourceData as SourceData | null,
    sentAt: new Date(message.sentAt),
    attempts: 0,
    ageMs: 0,
  };
}
