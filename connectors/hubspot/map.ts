/** Entries of HubSpot's threads as messages and replies. HubSpot's own names stop here. */
import { hash } from "node:crypto";
import { z } from "zod";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import {
  agentReplySchema,
  type ConnectorEventInput,
  inboundMessageSchema,
  maxTextLength,
  type Person,
} from "../../plugins/contract/events.ts";
import { htmlToPlain } from "../../plugins/toolkit/html-text.ts";
import { rejected } from "../../plugins/toolkit/items.ts";
import { oneLine } from "../../plugins/toolkit/plain.ts";
import { type Actor, entrySchema, type Message, messageSchema, objectSchema } from "./schemas.ts";
import { type Ticket, toTicket } from "./ticket.ts";

/** Stands for the text of a message that has none. */
export const noText = "(no text)";

/** An entry that is a customer's message or an agent's answer. */
export interface Written {
  readonly kind: "message" | "reply";
  readonly externalId: string;
  readonly at: Date;
  readonly message: Message;
  /** As HubSpot gave it. */
  readonly raw: unknown;
}

/** An entry that should be one of these and cannot be read. */
export interface Broken {
  readonly kind: "broken";
  readonly externalId: string;
  readonly raw: unknown;
  readonly error: z.ZodError;
}

/** What an item of the quarantine is kept as. */
const keptSchema = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("message"),
    ticket: objectSchema,
    thread: z.string(),
    message: z.unknown(),
  }),
  z.looseObject({ kind: z.literal("thread"), ticket: objectSchema, thread: z.string() }),
  z.looseObject({ kind: z.literal("ticket"), ticket: objectSchema }),
]);

export type Kept =
  | { kind: "message"; ticket: Ticket; thread: string; message: unknown }
  | { kind: "thread"; ticket: Ticket; thread: string }
  | { kind: "ticket"; ticket: Ticket };

/** @throws ConnectorError of kind `permanent` where it is nothing that this connector has kept, or its ticket is broken */
export function readKept(json: unknown): Kept {
  const { data, error } = keptSchema.safeParse(json);
  if (error) throw new ConnectorError("permanent", z.prettifyError(error));
  return { ...data, ticket: toTicket(data.ticket) } as Kept;
}

/** Of a ticket, what is needed to read an item of it again. */
const keptTicket = ({ object }: Ticket) => ({
  id: object.id,
  createdAt: object.createdAt,
  updatedAt: object.updatedAt,
  properties: object.properties,
});

/** A message for the quarantine: see `readKept`. */
export function keepMessage(
  { externalId, raw }: Pick<Broken, "externalId" | "raw">,
  ticket: Ticket,
  thread: string,
  error: z.ZodError,
): ConnectorEventInput {
  const kept = { kind: "message", ticket: keptTicket(ticket), thread, message: raw };
  return rejected("", { id: externalId }, error, kept);
}

/** A whole thread, a ticket's own text, or a ticket that could not be read, for the quarantine. */
export function keepWhole(
  kind: "thread" | "ticket" | "ticket-read",
  id: string,
  ticket: Ticket,
  error: z.ZodError,
): ConnectorEventInput {
  const what = kind === "thread" ? { kind, thread: id } : { kind: "ticket" };
  return rejected(`${kind}:`, { id }, error, { ...what, ticket: keptTicket(ticket) });
}

/** An error for the quarantine in words of ours. */
export const reasonError = (message: string) =>
  new z.ZodError([{ code: "custom", path: [], message, input: null }]);

const isAgent = (id: string | null | undefined) => id?.startsWith("A-") ?? false;
/** Bots, assistants and HubSpot itself. */
const isMachine = (id: string | null | undefined) => /^[BLS]-/.test(id ?? "");

/** The actor who wrote: named as the sender, or else as the entry's author. */
export function senderOf({ senders, createdBy }: Message): Actor {
  return senders[0] ?? { actorId: createdBy ?? null };
}

function kindOf(message: Message): Written["kind"] | null {
  const { direction, createdBy, senders, status } = message;
  const sender = senderOf(message).actorId;
  if (direction === "INCOMING") return isMachine(sender) ? null : "message";
  // A customer has not got what could not be sent.
  if (direction !== "OUTGOING" || status?.statusType === "FAILED") return null;
  // What a bot sends in an agent's name is no agent's answer.
  if (isMachine(createdBy)) return null;
  return isAgent(createdBy) || senders.some(({ actorId }) => isAgent(actorId)) ? "reply" : null;
}

/** What an entry of a thread is; null for all that no customer wrote or got: comments, changes of status, bots' lines. */
export function classify(raw: unknown): Written | Broken | null {
  const entry = entrySchema.safeParse(raw);
  if (!entry.success) {
    const externalId = `message:${hash("sha256", JSON.stringify(raw) ?? "").slice(0, 32)}`;
    return { kind: "broken", externalId, raw, error: entry.error };
  }
  const { id, type, archived } = entry.data;
  if (type !== "MESSAGE" || archived) return null;
  const externalId = `message:${id}`;
  const parsed = messageSchema.safeParse(raw);
  if (!parsed.success) return { kind: "broken", externalId, raw, error: parsed.error };
  const message = parsed.data;
  const kind = kindOf(message);
  return kind && { kind, externalId, at: message.createdAt, message, raw };
}

interface Content {
  readonly text?: string | null | undefined;
  readonly richText?: string | null | undefined;
}

/** The text as people read it, or "" where there is none. */
export function textOf({ text, richText }: Content): string {
  if (text?.trim()) return text;
  return richText ? htmlToPlain(richText) : "";
}

/**
 * A message's own text, and what it quotes. HubSpot cuts long mails, most often to the newest reply, and keeps the whole.
 * @param original the whole message, where it was cut
 */
export function newText(message: Message, original: Content | null): { text: string; quoted?: string } {
  const short = textOf(message).trim();
  const whole = original ? textOf(original).trim() : "";
  if (whole === "") return { text: short };
  const isReply = message.truncationStatus === "TRUNCATED_TO_MOST_RECENT_REPLY";
  if (!isReply || short === "") return { text: whole };
  // What newly came is worth more than what it quotes.
  if (whole.length > maxTextLength) return { text: short };
  if (!whole.startsWith(short)) return { text: whole };
  const quoted = whole.slice(short.length).trim();
  // What is quoted may be shortened: it is history, and stands in HubSpot.
  return quoted === "" ? { text: short } : { text: short, quoted: quoted.slice(0, 100_000).toWellFormed() };
}

/** @param known what HubSpot tells of this actor elsewhere */
export function personOf(sender: Actor, known: { name?: string; email?: string } = {}): Person {
  const { actorId, deliveryIdentifier, name } = sender;
  const address = deliveryIdentifier?.type === "HS_EMAIL_ADDRESS" ? deliveryIdentifier.value : undefined;
  const said = oneLine(name ?? known.name ?? "", 320);
  const email = oneLine(address ?? known.email ?? "", 320);
  const externalId = oneLine(actorId ?? "", 512);
  return {
    ...(said !== "" && { name: said }),
    ...(email !== "" && { email }),
    ...(externalId !== "" && { externalId }),
  };
}

const autoReplySubject =
  /^(re: ?)?(automatic reply|auto-?reply|auto-?response|out of (the )?office|undeliver(able|ed)|delivery status notification|mail delivery failed|automatische antwort|abwesenheits(notiz|meldung)|автоответ(чик)?|автоматический ответ)(?![\p{L}])/iu;
const robots =
  /^(mailer-daemon|mail-daemon|postmaster|(no|do[-_.]?not|dont)[-_.]?(reply|respond|answer)([-_.+].*)?)@/i;

/** Why a message wants no draft although a customer's address sent it. HubSpot tells no headers: its looks have to do. */
export function automaticReason(
  { subject }: Pick<Message, "subject">,
  { email }: Person,
): string | undefined {
  if (autoReplySubject.test(subject?.trim() ?? "")) return "auto-reply";
  return robots.test(email ?? "") ? "no-reply" : undefined;
}

/** The event, or what is wrong with it: a text that cannot be stored goes to quarantine, whichever way it came. */
export function checked(event: ConnectorEventInput): z.ZodError | null {
  const schema = event.kind === "message" ? inboundMessageSchema : agentReplySchema;
  return schema.safeParse(event).error ?? null;
}
