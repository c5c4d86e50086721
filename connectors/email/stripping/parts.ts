/** Cuts a mail into its parts: what is new, what introduces a quote, and what is quoted. */
import { attributionAt } from "./attribution.ts";
import { headerBlockAt, isForwardTitle, isQuotedTitle, isReplyAbove, ruledBlockAt } from "./header-block.ts";
import { type Line, skipBlank } from "./lines.ts";

export interface Part {
  /**
   * `new`: written by the sender. `intro`: attribution, block of headers or title above a quote. `marked`: lines with quote marks.
   * `rest`: all that stands under an intro without marks. `forwarded`: what was passed on by the sender, to the end.
   */
  readonly kind: "new" | "intro" | "marked" | "rest" | "forwarded";
  readonly from: number;
  /** The index after the last line. */
  readonly to: number;
}

/** The parts in their order, without gaps; linear in the number of lines. */
export function partsOf(lines: readonly Line[]): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let newFrom = 0;
  const close = (to: number) => {
    if (to > newFrom) parts.push({ kind: "new", from: newFrom, to });
  };
  const quotes = quoteMarks(lines);
  while (at < lines.length) {
    const line = lines[at];
    if (line === undefined || line.seen === "") {
      at += 1;
    } else if (quotes[at]) {
      close(at);
      const to = markedEnd(lines, quotes, at);
      parts.push({ kind: "marked", from: at, to });
      at = to;
      newFrom = to;
    } else if (isForwardTitle(line)) {
      close(at);
      return [...parts, { kind: "forwarded", from: at, to: lines.length }];
    } else {
      const intro = introAt(lines, quotes, at);
      if (intro === null) {
        at += 1;
        continue;
      }
      close(at);
      if (isLedIn(lines, newFrom, at)) return [...parts, { kind: "forwarded", from: at, to: lines.length }];
      parts.push({ kind: "intro", from: at, to: intro });
      at = skipBlank(lines, intro);
      newFrom = intro;
      if (at < lines.length && !quotes[at]) {
        return [...parts, { kind: "rest", from: intro, to: lines.length }];
      }
    }
  }
  close(lines.length);
  return parts;
}

/** Whether the new text right above ends with a colon: "Here is the chat:". */
export function isLedIn(lines: readonly Line[], from: number, to: number): boolean {
  let above = to - 1;
  while (above >= from && lines[above]?.seen === "") above -= 1;
  return above >= from && lines[above]?.seen.endsWith(":") === true;
}

/** The index after all that introduces a quote here: a title, a block of headers, an attribution, or several of them. */
function introAt(lines: readonly Line[], quotes: readonly boolean[], at: number): number | null {
  const line = lines[at];
  if (line === undefined) return null;
  if (isReplyAbove(line)) return at + 1;
  if (isQuotedTitle(line)) {
    const next = skipBlank(lines, at + 1, Math.min(lines.length, at + 4));
    return (
      headerBlockAt(lines, next, true) ?? attributionAt(lines, next)?.end ?? (quotes[next] ? at + 1 : null)
    );
  }
  const block = ruledBlockAt(lines, at) ?? headerBlockAt(lines, at, false);
  if (block !== null) return block;
  const attribution = attributionAt(lines, at);
  if (attribution === null) return null;
  const next = skipBlank(lines, attribution.end, Math.min(lines.length, attribution.end + 3));
  if (attribution.certainty === "weak" && !quotes[next]) return null;
  // Lines of a log look like an attribution without a verb, but do not stand apart.
  if (!attribution.verbed && !quotes[next] && at > 0 && lines[at - 1]?.seen !== "") return null;
  // Some programs set an attribution above a block of headers.
  return quotes[next] ? attribution.end : (headerBlockAt(lines, next, true) ?? attribution.end);
}

/** Which lines are quoted by a mark. `> 5 pieces` and `>= 3` are so only beside a line that certainly is. */
function quoteMarks(lines: readonly Line[]): boolean[] {
  const certain = lines.map((line) => line.marked && !/^> ?(?:=|[\d€$£₽%])/u.test(line.seen));
  const beside = (index: number) => lines[index]?.marked === true;
  const marks = [...certain];
  for (let index = 1; index < lines.length; index += 1) {
    if (beside(index) && marks[index - 1]) marks[index] = true;
  }
  for (let index = lines.length - 2; index >= 0; index -= 1) {
    if (beside(index) && marks[index + 1]) marks[index] = true;
  }
  return marks;
}

/** The index after the last quoted line of this block; blank lines within it belong to it. */
function markedEnd(lines: readonly Line[], quotes: readonly boolean[], at: number): number {
  let end = at;
  while (quotes[end]) {
    end += 1;
    const next = skipBlank(lines, end);
    if (quotes[next]) end = next;
  }
  return end;
}
