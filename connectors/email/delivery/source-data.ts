/** What the connector stores with each message, so that an answer to it can be composed without reading the mail again. */
import { z } from "zod";
import type { SourceData } from "../../../plugins/contract/events.ts";
import type { MailAddress, ParsedMail } from "../mail.ts";

const addressSchema = z.object({ name: z.string().nullable(), address: z.string().min(1) });

/** The headers of a customer's mail that its answer is made from. */
export const mailOriginSchema = z.object({
  /** Without angle brackets, as all ids here. */
  messageId: z.string().nullable(),
  /** The mail's `References`, or its `In-Reply-To` where it has none; oldest first. */
  references: z.array(z.string()).max(100),
  from: z.array(addressSchema),
  replyTo: z.array(addressSchema),
  to: z.array(addressSchema),
  cc: z.array(addressSchema),
  /** The company's own address that the mail came to, or null where it is not known. */
  deliveredTo: z.string().nullable(),
  subject: z.string().nullable(),
  /** ISO 8601, or null where the mail has no usable date. */
  date: z.string().nullable(),
});

export type MailOrigin = z.output<typeof mailOriginSchema>;

/** The contract allows 65,536 characters of JSON; the rest is left for what the connector may add beside. */
const maxJson = 60_000;
const maxSenders = 10;
const maxRecipients = 100;

/** @param deliveredTo the company's own address that the mail came to, where a header says so */
export function originOf(mail: ParsedMail, deliveredTo: string | null): MailOrigin {
  const references = mail.references.length > 0 ? mail.references : mail.inReplyTo;
  return bounded({
    messageId: mail.messageId !== null && mail.messageId.length <= 512 ? mail.messageId : null,
    references: headAndTail(
      references.filter((id) => id.length <= 512),
      100,
    ),
    from: addresses(mail.from, maxSenders),
    replyTo: addresses(mail.replyTo, maxSenders),
    to: addresses(mail.to, maxRecipients),
    cc: addresses(mail.cc, maxRecipients),
    deliveredTo: deliveredTo === null ? null : deliveredTo.slice(0, 320),
    subject: mail.subject,
    date: mail.date === null ? null : mail.date.toISOString(),
  });
}

/** The form in which it is stored with a message. */
export function toSourceData(origin: MailOrigin): SourceData {
  return { mailOrigin: origin };
}

/** What was stored with a message, or null where nothing was, or another version of this connector wrote it. */
export function readOrigin(sourceData: SourceData | null): MailOrigin | null {
  const result = mailOriginSchema.safeParse(sourceData?.mailOrigin);
  return result.success ? result.data : null;
}

/** The first id, which names the thread, and the newest ones, which mail programs look at first. */
export function headAndTail(ids: readonly string[], max: number): string[] {
  if (ids.length <= max) return [...ids];
  return [...ids.slice(0, 1), ...ids.slice(ids.length - max + 1)];
}

function addresses(list: readonly MailAddress[], max: number): MailAddress[] {
  return list
    .filter(({ address }) => address.length <= 320)
    .slice(0, max)
    .map(({ name, address }) => ({ name: name === null ? null : name.slice(0, 200), address }));
}

/** A mail with hundreds of recipients and ids loses some of both rather than being refused as a whole. */
function bounded(origin: MailOrigin): MailOrigin {
  if (JSON.stringify(origin).length <= maxJson) return origin;
  const half = (list: MailAddress[]) => list.slice(0, Math.ceil(list.length / 2));
  return bounded({
    ...origin,
    references: headAndTail(origin.references, Math.ceil(origin.references.length / 2)),
    replyTo: half(origin.replyTo),
    to: half(origin.to),
    cc: half(origin.cc),
  });
}
