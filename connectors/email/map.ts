/** Mails to events: whose they are, which thread they belong to, and whether they want an answer. */
import { createHash } from "node:crypto";
import type { AgentReply, ConnectorEventInput, ThreadHints } from "../../plugins/contract/events.ts";
import type { OwnAddresses } from "./delivery/recipients.ts";
import { originOf, toSourceData } from "./delivery/source-data.ts";
import { guard, replyAddresses, type SenderCap, type SkipReason } from "./guard.ts";
import type { MailAddress, ParsedMail } from "./mail.ts";
import type { RawMail } from "./raw-mail.ts";
import { stripReply } from "./stripping/strip.ts";

export interface MapSettings {
  readonly own: OwnAddresses;
  /** Addresses, or domains with @ before them, of agents. */
  readonly agents: readonly string[];
  readonly cap: SenderCap;
}

const hash = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");

const nothing = new Uint8Array();

/** The bytes that a mail was read from: the whole of it, or its header. */
export const bytesOf = ({ raw, header }: RawMail): Uint8Array => raw ?? header ?? nothing;

/** Where the body of a raw mail begins. */
function bodyOf(raw: Uint8Array): Uint8Array {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const ends = [bytes.indexOf("\r\n\r\n"), bytes.indexOf("\n\n")].filter((at) => at !== -1);
  return ends.length === 0 ? bytes : bytes.subarray(Math.min(...ends));
}

/**
 * The key under which a mail is stored once, the same in every folder and after a server has numbered its mails anew. The
 * Message-ID alone does not do: some programs leave it out, others use one for many mails.
 */
export function mailKey(mail: ParsedMail, raw: Uint8Array): string {
  const { messageId } = mail;
  const named = [messageId, mail.from[0]?.address, mail.headers.get("date")?.[0], mail.subject];
  const parts = messageId === null ? [...named, hash(bodyOf(raw))] : named;
  const fingerprint = hash(JSON.stringify(parts)).slice(0, 16);
  return messageId === null ? `no-id/${fingerprint}` : `${messageId.slice(0, 400)}/${fingerprint}`;
}

/** The key of a mail that could not be read. */
export const unreadableKey = (raw: Uint8Array): string => `unreadable/${hash(raw).slice(0, 32)}`;

const codeInSubject = /\[#([0-9a-f]{10})\]/i;

function idsOf(mail: ParsedMail): string[] {
  const ids = [...mail.references, ...mail.inReplyTo.filter((id) => !mail.references.includes(id))];
  return ids.filter((id) => id.length <= 512).slice(-200);
}

function hintsOf(mail: ParsedMail, people: readonly MailAddress[], own: OwnAddresses): ThreadHints {
  const code = codeInSubject.exec(mail.subject ?? "")?.[1]?.toLowerCase();
  const addresses = people.map(({ address }) => address).filter((address) => address.length <= 320);
  return {
    ...(mail.messageId !== null && mail.messageId.length <= 512 && { id: mail.messageId }),
    references: idsOf(mail),
    participants: [...new Set(addresses.filter((address) => !own.has(address)))].slice(0, 500),
    ...(code !== undefined && { ticketCode: code }),
  };
}

/** How far the clocks of two servers may be apart, in milliseconds. */
const clocksApartMs = 5 * 60_000;

/** A mail's own date, where it is not ahead of the server's: clocks are wrong, and some dates are made up. */
function sentAtOf({ date }: ParsedMail, internalDate: Date): Date {
  return date !== null && date.getTime() <= internalDate.getTime() + clocksApartMs ? date : internalDate;
}

const person = (one: MailAddress | undefined) =>
  one === undefined
    ? {}
    : { email: one.address.slice(0, 320), ...(one.name !== null && { name: one.name.slice(0, 320) }) };

function isAgent(address: string, { own, agents }: MapSettings): boolean {
  return (
    own.has(address) || agents.includes(address) || agents.includes(address.slice(address.lastIndexOf("@")))
  );
}

/**
 * Ours, with nothing new in it: a notice to the agents, or a reply that was sent through the API. The headers alone do not
 * tell: a company that writes to this one may answer its own customers with Deskwire.
 */
function isOwnWrite(mail: ParsedMail, { role }: RawMail, { own }: MapSettings): boolean {
  const ours = role === "sent" || mail.from.some(({ address }) => own.has(address));
  if (mail.headers.has("x-deskwire-notice")) return ours;
  return mail.headers.has("x-deskwire-reply") && ours && apiReplyOf(mail, role) === undefined;
}

/**
 * The `externalId` under which a reply in Sent is in the history already, by the API. It is read back under the same one,
 * which stores nothing twice, but makes its Message-ID known: some customers' programs name no other in their answers.
 */
function apiReplyOf(mail: ParsedMail, role: RawMail["role"]): string | undefined {
  const externalId = mail.headers.get("x-deskwire-reply")?.[0]?.trim();
  // An id that cannot stand in a header is there as its hash.
  return role === "sent" && externalId && !externalId.startsWith("sha256-") ? externalId : undefined;
}

const wroteItself = (mail: ParsedMail) => {
  const submitted = mail.headers.get("auto-submitted")?.[0]?.trim().toLowerCase() ?? "no";
  return !submitted.startsWith("no");
};

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function toReply(
  mail: ParsedMail,
  found: RawMail,
  externalId: string,
  settings: MapSettings,
): ConnectorEventInput {
  const to = [...mail.to, ...mail.cc];
  const thread = hintsOf(mail, to, settings.own);
  const { text } = stripReply(mail.text);
  const draftId = mail.headers.get("x-deskwire-id")?.[0]?.trim();
  const reply: Omit<AgentReply, "agent"> & { agent: AgentReply["agent"] } = {
    kind: "agent-reply",
    externalId,
    thread,
    text: text || mail.subject || "(no text)",
    agent: person(mail.from[0]),
    sentAt: sentAtOf(mail, found.internalDate),
    ...(draftId !== undefined && uuid.test(draftId) && { draftId }),
  };
  return reply;
}

/** The customer behind a mail: contact forms write in the mailbox's own name, and put the customer into Reply-To. */
function requesterOf(mail: ParsedMail, own: OwnAddresses): MailAddress | undefined {
  const [from] = mail.from;
  if (from && !own.has(from.address)) return from;
  return replyAddresses(mail).find(({ address }) => !own.has(address)) ?? from;
}

function skipOf(mail: ParsedMail, found: RawMail, key: string, settings: MapSettings): SkipReason | null {
  if (found.raw === null) return guard(mail, settings.own) ?? "too-large";
  const reason = guard(mail, settings.own);
  if (reason !== null) return reason;
  const sender = requesterOf(mail, settings.own)?.address;
  return sender !== undefined && settings.cap.exceeded(sender, key, found.internalDate) ? "sender-cap" : null;
}

/** What stands in for the text of a mail that has none. */
function wordsOf(mail: ParsedMail): string {
  const names = mail.files.map(({ name }) => name).join(", ");
  return [mail.subject, names && `[${names}]`].filter(Boolean).join("\n\n") || "(empty mail)";
}

function toMessage(
  mail: ParsedMail,
  found: RawMail,
  externalId: string,
  settings: MapSettings,
): ConnectorEventInput {
  const skip = skipOf(mail, found, externalId, settings);
  const { text, quoted } = stripReply(mail.text);
  const people = [...mail.from, ...mail.replyTo, ...mail.to, ...mail.cc];
  return {
    kind: "message",
    externalId,
    thread: hintsOf(mail, people, settings.own),
    ...(mail.subject !== null && { subject: mail.subject }),
    text: text || wordsOf(mail),
    ...(quoted && { quoted }),
    ...(mail.html !== null && { html: mail.html }),
    raw: bytesOf(found),
    requester: person(requesterOf(mail, settings.own)),
    sourceData: toSourceData(originOf(mail, deliveredTo(mail, settings.own))),
    sentAt: sentAtOf(mail, found.internalDate),
    attachments: mail.files.map(({ name, mediaType, content, contentId }) => ({
      name,
      mediaType,
      content,
      ...(contentId && { contentId: contentId.slice(0, 512) }),
    })),
    ...(skip !== null && { skip }),
  };
}

/** The own address that a mail came to, where a header of its way says so. */
function deliveredTo(mail: ParsedMail, own: OwnAddresses): string | null {
  const named = ["x-original-to", "delivered-to", "envelope-to"].flatMap(
    (name) => mail.headers.get(name) ?? [],
  );
  const addresses = named.map((value) => value.trim().toLowerCase().replace(/^<|>$/g, ""));
  return addresses.find(own.has) ?? null;
}

/** What a mail counts as, and the key under which it is stored. */
export interface Identity {
  readonly kind: "message" | "agent-reply";
  readonly externalId: string;
}

/**
 * A customer's message, an agent's reply, or null where a mail is our own or concerns nobody. A mail in INBOX is an agent's
 * reply where an agent wrote it to others, as an answer to something. The header alone tells, if it has a Message-ID.
 */
export function identify(mail: ParsedMail, found: RawMail, settings: MapSettings): Identity | null {
  if (isOwnWrite(mail, found, settings)) return null;
  const externalId = apiReplyOf(mail, found.role) ?? mailKey(mail, bytesOf(found));
  const outside = [...mail.to, ...mail.cc].some(({ address }) => !isAgent(address, settings));
  if (found.role === "sent")
    return wroteItself(mail) || !outside ? null : { kind: "agent-reply", externalId };
  const [from] = mail.from;
  const answers = mail.inReplyTo.length > 0 || mail.references.length > 0;
  const byAgent = from !== undefined && isAgent(from.address, settings) && !wroteItself(mail);
  const elsewhere = mail.replyTo.some(({ address }) => !isAgent(address, settings));
  return { kind: byAgent && answers && outside && !elsewhere ? "agent-reply" : "message", externalId };
}

/** The event of a mail, or none where it is our own or concerns nobody. */
export function toEvents(mail: ParsedMail, found: RawMail, settings: MapSettings): ConnectorEventInput[] {
  const identity = identify(mail, found, settings);
  if (identity === null) return [];
  const toEvent = identity.kind === "message" ? toMessage : toReply;
  return [toEvent(mail, found, identity.externalId, settings)];
}
