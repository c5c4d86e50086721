/** What a connector hands to the core: events, already in Deskwire's own terms. A vendor's field names stop before here. */
import { z } from "zod";

/** The longest text taken, in characters. Longer messages are rejected, not cut. */
export const maxTextLength = 200_000;

/** PostgreSQL cannot hold NUL, and a lone surrogate has no UTF-8 form: both would change or lose what the customer wrote. */
export function textFault(value: string): string | undefined {
  const nul = value.indexOf("\u0000");
  if (nul !== -1) return `contains a NUL character at position ${nul}`;
  if (!value.isWellFormed()) return "contains a lone surrogate (broken Unicode)";
  return undefined;
}

/** A string that can be stored as it is. */
export function storableText(max: number) {
  return z
    .string()
    .max(max)
    .superRefine((value, ctx) => {
      const fault = textFault(value);
      if (fault) ctx.addIssue({ code: "custom", message: fault });
    });
}

/** Typed by hand, since zod would ask for bytes that are not shared between threads. */
const bytes: z.ZodType<Uint8Array, Uint8Array> = z.instanceof(Uint8Array);

const externalId = storableText(512).min(1);

/** Times far from ours are a broken clock or a wrong unit, and PostgreSQL cannot hold all of them. */
const time = z.date().refine((at) => at.getUTCFullYear() >= 1970 && at.getUTCFullYear() <= 2100, {
  error: (issue) =>
    `expected a time between 1970 and 2100, got the year ${(issue.input as Date).getUTCFullYear()}`,
});

/** Who wrote: at least one of the fields should be there for the agent's sake, none is required. */
export const personSchema = z.strictObject({
  name: storableText(320).optional(),
  email: storableText(320).optional(),
  externalId: externalId.optional(),
});

/** A file that came with a message. The core moves `content` to the blob store before the message is committed. */
export const attachmentSchema = z.strictObject({
  name: storableText(255).min(1),
  mediaType: storableText(255).default("application/octet-stream"),
  content: bytes,
  /** The id by which the message's HTML shows it (`cid:`), without angle brackets. */
  contentId: externalId.optional(),
});

/** The form of a ticket's code, by which a subject line may name its ticket. */
export const ticketCodePattern = /^[0-9a-f]{10}$/;

/**
 * How a message of a source without thread ids (e-mail) finds its ticket. It joins the ticket of a message that it names,
 * where its sender is one of that ticket's participants; a stranger's message becomes a ticket of its own, linked to that one.
 */
export const threadHintsSchema = z.strictObject({
  /** The id by which other messages name this one. */
  id: externalId.optional(),
  /** Ids of the messages that this one names, oldest first. */
  references: z.array(externalId).max(201).default([]),
  /** Lower-case addresses of all who wrote or got it, the company's own left out. */
  participants: z.array(storableText(320).min(1)).max(500).default([]),
  /** The code of a ticket that the subject names. */
  ticketCode: z.string().regex(ticketCodePattern).optional(),
});

/** What a connector wants to know again when it delivers: up to 64 kB of JSON, stored with the message, shown to nobody. */
export const sourceDataSchema = z
  .record(z.string(), z.json())
  .refine((data) => JSON.stringify(data).length <= 65_536, {
    error: "expected at most 65,536 characters of JSON",
  });

/** A customer's message. `externalId` makes it unique per connector: the same one twice is stored once. */
export const inboundMessageSchema = z.strictObject({
  kind: z.literal("message"),
  externalId,
  /** The thread in the source; messages with the same one form a ticket. Default: found by `thread`, or one of its own. */
  threadId: externalId.optional(),
  thread: threadHintsSchema.optional(),
  subject: storableText(2_000).optional(),
  /** What the customer newly wrote: what the model reads. */
  text: storableText(maxTextLength).min(1),
  /** What was taken off the text: quotes of earlier messages and signatures. */
  quoted: storableText(maxTextLength).optional(),
  /** Sanitised: people may look at it. */
  html: storableText(1_000_000).optional(),
  /** The message as the source has it, kept for ever beside what was made of it. */
  raw: bytes.optional(),
  sourceData: sourceDataSchema.optional(),
  requester: personSchema.default({}),
  /** When it was written, by the source's clock. */
  sentAt: time.optional(),
  attachments: z.array(attachmentSchema).max(100).optional(),
  /** Why no draft is wanted (an automatic mail, say): stored, then skipped with this reason. */
  skip: storableText(200).optional(),
});

/** An agent's reply that the customer got: matched to the draft that it came from. */
export const agentReplySchema = z.strictObject({
  kind: z.literal("agent-reply"),
  externalId,
  /** The thread in the source, or else `thread`: without either of them known, the reply is passed over. */
  threadId: externalId.optional(),
  /** It belongs to the ticket of a message that it names, where one of the people it went to is a participant there. */
  thread: threadHintsSchema.optional(),
  /** What the agent newly wrote. */
  text: storableText(maxTextLength).min(1),
  /** What was taken off the text: quotes and signatures. A draft may have closed with words that look like one. */
  quoted: storableText(maxTextLength).optional(),
  agent: personSchema.default({}),
  sentAt: time.optional(),
  /** The draft it was made from, where the source tells. */
  draftId: z.uuid().optional(),
});

/** A person's own choice of labels for a message's ticket: a lesson for the classifier. */
export const labelCorrectionSchema = z.strictObject({
  kind: z.literal("label-correction"),
  externalId,
  threadId: externalId,
  labels: z.strictObject({
    type: storableText(100).optional(),
    priority: storableText(100).optional(),
    department: storableText(100).optional(),
  }),
  agent: personSchema.default({}),
  at: time.optional(),
});

/** An item that could not be read: kept in quarantine with its reason, so that the page goes on. */
export const rejectedSchema = z.strictObject({
  kind: z.literal("rejected"),
  externalId,
  reason: storableText(2_000),
  raw: bytes.optional(),
});

export const connectorEventSchema = z.discriminatedUnion("kind", [
  inboundMessageSchema,
  agentReplySchema,
  labelCorrectionSchema,
  rejectedSchema,
]);

export type Person = z.output<typeof personSchema>;
export type Attachment = z.output<typeof attachmentSchema>;
export type InboundMessage = z.output<typeof inboundMessageSchema>;
export type AgentReply = z.output<typeof agentReplySchema>;
export type ThreadHints = z.output<typeof threadHintsSchema>;
export type SourceData = z.output<typeof sourceDataSchema>;
export type LabelCorrection = z.output<typeof labelCorrectionSchema>;
export type Rejected = z.output<typeof rejectedSchema>;
export type ConnectorEvent = z.output<typeof connectorEventSchema>;
/** What a connector may write: fields with defaults left out. */
export type ConnectorEventInput = z.input<typeof connectorEventSchema>;
