/** Markdown for two readers: cut into sections for the search, and turned into plain text for customers. */

export interface Section {
  /** The heading it stands under, or null for what comes before the first. */
  heading: string | null;
  /** Plain text. */
  text: string;
}

/** Sections longer than this are cut between paragraphs, so that a draft can quote one whole. In characters. */
export const longestSection = 1_500;

/**
 * Longer lines are text and nothing else. Everything here takes time in proportion to the length of the article
 * whatever it holds: no pattern may look for its end over a whole line from many places of it.
 */
const longestLine = 4_000;

/** The text of the first heading, if the Markdown has one. */
export function firstHeading(markdown: string): string | null {
  for (const part of splitAtHeadings(markdown)) {
    if (part.heading !== null) return part.heading;
  }
  return null;
}

/**
 * The sections of an article as plain text, in order; empty ones are left out.
 * @param title a heading that only repeats it is dropped
 */
export function sectionsOf(markdown: string, title: string): Section[] {
  const sections: Section[] = [];
  for (const part of splitAtHeadings(markdown)) {
    const heading = part.heading === title ? null : part.heading;
    for (const text of cutAtParagraphs(
      toPlainText(part.lines.join("\n"), { unwrap: true }),
      longestSection,
    )) {
      sections.push({ heading, text });
    }
  }
  return sections;
}

function splitAtHeadings(markdown: string): Array<{ heading: string | null; lines: string[] }> {
  const parts: Array<{ heading: string | null; lines: string[] }> = [];
  let current: { heading: string | null; lines: string[] } = { heading: null, lines: [] };
  parts.push(current);
  let fence: string | null = null;
  for (const line of markdown.split("\n")) {
    const mark = fenceOf(line);
    if (mark !== null) fence = fence === null ? mark : fence === mark ? null : fence;
    const heading = fence === null ? headingOf(line) : null;
    if (heading === null) current.lines.push(line);
    else {
      current = { heading: inlineText(heading), lines: [] };
      parts.push(current);
    }
  }
  return parts;
}

/** Pieces of at most `limit` characters, cut between paragraphs where there are any. */
export function cutAtParagraphs(text: string, limit: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  for (const paragraph of text.split(/\n{2,}/)) {
    if (piece !== "" && piece.length + paragraph.length + 2 > limit) {
      pieces.push(piece);
      piece = "";
    }
    piece = piece === "" ? paragraph : `${piece}\n\n${paragraph}`;
    while (piece.length > limit) {
      const at = breakBefore(piece, limit);
      pieces.push(piece.slice(0, at).trimEnd());
      piece = piece.slice(at).trimStart();
    }
  }
  if (piece.trim() !== "") pieces.push(piece);
  return pieces;
}

/** The last good place to break a text at or before `limit`: after a line, a sentence or a word, never inside a character. */
export function breakBefore(text: string, limit: number): number {
  const head = text.slice(0, limit);
  const least = limit / 2;
  for (const mark of ["\n", ". ", "! ", "? ", " "]) {
    const at = head.lastIndexOf(mark);
    if (at >= least) return at + mark.length;
  }
  const last = head.charCodeAt(limit - 1);
  return last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit;
}

/**
 * Markdown as a mail's plain text: links become `text (url)`, lists stay lists, marks go.
 * @param options.unwrap joins the lines of a paragraph; otherwise line breaks stay as they were written
 */
export function toPlainText(markdown: string, options: { unwrap: boolean }): string {
  /** Each line in the parts that it is joined of. */
  const lines: string[][] = [];
  let fence = false;
  let open = false;
  for (const line of withoutComments(markdown).split("\n")) {
    if (line === "") {
      lines.push([""]);
      open = false;
      continue;
    }
    if (fenceOf(line) !== null) {
      fence = !fence;
      open = false;
      continue;
    }
    if (!fence && isRule(line)) continue;
    const plain = fence ? line : plainLine(line);
    const last = lines.at(-1);
    const blank = line.trim() === "";
    // A paragraph or a list item goes on in the next line, unless that begins something of its own.
    if (options.unwrap && open && last !== undefined && !blank && !startsBlock(line)) last.push(plain.trim());
    else lines.push([plain]);
    open = !fence && !blank && !endsItself(line);
  }
  return lines
    .map((parts) => withoutTrailing(joined(parts), " \t"))
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function joined([first = "", ...rest]: readonly string[]): string {
  return rest.length === 0 ? first : [first.trimEnd(), ...rest].filter((part) => part !== "").join(" ");
}

function withoutTrailing(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

function withoutComments(markdown: string): string {
  const kept: string[] = [];
  let from = 0;
  for (;;) {
    const start = markdown.indexOf("<!--", from);
    const end = start < 0 ? -1 : markdown.indexOf("-->", start + 4);
    if (end < 0) return kept.join("") + markdown.slice(from);
    kept.push(markdown.slice(from, start));
    from = end + 3;
  }
}

/** The first three characters of a line that begins or ends a block of code, or null for other lines. */
function fenceOf(line: string): string | null {
  return line.length > longestLine ? null : (line.match(/^ {0,3}(```|~~~)/)?.[1] ?? null);
}

/** The text of a heading, or null for other lines. */
function headingOf(line: string): string | null {
  const start = line.length > longestLine ? undefined : line.match(/^ {0,3}#{1,6}(?=\s)/)?.[0];
  return start === undefined ? null : withoutTrailing(line.slice(start.length).trim(), "#").trimEnd();
}

/** A line between parts, or under the head of a table. */
function isRule(line: string): boolean {
  if (line.length > longestLine) return false;
  return /^[-*_]{3,}$/.test(line.replace(/\s+/g, "")) || (/^[\s:|-]+$/.test(line) && line.includes("---"));
}

function isTableRow(line: string): boolean {
  if (line.length > longestLine) return false;
  const row = line.trim();
  return row.length >= 2 && row.startsWith("|") && row.endsWith("|");
}

function startsBlock(line: string): boolean {
  if (line.length > longestLine) return false;
  return /^(?:[*+-]|\d{1,3}[.)]|>)\s/.test(line.trimStart()) || headingOf(line) !== null || isTableRow(line);
}

/** Whether the next line cannot belong to the same paragraph: two spaces or a backslash at the end break it. */
function endsItself(line: string): boolean {
  return line.endsWith("  ") || line.endsWith("\\") || headingOf(line) !== null || isTableRow(line);
}

function plainLine(line: string): string {
  if (line.length > longestLine) return line;
  const heading = headingOf(line);
  if (heading !== null) return inlineText(heading);
  if (isTableRow(line)) {
    const cells = line.trim().slice(1, -1).split("|");
    return cells.map((cell) => inlineText(cell.trim())).join(" – ");
  }
  const text = line.trimStart();
  const indent = line.slice(0, line.length - text.length);
  if (/^[*+-]\s/.test(text)) return `${indent}- ${inlineText(text.slice(1).trimStart())}`;
  return inlineText(text.startsWith(">") ? text.replace(/^(?:>\s?)+/, "") : line);
}

/** A line without its marks. What stands between two marks is looked for over 500 characters, an address over 2,000. */
function inlineText(text: string): string {
  return text
    .replace(/!\[([^[\]]{0,500})\]\([^()\s]{0,2000}(?:\s{1,9}"[^"]{0,500}")?\)/g, "$1")
    .replace(
      /\[([^[\]]{1,500})\]\(<?([^()\s<>]{1,2000})>?(?:\s{1,9}"[^"]{0,500}")?\)/g,
      (_, label: string, url: string) => linkText(label, url),
    )
    .replace(/<(https?:\/\/[^<>\s]{1,2000}|[^<>\s@]{1,500}@[^<>\s]{1,500})>/g, "$1")
    .replace(/<\/?[a-zA-Z][^<>]{0,200}>/g, "")
    .replace(/(\*\*|__)(?=\S)(.{1,500}?)(?<=\S)\1/g, "$2")
    .replace(/(?<![\p{L}\p{N}*_])([*_])(?=\S)([^*_]{1,500}?)(?<=\S)\1(?![\p{L}\p{N}*_])/gu, "$2")
    .replace(/(?<!`)(`{1,9})(?!`)(.{1,500}?)(?<!`)\1(?!`)/g, "$2")
    .replace(/\\([\\`*_{}[\]()#+\-.!|<>])/g, "$1");
}

function linkText(label: string, url: string): string {
  const address = url.replace(/^(?:mailto|tel):/, "");
  return label === address || label === url ? address : `${label} (${address})`;
}
