/** Blocks of header lines ("From: … Sent: … To: … Subject: …") and the rules and titles that programs put above them. */
import { hasTime } from "./dates.ts";
import { type Line, skipBlank } from "./lines.ts";

type Kind = "from" | "sent" | "date" | "to" | "subject" | "other";

const labels: Readonly<Record<string, Kind>> = {
  from: "from",
  von: "from",
  absender: "from",
  от: "from",
  "от кого": "from",
  отправитель: "from",
  sent: "sent",
  gesendet: "sent",
  отправлено: "sent",
  date: "date",
  datum: "date",
  дата: "date",
  to: "to",
  an: "to",
  кому: "to",
  получатель: "to",
  subject: "subject",
  betreff: "subject",
  тема: "subject",
  cc: "other",
  bcc: "other",
  kopie: "other",
  копия: "other",
  "reply-to": "other",
  "antwort an": "other",
  importance: "other",
  priority: "other",
  wichtigkeit: "other",
  priorität: "other",
  важность: "other",
  attachments: "other",
  anlagen: "other",
  вложения: "other",
};

const labelled = /^\*{0,2}([\p{L}-]{1,12}(?: [\p{L}]{1,6})?) {0,2}(?:\*{0,2}:|:\*{0,2}) {0,3}(\S.{0,480})?$/u;
const mostLines = 20;

interface Header {
  readonly kind: Kind | null;
  readonly value: string;
}

function headerOf(line: Line | undefined): Header | null {
  if (line === undefined || line.marked) return null;
  const match = labelled.exec(line.seen);
  if (match === null) return null;
  const kind = labels[(match[1] ?? "").toLowerCase()] ?? null;
  return { kind, value: (match[2] ?? "").replace(/^\*{1,2} ?/u, "") };
}

/**
 * The index after the block of headers that begins here, or null. A person's own "From: Berlin / To: Moscow", and the lines of
 * a contact form, are no block.
 * @param titled under a rule or a title such as "Original Message", where less is asked of the block
 */
export function headerBlockAt(lines: readonly Line[], at: number, titled: boolean): number | null {
  const first = headerOf(lines[at])?.kind;
  if (first === undefined || first === null || first === "to" || first === "other") return null;
  const values = new Map<Kind, string>();
  let end = at;
  for (let index = at; index < Math.min(lines.length, at + mostLines); index += 1) {
    const header = headerOf(lines[index]);
    if (header?.kind) {
      if (header.kind !== "other" && values.has(header.kind)) break;
      values.set(header.kind, header.value);
      end = index + 1;
    } else if (!continues(lines, index)) break;
  }
  // A form goes on with labels of its own, without a blank line: "Phone:", "Message:".
  if (!titled && headerOf(lines[end]) !== null) return null;
  return isQuoteHeader(values, titled) ? end : null;
}

/** A wrapped list of recipients, or one blank line: only if another header line comes next. */
function continues(lines: readonly Line[], index: number): boolean {
  const next = headerOf(lines[index + 1])?.kind ?? headerOf(lines[index + 2])?.kind;
  return next !== undefined && next !== null;
}

function isQuoteHeader(values: ReadonlyMap<Kind, string>, titled: boolean): boolean {
  const from = values.get("from");
  const when = values.get("sent") ?? values.get("date");
  if (from === undefined || from === "") return false;
  const known = [when, values.get("to"), values.get("subject")].filter((value) => value !== undefined).length;
  if (titled) return known >= 1;
  if (known < 2) return false;
  const addressed = `${from} ${values.get("to") ?? ""}`.includes("@");
  const subject = values.get("subject");
  const sent = /\d/u.test(values.get("sent") ?? "") && hasTime(values.get("sent") ?? "");
  const answered = /^(?:re|aw|antw|fwd?|wg|ответ|отв)(?:\[\d{1,3}\])? ?:/iu.test(subject ?? "");
  return (
    (addressed && when !== undefined) ||
    (addressed && subject !== undefined && values.has("to")) ||
    (sent && subject !== undefined) ||
    answered
  );
}

const quotedTitle =
  /^[-_=*– —]{2,80}(?:original(?:[- ]?message)?|original[- ]?nachricht|originalnachricht|ursprüngliche (?:nachricht|e-mail|mail)|исходное (?:сообщение|письмо)|оригинальное (?:сообщение|письмо)|первоначальное (?:сообщение|письмо)|replied message|reply message) {0,3}[-_=*– —]{2,80}:?$/iu;
const replyAbove =
  /^[-#=_*]{2,20} {0,3}.{0,60}(?:reply|respond|type|write|antwort|schreiben|ответ|пишите).{0,60}(?:above|oberhalb|über|выше).{0,60}$/iu;
const forwardTitle =
  /^(?:[-_=*– —]{2,80}(?:forwarded (?:message|by)|weitergeleitete (?:nachricht|e-mail|mail)|пересылаемое (?:сообщение|письмо)|пересланное (?:сообщение|письмо)|переадресованное (?:сообщение|письмо)).{0,120}|(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail|mail)|начало (?:переадресованного|пересылаемого|пересланного) (?:сообщения|письма)) {0,2}:)$/iu;

/** "-----Original Message-----" and its kin. */
export function isQuotedTitle(line: Line): boolean {
  return line.seen.length <= 160 && quotedTitle.test(line.seen);
}

/** "Please reply above this line", as helpdesks ask for: all below is theirs. */
export function isReplyAbove(line: Line): boolean {
  return line.seen.length <= 160 && replyAbove.test(line.seen);
}

/** "---------- Forwarded message ---------" and its kin: what follows was not seen in this ticket yet. */
export function isForwardTitle(line: Line): boolean {
  return line.seen.length <= 240 && forwardTitle.test(line.seen);
}

/** A ruled line over which some programs set their block of headers. */
export function isRule(line: Line): boolean {
  return /^(?:_{5,}|-{5,}|={5,}|—{3,}|\*{5,})$/u.test(line.seen);
}

/** The block of headers under a rule at this line, or null. */
export function ruledBlockAt(lines: readonly Line[], at: number): number | null {
  const rule = lines[at];
  if (rule === undefined || !isRule(rule)) return null;
  const next = skipBlank(lines, at + 1, Math.min(lines.length, at + 4));
  return headerBlockAt(lines, next, false);
}
