/**
 * The loop guard: which mails get no draft, because a machine wrote them or nobody would read an answer. After RFC 3834
 * (section 2, and the headers that came into use beside it), RFC 3464 (bounces), RFC 8098 (receipts) and RFC 2919 (lists).
 */
import type { OwnAddresses } from "./delivery/recipients.ts";
import type { MailAddress, ParsedMail } from "./mail.ts";

/** Why a mail is kept without a draft. */
export const skipReasons = {
  "auto-submitted": "A machine wrote it: it says so (Auto-Submitted, X-Auto-Response-Suppress and the like).",
  "auto-reply": "An out-of-office or other automatic answer, by its subject.",
  bounce: "A mail could not be delivered, or was delayed.",
  receipt: "A receipt that a mail was delivered, read or deleted.",
  "mailing-list": "It came over a mailing list or in bulk.",
  "no-reply": "Its sender takes no answers.",
  "own-mail": "It came from the mailbox itself.",
  "sender-cap": "Its sender had too many mails within an hour: two robots may be talking.",
  encrypted: "It is encrypted.",
  "too-large": "It is larger than `maxBytes`: only its header was read.",
} as const;

export type SkipReason = keyof typeof skipReasons;

const first = (mail: ParsedMail, name: string) => mail.headers.get(name)?.[0]?.trim().toLowerCase() ?? "";

/** The lists that a mail came over, as `support.example.com` for support@example.com. */
function listNames(mail: ParsedMail): string[] {
  const ids = mail.headers.get("list-id") ?? [];
  const posts = mail.headers.get("list-post") ?? [];
  return [
    ...ids.map((id) => /<([^<>]{1,300})>/.exec(id)?.[1] ?? id.trim()),
    ...posts.map((post) => /mailto:([^<>?]{1,300})/i.exec(post)?.[1] ?? ""),
  ].map((name) => name.toLowerCase().replace("@", "."));
}

/** A company's support address may itself be a group that passes mails on: that makes none of them a newsletter. */
function isOwnGroup(mail: ParsedMail, own: OwnAddresses): boolean {
  const names = listNames(mail);
  return own.all.some((address) => names.includes(address.replace("@", ".")));
}

function isBulk(mail: ParsedMail, own: OwnAddresses): boolean {
  if (isOwnGroup(mail, own)) return false;
  if (["bulk", "list", "junk"].includes(first(mail, "precedence"))) return true;
  return [...mail.headers.keys()].some((name) => name.startsWith("list-"));
}

const machineHeaders = [
  "x-autoreply",
  "x-autorespond",
  "x-auto-reply",
  "x-mail-autoreply",
  "x-autoreply-from",
];

function isAutoSubmitted(mail: ParsedMail): boolean {
  const submitted = first(mail, "auto-submitted").split(/[;\s(]/)[0] ?? "";
  if (submitted !== "" && submitted !== "no") return true;
  // Receipts and delivery reports (DR, NDR, RN, NRN) may be unwanted by people too.
  if (/\b(all|autoreply|oof)\b/.test(first(mail, "x-auto-response-suppress"))) return true;
  if (first(mail, "precedence") === "auto_reply") return true;
  return machineHeaders.some((name) => !["", "no", "false"].includes(first(mail, name)));
}

const daemon = /^(mailer-daemon|mail-daemon|postmaster|mdaemon)@/;

function isBounce(mail: ParsedMail): boolean {
  if (mail.mediaType === "multipart/report" && mail.reportType !== "disposition-notification") return true;
  if (mail.headers.has("x-failed-recipients")) return true;
  return mail.from.some(({ address }) => daemon.test(address));
}

const autoReplySubject =
  /^(re: ?)?(automatic reply|auto-?reply|auto-?response|out of (the )?office|automatische antwort|abwesenheits(notiz|meldung|assistent)|autoantwort|автоответ(чик)?|автоматический ответ|отсутствую)(?![\p{L}])/iu;

const noReply = /^(no|do[-_.]?not|dont|nie|nicht)[-_.]?(reply|respond|answer|antworten)([-_.+].*)?@/;

/** Where an answer would go. */
export function replyAddresses(mail: Pick<ParsedMail, "from" | "replyTo">): readonly MailAddress[] {
  return mail.replyTo.length > 0 ? mail.replyTo : mail.from;
}

/**
 * The reason why a customer's mail gets no draft, or null.
 */
export function guard(mail: ParsedMail, own: OwnAddresses): SkipReason | null {
  if (mail.mediaType === "multipart/report" && mail.reportType === "disposition-notification")
    return "receipt";
  if (isBounce(mail)) return "bounce";
  if (isAutoSubmitted(mail)) return "auto-submitted";
  if (isBulk(mail, own)) return "mailing-list";
  if (autoReplySubject.test(mail.subject ?? "")) return "auto-reply";
  // A null return path (RFC 5321, section 4.5.5) is asked for last: it says least about what the mail is.
  if (first(mail, "return-path").replace(/\s/g, "") === "<>") return "auto-submitted";
  const answers = replyAddresses(mail);
  if (answers.length === 0 || answers.every(({ address }) => noReply.test(address))) return "no-reply";
  if (answers.every(({ address }) => own.has(address))) return "own-mail";
  return mail.encrypted ? "encrypted" : null;
}

const hourMs = 3_600_000;
/** The most senders that are remembered. */
const mostSenders = 10_000;

export interface SenderCap {
  /**
   * True where this mail is one too many for its sender.
   * @param id the mail's: one that is read again does not count twice
   */
  exceeded(sender: string, id: string, at: Date): boolean;
}

/** Counts the mails of each sender within an hour, by the times at which they came in. */
export function createSenderCap(perHour: number): SenderCap {
  const senders = new Map<string, Map<string, number>>();
  return {
    exceeded(sender, id, at) {
      const mails = senders.get(sender) ?? new Map<string, number>();
      // Moved to the end: whoever has been silent for longest is forgotten first.
      senders.delete(sender);
      senders.set(sender, mails);
      for (const [known, time] of mails) if (Math.abs(at.getTime() - time) >= hourMs) mails.delete(known);
      const before = [...mails.keys()].indexOf(id);
      if (before === -1 && mails.size <= perHour) mails.set(id, at.getTime());
      const oldest = senders.size > mostSenders ? senders.keys().next().value : undefined;
      if (oldest !== undefined) senders.delete(oldest);
      return before === -1 ? mails.size > perHour : before >= perHour;
    },
  };
}
