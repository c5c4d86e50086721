/** Chooses the quoted lines that the model needs beside the new text: what an answer answers, and what the sender marked. */
import { hasWords, type Line } from "./lines.ts";
import { isLedIn, type Part } from "./parts.ts";

/** A whole quote of so many lines and characters was cut to the point by its sender. */
const shortQuote = { lines: 3, characters: 300 };
const contextLines = 6;

/**
 * The indexes of the marked lines that stay.
 * @param kept what is new, without signatures
 */
export function contextOf(
  lines: readonly Line[],
  parts: readonly Part[],
  kept: readonly boolean[],
): number[] {
  const answers = parts.map((part) => isAnswer(lines, part, kept));
  const lastAnswer = answers.lastIndexOf(true);
  const intro = parts.findIndex((part) => part.kind === "intro");
  const attributed = intro === -1 ? parts.length : intro;
  const split = parts.filter((part, at) => part.kind === "marked" && at > attributed).length > 1;
  return parts.flatMap((part, at) => {
    if (part.kind !== "marked") return [];
    if (at < attributed) return at < lastAnswer || isOwn(lines, part) ? indexes(part.from, part.to) : [];
    const above = parts[at - 1];
    if (above?.kind === "new" && isLedIn(lines, above.from, part.from)) return indexes(part.from, part.to);
    if (!answers[at + 1]) return [];
    return split ? lastParagraph(lines, part) : wholeIfShort(lines, part);
  });
}

/** Whether the sender says something here. */
function isAnswer(lines: readonly Line[], part: Part, kept: readonly boolean[]): boolean {
  if (part.kind === "forwarded") return true;
  if (part.kind !== "new") return false;
  return lines.slice(part.from, part.to).some((line, at) => kept[part.from + at] && hasWords(line));
}

/** Whether marked lines at the end, without an attribution, may be a list of the sender's own. */
function isOwn(lines: readonly Line[], part: Part): boolean {
  const above = lines[part.from - 1]?.seen;
  if (above === undefined) return false;
  return above !== "" || part.to - part.from < 2 || isLedIn(lines, 0, part.from);
}

/** The last paragraph of a quote, its last six lines at most. */
function lastParagraph(lines: readonly Line[], part: Part): number[] {
  const filled = (index: number) => lines[index] !== undefined && hasWords(lines[index]);
  let to = part.to;
  while (to > part.from && !filled(to - 1)) to -= 1;
  let from = to;
  while (from > part.from && to - from < contextLines && filled(from - 1)) from -= 1;
  return indexes(from, to);
}

function wholeIfShort(lines: readonly Line[], part: Part): number[] {
  const filled = lines.slice(part.from, part.to).filter(hasWords);
  if (filled.length > shortQuote.lines) return [];
  const characters = filled.reduce((sum, line) => sum + line.raw.length, 0);
  return characters <= shortQuote.characters ? indexes(part.from, part.to) : [];
}

function indexes(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
