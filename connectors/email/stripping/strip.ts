/**
 * Tells what a person newly wrote in a mail from quotes, attribution lines and signatures.
 *
 * What is kept is what the model reads, so the rule in every doubt is to keep:
 * - Quoted lines that are answered right below stay with their mark, shortened: where the quote is split by answers, the last
 *   paragraph above each (six lines at most); where it is whole, all of it if it is short (three lines, 300 characters), and nothing else.
 * - Marked lines without an attribution above them may be the person's own: they stay if text follows them or a colon leads in.
 * - A forwarded mail stays: this ticket has not seen it. So does what a colon leads in ("Here is the chat:"), and everything where
 *   the text says "see below".
 * - A signature with contact lines stays where the text asks to be called back.
 * - Where no new word would be left, or only a greeting above a quote without marks, the whole text stays.
 */
import { contextOf } from "./context.ts";
import { hasWords, joinWhere, type Line, readLines } from "./lines.ts";
import { type Part, partsOf } from "./parts.ts";
import {
  asksForContact,
  isArmor,
  isDisclaimer,
  isMobileSignature,
  isSalutation,
  refersBelow,
} from "./phrases.ts";
import { signatureLines } from "./signature.ts";

export interface Stripped {
  /** What the person newly wrote, trimmed, with `\n` between its lines. Empty only where the text has no words at all. */
  readonly text: string;
  /** What was taken off, in its order: every word of the mail is in one of the two. */
  readonly quoted: string;
}

/** Strips quotes and signatures from a mail's text. Linear in its length; never throws. */
export function stripReply(text: string): Stripped {
  const lines = readLines(text);
  const parts = partsOf(lines);
  const kept = keepNew(lines, parts);
  const newText = joinWhere(lines, kept, true);
  const contexts = contextOf(lines, parts, kept);
  const nothingNew = !lines.some((line, index) => kept[index] && isNews(line, parts));
  const quotes = parts.some((part) => part.kind === "rest" || part.kind === "marked");
  if (nothingNew || (quotes && contexts.length === 0 && refersBelow(newText))) {
    return { text: joinWhere(lines, new Array<boolean>(lines.length).fill(true), true), quoted: "" };
  }
  for (const index of contexts) kept[index] = true;
  return { text: joinWhere(lines, kept, true), quoted: joinWhere(lines, kept, false) };
}

/** Whether a kept line says something: above a quote without marks, a greeting does not, for the answer may be in the quote. */
function isNews(line: Line, parts: readonly Part[]): boolean {
  return hasWords(line) && !isArmor(line) && !(parts.at(-1)?.kind === "rest" && isSalutation(line));
}

/** Marks the lines that are new or forwarded, without signatures. */
function keepNew(lines: readonly Line[], parts: readonly Part[]): boolean[] {
  const kept = new Array<boolean>(lines.length).fill(false);
  const signed = new Set<number>();
  for (const part of parts) {
    if (part.kind !== "new" && part.kind !== "forwarded") continue;
    kept.fill(true, part.from, part.to);
    if (part.kind === "new") for (const index of signatureLines(lines, part.from, part.to)) signed.add(index);
  }
  for (const index of signed) kept[index] = false;
  const contacts = [...signed].some((index) => saysWhoIsWho(lines[index]));
  if (contacts && asksForContact(joinWhere(lines, kept, true)))
    for (const index of signed) kept[index] = true;
  return kept;
}

/** Whether a line of a signature may hold a telephone number, an address or a name. */
function saysWhoIsWho(line: Line | undefined): boolean {
  return line !== undefined && hasWords(line) && !isMobileSignature(line) && !isDisclaimer(line);
}
