/** A draft as the internal note that agents find in their helpdesk, and the marker by which it is found again. */
import { hash } from "node:crypto";
import type { Label, OutgoingDraft } from "../contract/connector.ts";
import { htmlToPlain } from "./html-text.ts";

/**
 * Names a draft in its note. The same for every attempt, and not to be guessed: look it up before writing. Whoever reads notes
 * back should look for it in those alone that the connector's own user wrote.
 */
export function noteMarker({ idempotencyKey }: Pick<OutgoingDraft, "idempotencyKey">): string {
  return `dw-${hash("sha256", idempotencyKey).slice(0, 20)}`;
}

/** What any note of ours holds, whichever draft it is for. */
export const anyMarker = /\bdw-[0-9a-f]{20}\b/;

const digestOf = (html: string) => hash("sha256", htmlToPlain(html).replace(/\s+/g, " ")).slice(0, 20);

/**
 * Marks a draft, where the helpdesk keeps a field beside the text that nobody sees: the draft's marker, and the text that it
 * had.
 */
export function sealOf(draft: Pick<OutgoingDraft, "idempotencyKey">, html: string): string {
  return `${noteMarker(draft)} ${digestOf(html)}`;
}

/** Whether a draft that bears this mark is ours, whichever one, and still has the text that we wrote, spaces aside. */
export function isSealed(seal = "", html = ""): boolean {
  const [marker = "", digest] = seal.split(" ");
  return anyMarker.test(marker) && digest === digestOf(html);
}

const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as HTML that shows just this text. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => escapes[sign] ?? sign);
}

/** Paragraphs where the text has blank lines, breaks where it has others. */
export function textToHtml(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .split(/\n{2,}/)
    .filter((part) => part.trim() !== "")
    .map((part) => `<p>${escapeHtml(part).replaceAll("\n", "<br>")}</p>`)
    .join("");
}

/** They come from a model: at most so many, and of each so many characters. */
const mostNotes = 10;
const noteLength = 500;

function notesList({ notes = [] }: OutgoingDraft): string {
  if (notes.length === 0) return "";
  const items = notes
    .slice(0, mostNotes)
    .map((note) => `<li>${escapeHtml(beginning(note, noteLength))}</li>`);
  return `<p>Before you send it:</p><ul>${items.join("")}</ul>`;
}

const percent = (label: Label) => `${label.value} (${Math.round(label.confidence * 100)} %)`;

function labelsLine({ labels }: OutgoingDraft): string {
  if (!labels) return "";
  const { type, priority, department } = labels;
  const text = `Type: ${percent(type)} · Priority: ${percent(priority)} · Department: ${percent(department)}`;
  return `<p>${escapeHtml(text)}</p>`;
}

function sourcesList({ sources }: OutgoingDraft): string {
  if (sources.length === 0) return "";
  const items = sources.map(({ title, url }) => {
    const shown = escapeHtml(title);
    const isLink = url !== undefined && /^https?:\/\//i.test(url);
    return `<li>${isLink ? `<a href="${escapeHtml(url)}">${shown}</a>` : shown}</li>`;
  });
  return `<p>Sources:</p><ul>${items.join("")}</ul>`;
}

export interface NoteOptions {
  /** The longest note that the helpdesk takes, in characters. Default: 60,000. */
  maxLength?: number;
  /** Said where the text is longer than that and ends before its end. */
  remark?: string;
}

const usualLength = 60_000;
const usualRemark = "The draft is longer than a note may be. All of it is in Deskwire's history.";

/** Ends where a letter ends. */
function beginning(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}

/**
 * The note as HTML of the plainest kind (p, br, strong, ul, li, a, hr): the draft, ready to be copied, then the labels, the
 * sources, and a line with the marker.
 */
export function noteHtml(draft: OutgoingDraft, options: NoteOptions = {}): string {
  const { maxLength = usualLength, remark = usualRemark } = options;
  const head = "<p><strong>Suggested reply</strong></p>";
  const origin = `<p>${escapeHtml(`Drafted by Deskwire (${draft.writtenBy}) · ${noteMarker(draft)}`)}</p>`;
  // What stands below is there for the draft, and may not crowd it out.
  const below = [notesList(draft), labelsLine(draft), sourcesList(draft)];
  const foot = `<hr>${below.filter((part) => part.length <= maxLength / 4).join("")}${origin}`;
  const room = maxLength - head.length - foot.length;
  let body = textToHtml(draft.text);
  // A letter becomes six at most, and a line break four: halving ends soon.
  for (let length = draft.text.length; body.length > room && length > 0; ) {
    length = Math.floor(length / 2);
    body = `${textToHtml(beginning(draft.text, length))}<p><strong>${escapeHtml(remark)}</strong></p>`;
  }
  return head + body + foot;
}
