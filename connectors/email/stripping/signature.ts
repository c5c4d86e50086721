/**
 * Finds the signature at the end of what a person wrote.
 *
 * A name under a greeting stays: it may be all that tells who writes. A greeting is taken off only together with contact lines
 * under it. What follows a signature and reads like a sentence, and every postscript, stays.
 */
import { type Line, skipBlank } from "./lines.ts";
import {
  isCompany,
  isContact,
  isDeepLink,
  isDelimiter,
  isDisclaimer,
  isGreeting,
  isMobileSignature,
  isPostscript,
  isReference,
} from "./phrases.ts";

/** Signatures are looked for in this many lines at the end. */
const mostLines = 60;
const mostGreetingLines = 18;

/** The indexes, within `from` to `to`, of the lines that belong to signatures. */
export function signatureLines(lines: readonly Line[], from: number, to: number): Set<number> {
  const found = new Set<number>();
  let end = lastWords(lines, from, to, found);
  for (let before = -1; before !== end; ) {
    before = end;
    takeClosing(lines, from, end, found);
    end = lastWords(lines, from, end, found);
  }
  // The delimiter first: a greeting above it is judged by what stands between the two.
  for (const signed of [delimited, greeted]) {
    for (let at = Math.max(from, end - mostLines); at < end; at += 1) {
      const tail = found.has(at) ? null : signed(lines, at, end);
      if (tail === null) continue;
      for (const index of tail) found.add(index);
      end = at;
    }
  }
  return found;
}

/** The index after the last line that has something on it and is not found yet. */
function lastWords(lines: readonly Line[], from: number, to: number, found: ReadonlySet<number>): number {
  let end = to;
  while (end > from && (lines[end - 1]?.seen === "" || found.has(end - 1))) end -= 1;
  return end;
}

/** Takes off a line such as "Sent from my iPhone", or a paragraph of legal text, that stands last. */
function takeClosing(lines: readonly Line[], from: number, end: number, found: Set<number>): void {
  const last = lines[end - 1];
  if (last === undefined || end <= from) return;
  if (isMobileSignature(last)) {
    found.add(end - 1);
    const above = lastWords(lines, from, end - 1, found) - 1;
    const delimiter = lines[above];
    if (above >= from && delimiter !== undefined && isDelimiter(delimiter)) found.add(above);
    return;
  }
  let start = end - 1;
  while (start > from && end - start < 20 && lines[start - 1]?.seen !== "") start -= 1;
  const first = lines[start];
  if (first === undefined || !isDisclaimer(first)) return;
  for (let index = start; index < end; index += 1) found.add(index);
}

/** The lines of a signature under a delimiter, or null where it is a divider between two pieces of text. */
function delimited(lines: readonly Line[], at: number, end: number): number[] | null {
  const line = lines[at];
  if (line === undefined || !isDelimiter(line)) return null;
  const first = skipBlank(lines, at + 1, end);
  if (first >= end) return [at];
  const opening = lines[first];
  if (opening === undefined || isPostscript(opening)) return null;
  // "-- " with its space is set by programs; what comes with it may link to pages.
  const set = line.raw === "-- ";
  if (isProse(opening, set) && !isDisclaimer(opening)) return null;
  const tail = tailFrom(lines, first, end, set);
  return tail.length === 0 ? null : [at, ...tail];
}

/** The lines of a greeting with contact lines under it, or null. */
function greeted(lines: readonly Line[], at: number, end: number): number[] | null {
  const line = lines[at];
  if (line === undefined || !isGreeting(line) || end - at > mostGreetingLines * 2) return null;
  const tail = tailFrom(lines, at + 1, end, false);
  const marked = tail.some((index) => {
    const contact = lines[index];
    return contact !== undefined && isContact(contact);
  });
  return marked && tail.length <= mostGreetingLines ? [at, ...tail] : null;
}

/**
 * Goes paragraph by paragraph through what follows: names, contact lines and legal text are the signature; the first paragraph
 * that reads otherwise ends it, unless only legal text is under it.
 */
function tailFrom(lines: readonly Line[], from: number, end: number, links: boolean): number[] {
  const tail: number[] = [];
  let at = skipBlank(lines, from, end);
  while (at < end) {
    let stop = at;
    while (stop < end && lines[stop]?.seen !== "") stop += 1;
    const paragraph = lines.slice(at, stop);
    const first = paragraph[0];
    const legal = first !== undefined && isDisclaimer(first);
    const prose = paragraph.findIndex((line) => isPostscript(line) || isProse(line, links));
    if (!legal && prose !== -1) {
      for (let index = at; index < at + prose; index += 1) tail.push(index);
      return tail;
    }
    for (let index = at; index < stop; index += 1) tail.push(index);
    at = skipBlank(lines, stop, end);
  }
  return tail;
}

/**
 * Whether a line reads like something that is said, and not like a name, a function or an address.
 * @param links links to pages belong to signatures here
 */
function isProse(line: Line, links: boolean): boolean {
  if (line.seen === "" || isMobileSignature(line)) return false;
  if (!links && isDeepLink(line)) return true;
  // The number of an order is news, wherever it stands.
  if (isReference(line)) return true;
  if (isContact(line) || isGreeting(line)) return false;
  if (/[?!:]$/u.test(line.seen)) return true;
  if (isCompany(line)) return false;
  const words = line.seen.split(/\s+/u).filter((word) => /\p{L}/u.test(word));
  if (words.length >= 4 && /[.;,…]$/u.test(line.seen)) return true;
  // Names and functions are mostly capitalised, sentences mostly not.
  const small = words.filter((word) => /^\p{Ll}/u.test(word)).length;
  return words.length > 9 || (words.length >= 4 && small * 2 > words.length);
}
