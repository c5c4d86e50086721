/** A mail's text as lines, each beside the form in which the patterns look at it. */

/** The longest line that a pattern looks at, in characters: what is longer is prose, or hostile. */
const longestSeen = 500;

export interface Line {
  /** As it was written, without its line ending. */
  readonly raw: string;
  /** One kind of space, nothing invisible, no spaces around, cut after 500 characters; empty for a blank line. */
  readonly seen: string;
  /** The line begins with a quote mark; `> 5 pieces` is told apart by its neighbours, not here. */
  readonly marked: boolean;
}

// Zero-width characters, soft hyphens, marks of writing direction: programs leave them in blank and attribution lines.
const invisible = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
const oddSpace = /[\t\v\f\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;

/** Splits a text into lines, whatever their endings; linear in its length. */
export function readLines(text: string): Line[] {
  return text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((raw) => {
      const seen = raw.replace(invisible, "").replace(oddSpace, " ").trim().slice(0, longestSeen);
      return { raw, seen, marked: seen.startsWith(">") };
    });
}

/** The index of the first line from `at` on that is not blank, or `end`. */
export function skipBlank(lines: readonly Line[], at: number, end: number = lines.length): number {
  let index = at;
  while (index < end && lines[index]?.seen === "") index += 1;
  return index;
}

/** Whether a line has a letter or a digit. */
export function hasWords(line: Line): boolean {
  return /[\p{L}\p{N}]/u.test(line.seen);
}

/** The lines of one side, joined: a gap where lines of the other side stood becomes one blank line, the ends are trimmed. */
export function joinWhere(lines: readonly Line[], kept: readonly boolean[], side: boolean): string {
  const pieces: string[][] = [[]];
  for (const [index, line] of lines.entries()) {
    if (kept[index] === side) pieces.at(-1)?.push(line.raw);
    else if (pieces.at(-1)?.length !== 0) pieces.push([]);
  }
  return pieces
    .map(trimBlank)
    .filter((piece) => piece !== "")
    .join("\n\n");
}

/** Without blank lines at either end, and without spaces around the whole. */
function trimBlank(raw: readonly string[]): string {
  const blank = (line: string | undefined) => line !== undefined && line.replace(invisible, "").trim() === "";
  let from = 0;
  let to = raw.length;
  while (from < to && blank(raw[from])) from += 1;
  while (to > from && blank(raw[to - 1])) to -= 1;
  return raw.slice(from, to).join("\n").trim();
}
