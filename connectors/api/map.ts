/** The body of `POST /v1/messages` and the JSON of outgoing drafts and replies, to and from Deskwire's own terms. */
import { z } from "zod";
import type { OutgoingDraft, OutgoingReply } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { maxTextLength, storableText } from "../../plugins/contract/events.ts";

/** Linear in the length: a pattern with groups would overflow the stack on megabytes. */
const base64Alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

const base64 = z
  .string()
  .refine((value) => value.length % 4 === 0 && base64Alphabet.test(value), {
    error: "expected base64 (RFC 4648, with padding, no line breaks, no data: prefix)",
  })
  .meta({ contentEncoding: "base64" });

const id = storableText(512).min(1);

const attachment = z.strictObject({
  name: storableText(255).min(1).describe("The file's name."),
  mediaType: storableText(255)
    .min(1)
    .optional()
    .describe("Such as image/png. Default: application/octet-stream."),
  content: base64.describe("The file itself, in base64."),
});

/** One customer's message, as a company's own system posts it. */
export const messageBody = z
  .strictObject({
    externalId: id
      .optional()
      .describe(
        "The message's id in your system. The same one twice is stored once. Default: the Idempotency-Key header, else a random UUID.",
      ),
    threadId: id
      .optional()
      .describe("Messages with the same thread id form one ticket. Default: a ticket of its own."),
    subject: storableText(2_000).optional().describe("The subject line, where there is one."),
    text: storableText(maxTextLength).min(1).describe("What the customer wrote, as plain text."),
    html: storableText(1_000_000)
      .optional()
      .describe("The same as HTML: kept, never executed or shown as HTML."),
    requester: z
      .strictObject({
        name: storableText(320).optional().describe("The customer's name."),
        email: storableText(320).optional().describe("The customer's e-mail address."),
        externalId: id.optional().describe("The customer's id in your system."),
      })
      .optional()
      .describe("Who wrote."),
    sentAt: z.iso
      .datetime({
        offset: true,
        error: "expected a date and time with an offset, such as 2026-11-23T09:30:00+03:00 or …Z",
      })
      .optional()
      .describe("When it was written, ISO 8601 with an offset. Default: now."),
    attachments: z.array(attachment).max(20).optional().describe("At most 20 files."),
    skip: storableText(200)
      .min(1)
      .optional()
      .describe(
        "Why no draft is wanted (an automatic mail, say): the message is stored and skipped with this reason.",
      ),
  })
  .describe("A customer's message.");

export type MessageBody = z.output<typeof messageBody>;

/** The event for a checked body. */
export function toMessage(body: MessageBody, defaultId: () => string): ConnectorEventInput {
  const { externalId, sentAt, attachments, ...rest } = body;
  return {
    kind: "message",
    ...rest,
    externalId: externalId ?? defaultId(),
    ...(sentAt === undefined ? {} : { sentAt: new Date(sentAt) }),
    ...(attachments === undefined
      ? {}
      : {
          attachments: attachments.map(({ name, mediaType, content }) => ({
            name,
            ...(mediaType === undefined ? {} : { mediaType }),
            content: new Uint8Array(Buffer.from(content, "base64")),
          })),
        }),
  };
}

/** Reads JSON from raw bytes. Throws a ConnectorError (`permanent`) that says where it is broken. */
export function readJson(bytes: Uint8Array, contentType: string | undefined): unknown {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new ConnectorError(
      "permanent",
      `The content type is ${type ? `"${type.slice(0, 100)}"` : "missing"}: send JSON with "Content-Type: application/json".`,
    );
  }
  if (bytes.byteLength === 0) throw new ConnectorError("permanent", "The body is empty: send a JSON object.");
  const text = decode(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const where = said.includes("position") ? "" : ` (at position ${text.length}, the end)`;
    throw new ConnectorError("permanent", `The body is not valid JSON: ${said}${where}`);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConnectorError("permanent", "The body is not valid UTF-8: encode the JSON as UTF-8.");
  }
}

/** What a company's URL gets for a draft. Documented in `docs/connectors/api.md`. */
export function draftJson(draft: OutgoingDraft): string {
  const { idempotencyKey: _, message, ...data } = draft;
  const { quoted: _quoted, sourceData: _sourceData, ...answered } = message;
  return JSON.stringify({ type: "draft.ready", data: { ...data, message: answered } });
}

/** What a company's URL gets for a reply that an agent approved in Deskwire. */
export function replyJson({ ticket, message: _, ...reply }: OutgoingReply): string {
  return JSON.stringify({ type: "reply.approved", data: { ...reply, threadId: ticket.threadId } });
}

/** The id that the receiver gave to the draft, from its answer, or null. Anything but JSON with an `id` is no id. */
export function idFromAnswer(answer: string): string | null {
  if (!answer.trimStart().startsWith("{")) return null;
  try {
    const parsed = z.looseObject({ id: z.union([z.string(), z.number()]) }).safeParse(JSON.parse(answer));
    const found = parsed.success ? String(parsed.data.id) : "";
    return id.safeParse(found).success ? found : null;
  } catch {
    return null; // The draft has arrived; what the receiver says beside it is its own affair.
  }
}
