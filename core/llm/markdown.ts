/** Markdown for two readers: cut into sections for the search, and turned into plain text for customers. */

export interface Section {
  /** The heading it stands under, or null for what comes before the first. */
  heading: string | null;
  /** Plain text. */
  text: string;
}

/** Sections longer than this are cut between paragraphs, so that a draft can quote one whole. In characters. */
export const longestSection = 1_500;

const headingLine = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const fenceLine = /^ {0,3}(```+|~~~+)/;

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
    const mark = line.match(fenceLine)?.[1]?.slice(0, 3) ?? null;
    if (mark !== null) fence = fence === null ? mark : fence === mark ? null : fence;
    const heading = fence === null ? line.match(headingLine)?.[2] : undefined;
    if (heading === undefined) current.lines.push(line);
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
  const lines: string[] = [];
  let fence = false;
  let open = false;
  for (const line of markdown.replace(/<!--[\s\S]*?-->/g, "").split("\n")) {
    if (fenceLine.test(line)) {
      fence = !fence;
      open = false;
      continue;
    }
    if (!fence && isRule(line)) continue;
    const plain = fence ? line : plainLine(line);
    const last = lines.at(-1);
    // A paragraph or a list item goes on in the next line, unless that begins something of its own.
    if (options.unwrap && open && last !== undefined && /\S/.test(line) && !startsBlock(line)) {
      lines[lines.length - 1] = `${last.trimEnd()} ${plain.trimStart()}`;
    } else lines.push(plain);
    open =
      !fence && /\S/.test(line) && !headingLine.test(line) && !isTableRow(line) && !/(?: {2}|\\)$/.test(line);
  }
  return lines
    .join("\n")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** A line between parts, or under the head of a table. */
function isRule(line: string): boolean {
  return /^\s*(?:[-*_]\s*){3,}$/.test(line) || (/^[\s:|-]+$/.test(line) && line.includes("---"));
}

function isTableRow(line: string): boolean {
  return /^\s*\|.*\|\s*$/.test(line);
}

function startsBlock(line: string): boolean {
  return /^\s*(?:[*+-]|\d{1,3}[.)]|>)\s/.test(line) || headingLine.test(line) || isTableRow(line);
}

function plainLine(line: string): string {
  const heading = line.match(headingLine)?.[2];
  if (heading !== undefined) return inlineText(heading);
  if (isTableRow(line)) {
    const cells = line.trim().slice(1, -1).split("|");
    return cells.map((cell) => inlineText(cell.trim())).join(" – ");
  }
  const item = line.match(/^(\s*)[*+-]\s+(.*)$/);
  if (item) return `${item[1] ?? ""}- ${inlineText(item[2] ?? "")}`;
  return inlineText(line.replace(/^\s*(?:>\s?)+/, ""));
}

function inlineText(text: string): string {
  return text
    .replace(/!\[([^\]]*)\]\([^()\s]*(?:\s+"[^"]*")?\)/g, "$1")
    .replace(/\[([^\]]+)\]\(<?([^()\s<>]+)>?(?:\s+"[^"]*")?\)/g, (_, label: string, url: string) =>
      linkText(label, url),
    )
    .replace(/<(https?:\/\/[^<>\s]+|[^<>\s@]+@[^<>\s]+)>/g, "$1")
    .replace(/<\/?[a-zA-Z][^<>]{0,200}>/g, "")
    .replace(/(\*\*|__)(?=\S)(.+?)(?<=\S)\1/g, "$2")
    .replace(/(?<![\p{L}\p{N}*_])([*_])(?=\S)([^*_]+?)(?<=\S)\1(?![\p{L}\p{N}*_])/gu, "$2")
    .replace(/(`+)(.+?)\1/g, "$2")
    .replace(/\\([\\`*_{}[\]()#+\-.!|<>])/g, "$1");
}

function linkText(label: string, url: string): string {
  const address = url.replace(/^(?:mailto|tel):/, "");
  return label === address || label === url ? address : `${label} (${address})`;
}
