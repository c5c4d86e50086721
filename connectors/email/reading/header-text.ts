/** The head of a mail: its fields, and their values as text (RFC 2047, RFC 6532, and what stands there instead). */

import { oneLine } from "../../../plugins/toolkit/plain.ts";
import { decodeRaw, decodeText } from "./charset.ts";

/** A header line as it came, unfolded, its bytes as a binary string. */
export interface RawField {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

/** The fields of a mail's head, and where its body begins. */
export interface Head {
  readonly fields: readonly RawField[];
  readonly bodyStart: number;
}

const maxFields = 5_000;
const fieldLine = /^([!-9;-~]{1,100})[ \t]*:/;

/**
 * Splits off the head. Envelope lines of mailbox files and blank lines before the head are skipped; so is a broken line
 * between fields. A line that no field follows begins the body, as where the blank line was forgotten.
 */
export function readHead(raw: Buffer): Head {
  const fields: { name: string; parts: string[] }[] = [];
  let broken = 0;
  let at = raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf ? 3 : 0;
  while (at < raw.length) {
    const end = lineEnd(raw, at);
    const line = raw.toString("latin1", at, end).replace(/[\r\n]+$/, "");
    const field = fieldLine.exec(line);
    if (line.trim() === "" && !(line !== "" && isField(raw, end))) {
      if (fields.length > 0) return head(fields, end);
    } else if (/^[ \t]/.test(line) && fields.length > 0) {
      fields.at(-1)?.parts.push(line);
    } else if (field) {
      if (fields.length < maxFields)
        fields.push({ name: (field[1] ?? "").toLowerCase(), parts: [line.slice(field[0].length)] });
    } else if (!/^>?From /.test(line) && !isField(raw, end) && (fields.length > 0 || ++broken > 3)) {
      return head(fields, at);
    }
    at = end;
  }
  return head(fields, raw.length);
}

function head(fields: readonly { name: string; parts: string[] }[], bodyStart: number): Head {
  return { fields: fields.map(({ name, parts }) => ({ name, value: parts.join("").trim() })), bodyStart };
}

function isField(raw: Buffer, at: number): boolean {
  // A colon on a line of its own belongs to the name before it, which somebody folded to hide it.
  return /^(?:[!-9;-~]{1,100})?[ \t]*:/.test(raw.toString("latin1", at, at + 120));
}

function lineEnd(raw: Buffer, from: number): number {
  const feed = raw.indexOf(0x0a, from);
  return feed < 0 ? raw.length : feed + 1;
}

const word = /=\?([\w.:()+-]{1,60})(?:\*[\w-]{0,20})?\?([bBqQ])\?((?:[^?\r\n]|\?(?!=)){0,4000})\?=/g;

/** A field's value with its encoded words decoded, on one line, `max` characters at most. */
export function headerText(value: string, max: number): string {
  // An encoded character takes twelve bytes at most, and no more is looked at than can be shown.
  return oneLine(decodeWords(decodeRaw(value.slice(0, max * 12))), max);
}

/**
 * Decodes encoded words. Neighbours in one charset are joined before decoding: many programs split them inside a
 * multibyte character.
 */
export function decodeWords(text: string): string {
  let out = "";
  let last = 0;
  let open: { charset: string; bytes: Buffer[] } | null = null;
  const close = () => {
    if (open) out += decodeText(Buffer.concat(open.bytes), open.charset);
    open = null;
  };
  for (const match of text.matchAll(word)) {
    const between = text.slice(last, match.index);
    const charset = (match[1] ?? "").toLowerCase();
    if (!open || between.trim() !== "") {
      close();
      out += between;
    } else if (open.charset !== charset) close();
    open ??= { charset, bytes: [] };
    open.bytes.push(wordBytes(match[2] ?? "", match[3] ?? ""));
    last = match.index + match[0].length;
  }
  close();
  return out + text.slice(last);
}

function wordBytes(encoding: string, content: string): Buffer {
  if (encoding.toLowerCase() === "b") return Buffer.from(content, "base64");
  const bytes = content
    .replaceAll("_", " ")
    .replace(/=([\da-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  // Raw letters inside an encoded word came through as text already.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of a byte
  return Buffer.from(bytes, /^[\x00-\xff]*$/.test(bytes) ? "latin1" : "utf8");
}

/** All values of a field, raw. */
export function rawValues(head: Head, name: string): string[] {
  return head.fields.filter((field) => field.name === name).map((field) => field.value);
}
