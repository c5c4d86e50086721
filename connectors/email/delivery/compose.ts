/** Composes an answer to a customer as a mail: in its thread, to all who belong to it, with the original quoted below. */
import { createHash } from "node:crypto";
import MailComposer from "nodemailer/lib/mail-composer";
import type { AnsweredMessage, OutgoingTicket } from "../../../plugins/contract/connector.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { MailAddress } from "../mail.ts";
import { aliasOf, canonicalAddress, type OwnAddresses, recipientsOf } from "./recipients.ts";
import { headAndTail, type MailOrigin, readOrigin } from "./source-data.ts";
import { replySubject } from "./subject.ts";
import { attribution, bodyText, contentHash, oneLine, quote } from "./text.ts";

/** How the company writes. */
export interface Sender {
  readonly company: string;
  readonly instance: string;
  /** The name beside the address in `From`. */
  readonly displayName: string;
  readonly own: OwnAddresses;
  /** Put below the text, as it is. */
  readonly signature: string | null;
  /** Whether the subject ends with the ticket's code, for programs that lose the thread's headers. */
  readonly subjectCode: boolean;
  /** IANA name, for the times in "On … wrote". */
  readonly timeZone: string;
}

/** What is answered, and with what. */
export interface Answer {
  readonly ticket: OutgoingTicket;
  readonly message: AnsweredMessage;
  readonly text: string;
  /** ISO 639-1, or null. */
  readonly language: string | null;
  /** The same for every attempt: the Message-ID is made from it. */
  readonly key: string;
}

export interface ComposedMail {
  readonly raw: Buffer;
  /** Without angle brackets. */
  readonly messageId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  /** Of what a person may change: see `contentHash`. */
  readonly hash: string;
}

/** Headers by which the connector knows its own mails. They name nobody and hold no text. */
export const markerHeaders = {
  /** The draft's idempotency key. */
  draft: "X-Deskwire-Draft",
  id: "X-Deskwire-Id",
  ticket: "X-Deskwire-Ticket",
  /** The core's id of the message that it answers: tells an older draft from a newer one. */
  answers: "X-Deskwire-Answers",
  /** `contentHash` of the draft as it was written. */
  hash: "X-Deskwire-Hash",
  /** An approved reply's `externalId`. */
  reply: "X-Deskwire-Reply",
  /** On mails to the agents. */
  notice: "X-Deskwire-Notice",
} as const;

export type Markers = Partial<Record<Exclude<keyof typeof markerHeaders, "hash">, string>>;

/** The ids that mail programs fold into one header; longer threads keep the first and the newest. */
const maxReferences = 40;

/**
 * @param now for the `Date` header
 * @param headers more of them
 * @throws ConnectorError `permanent` where there is nobody to answer to
 */
export async function composeReply(
  sender: Sender,
  answer: Answer,
  markers: Markers,
  now: Date,
  headers: Readonly<Record<string, string>> = {},
): Promise<ComposedMail> {
  const origin = readOrigin(answer.message.sourceData);
  const from = aliasOf(origin, sender.own);
  const { to, cc } = recipientsOf(origin, requesterOf(answer.ticket), sender.own);
  if (to.length === 0) {
    throw new ConnectorError(
      "permanent",
      "there is nobody to answer to: the mail names no sender but the company's own addresses",
    );
  }
  const subject = replySubject(
    origin?.subject ?? answer.ticket.subject,
    sender.subjectCode ? answer.ticket.code : null,
  );
  const text = replyText(sender, answer, origin);
  const messageId = messageIdOf(sender, answer.key, from);
  const content = { text, subject, to: to.map(addressOf), cc: cc.map(addressOf), files: 0 };
  const hash = contentHash(content);
  const raw = await buildMail({
    from: { name: sender.displayName, address: from },
    to,
    cc,
    subject,
    text,
    messageId,
    date: now,
    thread: threadOf(origin),
    headers: { ...markerLines(markers), [markerHeaders.hash]: hash, ...headers },
  });
  return { raw, messageId, from, to: content.to, cc: content.cc, subject, hash };
}

/** `In-Reply-To` and `References` of an answer: ids that mail programs can read, without angle brackets. */
export function threadOf(origin: MailOrigin | null): { inReplyTo: string | null; references: string[] } {
  const isId = (id: string) => /^[\x21-\x3b\x3d\x3f-\x7e]{1,512}$/.test(id);
  const parent = origin?.messageId ?? null;
  const inReplyTo = parent !== null && isId(parent) ? parent : null;
  const ids = (origin?.references ?? []).filter((id) => isId(id) && id !== inReplyTo);
  if (inReplyTo !== null) ids.push(inReplyTo);
  return { inReplyTo, references: headAndTail([...new Set(ids)], maxReferences) };
}

/** A marker's value as it can stand in a header and be found again. */
export function markerValue(value: string): string {
  return /^[\w.:@/-]{1,200}$/.test(value)
    ? value
    : `sha256-${createHash("sha256").update(value).digest("hex")}`;
}

export function markerLines(markers: Markers): Record<string, string> {
  const names: Record<string, string> = markerHeaders;
  return Object.fromEntries(
    Object.entries(markers).flatMap(([name, value]) => {
      const header = names[name];
      return header === undefined ? [] : [[header, markerValue(value)]];
    }),
  );
}

/** The same for every attempt, and no other's: it names the company's connector and the key. */
export function messageIdOf(sender: Sender, key: string, address: string): string {
  const scope = JSON.stringify([sender.company, sender.instance, key]);
  const id = createHash("sha256").update(scope).digest("hex").slice(0, 40);
  return `deskwire.${id}@${(canonicalAddress(address) ?? address).split("@").at(-1)}`;
}

/** The person who wrote, as the core knows them. */
export function requesterOf({ requester }: OutgoingTicket): MailAddress | null {
  if (requester.email === undefined) return null;
  return { name: requester.name ?? null, address: requester.email };
}

/** The new text, the signature, and the original below a line that says whose it is. */
function replyText(sender: Sender, answer: Answer, origin: MailOrigin | null): string {
  const head = [bodyText(answer.text), bodyText(sender.signature ?? "")].filter(Boolean).join("\n\n");
  return `${head}\n\n${quotedOriginal(sender, answer, origin)}\n`;
}

export function quotedOriginal(
  sender: Sender,
  { ticket, message, language }: Answer,
  origin: MailOrigin | null,
): string {
  const person = origin?.from[0] ?? requesterOf(ticket);
  const address = person?.address ?? "";
  const original = {
    text: [message.text, message.quoted ?? ""].filter(Boolean).join("\n\n"),
    sender: { name: person?.name ?? null, address: canonicalAddress(address) === null ? null : address },
    date: origin?.date ? new Date(origin.date) : message.sentAt,
  };
  return `${attribution(original, language, sender.timeZone)}\n${quote(original.text)}`;
}

export interface MailParts {
  readonly from: MailAddress;
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
  readonly replyTo?: string;
  readonly subject: string;
  readonly text: string;
  readonly messageId: string;
  readonly date: Date;
  readonly thread: { readonly inReplyTo: string | null; readonly references: readonly string[] };
  readonly headers: Readonly<Record<string, string>>;
  /** A mail to be attached, as a file that mail programs open. */
  readonly attachedMail?: { readonly name: string; readonly raw: Buffer };
}

/**
 * The bytes of a mail. Plain text on purpose: every program opens and edits it, and nothing of a draft is hidden in a
 * second form. Its lines are not wrapped (programs do that for their window); the transfer encoding keeps them short.
 */
export async function buildMail(parts: MailParts): Promise<Buffer> {
  const { thread, attachedMail } = parts;
  const composer = new MailComposer({
    from: named(parts.from),
    to: parts.to.map(named),
    cc: parts.cc.map(named),
    ...(parts.replyTo && { replyTo: parts.replyTo }),
    subject: parts.subject,
    messageId: `<${parts.messageId}>`,
    date: parts.date,
    ...(thread.inReplyTo !== null && { inReplyTo: `<${thread.inReplyTo}>` }),
    ...(thread.references.length > 0 && { references: thread.references.map((id) => `<${id}>`) }),
    headers: { ...parts.headers },
    text: parts.text,
    ...(attachedMail && {
      attachments: [
        {
          filename: attachedMail.name,
          content: attachedMail.raw,
          contentType: "message/rfc822",
          contentDisposition: "attachment",
        },
      ],
    }),
    xMailer: false,
    newline: "windows",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}

const addressOf = ({ address }: MailAddress) => address;

function named({ name, address }: MailAddress): { name: string; address: string } {
  return { name: oneLine(name ?? "").slice(0, 200), address };
}
