/** A connector's message as the database takes it. */
import type { InboundMessage } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import type { NewAttachment, NewMessage } from "../store/messages.ts";
import type { Source } from "./source.ts";
import type { Taken } from "./threads.ts";

/** @param raw the key of its blob; @param attachments whose files are stored already */
export function toNewMessage(
  source: Source,
  { id, ticketId = newId() }: Taken,
  event: InboundMessage,
  raw: string | null,
  attachments: NewAttachment[],
): NewMessage {
  return {
    id,
    ticketId,
    company: source.company,
    connector: source.connector,
    externalId: event.externalId,
    threadId: event.threadId ?? event.externalId,
    subject: event.subject ?? null,
    name: event.requester.name ?? null,
    email: event.requester.email ?? null,
    personId: event.requester.externalId ?? null,
    text: event.text,
    quoted: event.quoted ?? null,
    html: event.html ?? null,
    raw,
    sourceData: event.sourceData ?? null,
    sentAt: (event.sentAt ?? new Date()).toISOString(),
    skip: event.skip ?? null,
    attachments,
  };
}
