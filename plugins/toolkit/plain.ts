/** Texts of others made fit to be stored and shown: whole characters, no NUL, no signs that steer the screen. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to go
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: all but tab and line feed
const textControls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** The last line of a text that goes on in the mail itself. */
export const cutLine = "[The text is longer in the mail: it is cut here]";

/** The first `max` UTF-16 units, without a half character at the end or anywhere else. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed();
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max).toWellFormed();
}

/** One line of at most `max` characters: line breaks and other control characters become a space. */
export function oneLine(text: string, max: number): string {
  return cut(text.replace(controls, " ").trim(), max);
}

/** A text of several lines: line breaks are LF, no other control characters but tabs, no spaces at the ends of lines. */
export function manyLines(text: string): string {
  return text
    .replace(/\r\n?|[\u2028\u2029]/g, "\n")
    .replace(textControls, "")
    .replace(/\u00a0/g, " ")
    .toWellFormed();
}

/** Takes blank ends off lines, blank lines off both ends, and more than two blank lines down to two. Linear. */
export function tidy(text: string): string {
  const lines: string[] = [];
  let blank = 0;
  for (const line of text.split("\n")) {
    // The mark above a signature ends in a space, by which it is known.
    const kept = /^(?:> ?)*-- $/.test(line) ? line : line.trimEnd();
    blank = kept === "" ? blank + 1 : 0;
    if (blank <= 2 && (lines.length > 0 || kept !== "")) lines.push(kept);
  }
  while (lines.at(-1) === "") lines.pop();
  return lines.join("\n");
}

/** A media type that looks like one, lower case; otherwise `other`. */
export function saneMediaType(type: string | null | undefined, other: string): string {
  const lower = (type ?? "").trim().toLowerCase();
  return lower.length <= 127 && /^[a-z\d][\w!#$&^.+-]*\/[a-z\d][\w!#$&^.+-]*$/.test(lower) ? lower : other;
}
