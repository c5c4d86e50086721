/** The fields of a mail's head that the connector reads: people, ids, date, and the lines themselves. */
import addressparser from "nodemailer/lib/addressparser";
import { cut, oneLine } from "../../../plugins/toolkit/plain.ts";
import type { MailAddress } from "../mail.ts";
import { decodeRaw } from "./charset.ts";
import { decodeWords, type Head, headerText, rawValues } from "./header-text.ts";

const maxHeaderLines = 200;
const maxLine = 2_000;
const maxReferences = 200;
const maxIdLength = 998;
const maxAddresses = 1_000;
/** Characters of an address field that are looked at: its parser is not linear on hostile ones. */
const maxAddressField = 65_536;
const maxIdField = 262_144;

/** Header lines by lower-case name, in their order: the first 200, 2,000 characters each. */
export function headerLines(head: Head): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const { name, value } of head.fields.slice(0, maxHeaderLines)) {
    const values = lines.get(name) ?? [];
    values.push(headerText(value, maxLine));
    lines.set(name, values);
  }
  return lines;
}

/** The addresses of a field, groups dissolved, at most 1,000; entries without an address are left out. */
export function addresses(head: Head, name: string): MailAddress[] {
  const found: MailAddress[] = [];
  for (const raw of rawValues(head, name)) {
    if (found.length >= maxAddresses) break;
    const whole = raw.length <= maxAddressField ? raw : raw.slice(0, raw.lastIndexOf(",", maxAddressField));
    const { text, restore } = hideWords(decodeRaw(whole));
    for (const { name = "", address = "" } of addressparser(text, { flatten: true })) {
      const shown = oneLine(decodeWords(restore(name)), 200).replace(/^["'\s]+|["'\s]+$/g, "");
      // A bare name is an address on the same machine, such as `MAILER-DAEMON`.
      const bare = address === "" && /^[\w.+-]+$/.test(shown) ? shown : restore(address);
      const clean = oneLine(decodeWords(bare).replace(/[\s<>]/g, ""), 320).toLowerCase();
      if (clean !== "") found.push({ name: shown === "" || shown === bare ? null : shown, address: clean });
    }
  }
  return found.slice(0, maxAddresses);
}

/** Encoded words may hold commas and colons that part addresses elsewhere: they stand aside while a field is parsed. */
function hideWords(field: string): { text: string; restore(text: string): string } {
  const words: string[] = [];
  const text = field
    .replace(/[\ue000\ue001]/g, "")
    .replace(/=\?[\w.:*()+-]{1,80}\?[bBqQ]\?[^?\s]{0,1000}\?=/g, (word) => {
      words.push(word);
      return `\ue000${words.length - 1}\ue001`;
    });
  return {
    text,
    restore: (part) => part.replace(/\ue000(\d+)\ue001/g, (_, index: string) => words[Number(index)] ?? ""),
  };
}

/** Ids in a field, without brackets, each once; of many the last 200. Ids without brackets count if they have an `@`. */
export function ids(head: Head, name: string): string[] {
  const value = rawValues(head, name).join(" ").slice(-maxIdField);
  const found = new Set<string>();
  for (const [, bracketed, bare] of decodeWords(decodeRaw(value)).matchAll(
    /<([^<>]{1,2000})>|([^\s<>,;"()]{1,250}@[^\s<>,;"()]{1,250})/g,
  )) {
    const id = cleanId(bracketed ?? bare ?? "");
    // The newest mention counts, so that the order stays that of the thread.
    if (id !== "" && found.delete(id) !== undefined) found.add(id);
  }
  return [...found].slice(-maxReferences);
}

/** The first id of a field, even one without an `@`; null where it is missing or empty. */
export function firstId(head: Head, name: string): string | null {
  for (const value of rawValues(head, name)) {
    const text = decodeWords(decodeRaw(value.slice(0, 4_000)));
    const id = cleanId(/<([^<>]+)>/.exec(text)?.[1] ?? text.replace(/[<>]/g, ""));
    if (id !== "") return id;
  }
  return null;
}

function cleanId(id: string): string {
  return cut(oneLine(id, maxIdLength * 2).replace(/\s+/g, ""), maxIdLength);
}

/** The subject on one line of at most 2,000 characters. */
export function subject(head: Head): string | null {
  const [raw] = rawValues(head, "subject");
  const text = raw === undefined ? "" : headerText(raw, maxLine);
  return text === "" ? null : text;
}

/** The `Date` field, if it is one between 1970 and 2100. */
export function date(head: Head): Date | null {
  const [raw = ""] = rawValues(head, "date");
  // The comment with the zone's name, and dots as some programs write a time.
  const text = raw
    .slice(0, 200)
    .replace(/\([^)]*\)/g, " ")
    .trim();
  if (text === "") return null;
  for (const form of [
    text,
    text.replace(/(\d{1,2})\.(\d\d)\.(\d\d)/, "$1:$2:$3"),
    text.replace(/\s[A-Za-z]{1,6}$/, ""),
  ]) {
    const time = new Date(form);
    const year = time.getUTCFullYear();
    if (year >= 1970 && year < 2100) return time;
  }
  return null;
}
