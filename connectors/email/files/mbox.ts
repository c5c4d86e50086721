/** Splits an mbox (mboxo and mboxrd, LF or CRLF) into mails while it is read, however large it is. */
import { headerOf, maxHeaderBytes } from "../raw-mail.ts";

/** A mail of an mbox. */
export interface MboxMail {
  /** The whole mail, or null where it is larger than the limit: then there is the header. */
  readonly raw: Uint8Array | null;
  readonly header: Uint8Array;
  readonly size: number;
  /** The date in the "From " line, or null. */
  readonly date: Date | null;
}

/** A longer line is handled in parts: it is none of those that mean something to an mbox. */
const longestLine = 64_000;

const months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
/** Such as "From ann@example.com Mon Nov 23 10:00:00 2026", with a time zone before or after the year. */
const dated = new RegExp(
  `^From .*\\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(${months}) +(\\d{1,2}) +(\\d{1,2}):(\\d{2})(?::(\\d{2}))?(?: +([+-]\\d{4}|[A-Z]{1,5}))? +(\\d{4})(?: +([+-]\\d{4}))?`,
);
/** What Thunderbird writes where it knows nothing. */
const bare = /^From *-? *$/;
const headerField = /^[!-9;-~]+[ \t]*:/;

/**
 * Mails of an mbox. What stands before the first "From " line is no mail: check that the file begins with one.
 *
 * @param maxBytes of larger mails only the header is kept
 */
export async function* splitMbox(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<MboxMail> {
  const mail = createGathering(maxBytes);
  let begun = false;
  // A line that may begin a mail: the next one tells.
  let separator: { line: Buffer; date: Date | null } | undefined;
  let blankBefore = true;
  for await (const { line, whole } of linesOf(chunks)) {
    const text = whole && line[0] === 0x46 ? line.toString("latin1").trimEnd() : "";
    if (separator) {
      if (headerField.test(line.subarray(0, 200).toString("latin1")) || !begun) {
        if (begun) yield mail.finish();
        mail.begin(separator.date);
        begun = true;
      } else {
        mail.add(separator.line);
        blankBefore = false;
      }
      separator = undefined;
    }
    const match = text.startsWith("From") ? dated.exec(text) : null;
    const begins = text.startsWith("From") && (match !== null || !begun || (blankBefore && bare.test(text)));
    if (begins) separator = { line: Buffer.from(line), date: match && dateOf(match) };
    else if (begun) mail.add(whole ? unescaped(line) : line);
    blankBefore = whole && (line.length === 1 || (line.length === 2 && line[0] === 0x0d));
  }
  if (begun) {
    if (separator) mail.add(separator.line);
    yield mail.finish();
  }
}

/** Lines with their ends. A part of a very long line, and the last line without an end, are not `whole`. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ line: Buffer; whole: boolean }> {
  let rest: Buffer = Buffer.alloc(0);
  let inside = false;
  for await (const chunk of chunks) {
    const bytes =
      rest.length > 0
        ? Buffer.concat([rest, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    for (let end = bytes.indexOf(0x0a, at); end !== -1; end = bytes.indexOf(0x0a, at)) {
      yield { line: bytes.subarray(at, end + 1), whole: !inside };
      inside = false;
      at = end + 1;
    }
    rest = bytes.subarray(at);
    if (rest.length <= longestLine) continue;
    yield { line: rest, whole: false };
    inside = true;
    rest = Buffer.alloc(0);
  }
  if (rest.length > 0) yield { line: rest, whole: !inside };
}

/** Mboxes quote lines of a mail that begin with "From ", those that are quoted already included (mboxrd). */
function unescaped(line: Buffer): Buffer {
  if (line[0] !== 0x3e) return line;
  let at = 1;
  while (line[at] === 0x3e) at += 1;
  return line.subarray(at, at + 5).toString("latin1") === "From " ? line.subarray(1) : line;
}

interface Gathering {
  begin(date: Date | null): void;
  add(bytes: Buffer): void;
  finish(): MboxMail;
}

/** Gathers one mail after the other up to the limit, and counts the rest. */
function createGathering(maxBytes: number): Gathering {
  const kept = Math.max(maxBytes, maxHeaderBytes) + 2;
  // One buffer for all mails: a new one for each would keep the garbage collector busy.
  let buffer = Buffer.allocUnsafe(64_000);
  let length = 0;
  let size = 0;
  let tail = "";
  let date: Date | null = null;
  return {
    begin(at) {
      length = 0;
      size = 0;
      tail = "";
      date = at;
    },
    add(bytes) {
      size += bytes.length;
      tail = (tail + bytes.subarray(-4).toString("latin1")).slice(-4);
      const part = bytes.subarray(0, kept - length);
      if (length + part.length > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, length + part.length));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      length += part.copy(buffer, length);
    },
    finish() {
      // The empty line before the next mail is the mbox's own.
      const own = tail.endsWith("\r\n\r\n") ? 2 : tail.endsWith("\n\n") ? 1 : 0;
      const whole = size - own;
      const bytes = buffer.subarray(0, Math.min(length, whole));
      return {
        raw: whole <= maxBytes ? new Uint8Array(bytes) : null,
        header: headerOf(bytes),
        size: whole,
        date,
      };
    },
  };
}

/** Without a zone the time is in UTC, as the format says. */
function dateOf([, month, day, hour, minute, second, zone, year, zoneAfter]: RegExpExecArray): Date | null {
  const offset = [zone, zoneAfter].find((text) => text !== undefined && /^[+-]\d{4}$/.test(text)) ?? "+0000";
  const date = new Date(`${day} ${month} ${year} ${hour}:${minute}:${second ?? "00"} ${offset}`);
  return Number.isNaN(date.getTime()) ? null : date;
}
