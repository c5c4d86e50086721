/** What people and the model read of a mail: its texts put together from the tree of its parts. */

import { htmlToPlain } from "../../../plugins/toolkit/html-text.ts";
import { manyLines } from "../../../plugins/toolkit/plain.ts";
import { calendarText } from "./calendar.ts";
import { charsetOfHtml, decodeText } from "./charset.ts";
import { type FileList, typeOfName } from "./files.ts";
import type { Part } from "./parts.ts";
import { takeUuFiles, unenrich, unflow } from "./plain-part.ts";

/** Text and HTML of one branch of the tree; null where it has none. */
interface Body {
  readonly plain: string | null;
  readonly html: string | null;
}

/** What a mail and all mails within it may cost together. */
export interface Budget {
  /** Bytes of plain texts and of HTML that are still decoded. */
  plainBytes: number;
  htmlBytes: number;
  /** HTML elements, each of which costs the conversion more than its letters; the part that passes it is the last. */
  tags: number;
  /** Mails within the mail that are still read. */
  mails: number;
}

/** What is gathered beside the text on the way through the tree. */
export interface Gathered {
  readonly files: FileList;
  readonly calendars: string[];
  /** Mails within the mail, in their order. */
  readonly embedded: Buffer[];
  /** The root is a report: the mail it holds is the one reported of, not one that somebody forwards. */
  readonly isReport: boolean;
  readonly budget: Budget;
  encrypted: boolean;
}

/** The text and the raw HTML of a mail. */
export interface ReadBody {
  readonly text: string;
  readonly html: string | null;
}

/** A note for `leftOut`. */
export const tooLong = "the end of the text, which is too long";
const nothing: Body = { plain: null, html: null };
const signatures = new Set([
  "application/pgp-signature",
  "application/pkcs7-signature",
  "application/x-pkcs7-signature",
]);
/** Parts for machines that no person could open. */
const dropped = new Set([
  "application/applefile",
  "text/x-amp-html",
  "text/watch-html",
  "application/x-moe-extension",
]);

/** Reads the whole tree; files, calendars and embedded mails go into `gathered`. */
export function readBody(root: Part, gathered: Gathered): ReadBody {
  const body = walk(root, null, gathered);
  const text = textOf(body);
  if (/^-----BEGIN PGP MESSAGE-----/m.test(text)) gathered.encrypted = true;
  return { text: withoutClearSignature(text), html: body.html };
}

/** The text within an inline PGP signature. */
function withoutClearSignature(text: string): string {
  const begin = text.indexOf("-----BEGIN PGP SIGNED MESSAGE-----\n");
  const signature = text.indexOf("\n-----BEGIN PGP SIGNATURE-----\n", begin);
  const content = text.indexOf("\n\n", begin);
  if (begin < 0 || signature < 0 || content < 0 || content > signature) return text;
  const end = text.indexOf("\n-----END PGP SIGNATURE-----", signature);
  const rest = end < 0 ? "" : text.slice(end + "\n-----END PGP SIGNATURE-----".length);
  return text.slice(0, begin) + text.slice(content + 2, signature).replace(/^- /gm, "") + rest;
}

function walk(part: Part, parent: Part | null, gathered: Gathered): Body {
  const { mediaType } = part;
  if (!mediaType.startsWith("multipart/")) return leaf(part, parent, gathered);
  if (part.children.length === 0) return readText({ ...part, mediaType: "text/plain", params: {} }, gathered);
  if (mediaType === "multipart/encrypted") gathered.encrypted = true;
  const bodies = part.children.map((child) => walk(child, part, gathered));
  return mediaType === "multipart/alternative" ? alternative(bodies) : sequence(bodies);
}

/** The same content several times: the first plain text, the last and so richest HTML. */
function alternative(bodies: readonly Body[]): Body {
  return {
    plain:
      bodies.find(({ plain }) => plain?.trim())?.plain ??
      bodies.find(({ plain }) => plain !== null)?.plain ??
      null,
    html: bodies.findLast(({ html }) => html !== null)?.html ?? null,
  };
}

/** One content after the other. */
function sequence(bodies: readonly Body[]): Body {
  const filled = bodies.filter(({ plain, html }) => plain?.trim() || html !== null);
  if (filled.length <= 1) return filled[0] ?? bodies.find(({ plain }) => plain !== null) ?? nothing;
  return {
    plain: filled
      .map(textOf)
      .filter((text) => text !== "")
      .join("\n\n"),
    html: filled.some(({ html }) => html !== null) ? filled.map(htmlOf).join("<br>\n") : null,
  };
}

/** A mail's own plain text, unless it is empty or only says that there is HTML. */
function textOf({ plain, html }: Body): string {
  if (html === null || (plain?.trim() && !isStub(plain))) return plain ?? "";
  const converted = htmlToPlain(html);
  return converted.trim() === "" ? (plain ?? "") : converted;
}

function isStub(plain: string): boolean {
  const text = plain.trim();
  if (text.length > 400 || !/html/i.test(text)) return false;
  return /support|view|display|cannot|can't|unable|format|client|reader|browser|unterst|anzeig|darstell|поддерж|просмотр|отображ|формат/i.test(
    text,
  );
}

function htmlOf({ plain, html }: Body): string {
  if (html !== null) return html;
  const safe = (plain ?? "").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<div>${safe.replaceAll("\n", "<br>\n")}</div>`;
}

function leaf(part: Part, parent: Part | null, gathered: Gathered): Body {
  const { mediaType } = part;
  if (dropped.has(mediaType)) return nothing;
  if (parent?.mediaType === "multipart/signed" && signatures.has(mediaType)) return nothing;
  if (parent?.mediaType === "multipart/encrypted" && mediaType === "application/pgp-encrypted")
    return nothing;
  if (/^application\/(x-)?pkcs7-mime$/.test(mediaType) && isEnveloped(part)) gathered.encrypted = true;
  if (mediaType === "text/calendar")
    gathered.calendars.push(calendarText(decodeText(part.content, part.params.charset ?? "utf-8")));
  if (isEmbeddedMail(mediaType) && !gathered.isReport) gathered.embedded.push(part.content);
  if (/^message\/(global-)?(delivery-status|disposition-notification|feedback-report)$/.test(mediaType)) {
    return readText({ ...part, mediaType: "text/plain" }, gathered);
  }
  if (isText(part, parent)) return readText(part, gathered);
  keepFile(part, parent, gathered);
  return nothing;
}

/** Opaquely signed mail is of the same type, and not encrypted. */
function isEnveloped(part: Part): boolean {
  const kind = part.params["smime-type"]?.toLowerCase();
  return kind === undefined ? !/\.p7[cs]$/i.test(part.filename ?? "") : /enveloped|encrypted/.test(kind);
}

function isEmbeddedMail(mediaType: string): boolean {
  return /^message\/(rfc822|global|news)$/.test(mediaType);
}

/** Texts to read, not to open: those without a file's name. Some programs name the mail's only text. */
function isText(part: Part, parent: Part | null): boolean {
  if (!/^text\/(plain|html|enriched|richtext|x-plain|unknown)$/.test(part.mediaType)) return false;
  if (parent === null) return part.disposition !== "attachment";
  if (parent.mediaType === "multipart/alternative") return part.disposition !== "attachment";
  return (
    (part.disposition === null || part.disposition === "inline") &&
    (part.filename === null || parent.children[0] === part)
  );
}

function readText(part: Part, gathered: Gathered): Body {
  const { budget } = gathered;
  const kind = part.mediaType === "text/html" ? "htmlBytes" : "plainBytes";
  const content = part.content.subarray(0, budget[kind]);
  budget[kind] -= content.length;
  if (content.length < part.content.length) gathered.files.leftOut.push(tooLong);
  if (kind === "htmlBytes") {
    const charset = part.params.charset ?? charsetOfHtml(content);
    return readHtml(manyLines(decodeText(content, charset).replace(/^\ufeff/, "")), gathered);
  }
  let text = decodeText(content, part.params.charset ?? null).replace(/^\ufeff/, "");
  if (part.params.format?.toLowerCase() === "flowed")
    text = unflow(text, part.params.delsp?.toLowerCase() === "yes");
  if (/enriched|richtext/.test(part.mediaType)) text = unenrich(text);
  const withoutFiles = takeUuFiles(manyLines(text));
  for (const { name, content } of withoutFiles.files) {
    gathered.files.add({
      name,
      mediaType: typeOfName(name),
      content,
      contentId: null,
      inline: false,
    });
  }
  return { plain: withoutFiles.text, html: null };
}

function readHtml(html: string, { budget, files }: Gathered): Body {
  if (budget.tags <= 0) {
    files.leftOut.push(tooLong);
    return nothing;
  }
  for (let at = html.indexOf("<"); at >= 0 && budget.tags > 0; at = html.indexOf("<", at + 1)) budget.tags--;
  return { plain: null, html };
}

function keepFile(part: Part, parent: Part | null, gathered: Gathered): void {
  const inline =
    part.disposition === "inline" || (part.disposition === null && parent?.mediaType === "multipart/related");
  const contentId = part.contentId?.replace(/[<>\s]/g, "") || null;
  const { filename: name, mediaType, content } = part;
  const fallback = isEmbeddedMail(mediaType)
    ? "message"
    : mediaType === "text/calendar"
      ? "invitation"
      : undefined;
  const isUu = /^x?-?uu(e|encode|encoded)?$/.test(part.encoding);
  const uu = isUu ? takeUuFiles(content.toString("latin1")).files[0] : undefined;
  gathered.files.add(
    { name: name ?? uu?.name ?? null, mediaType, content: uu?.content ?? content, contentId, inline },
    fallback,
  );
}
