/** One raw mail as a `ParsedMail`; runs in the worker, since mails are made by anybody. */

import { safeHtml } from "../../../plugins/toolkit/html-safe.ts";
import { cut, cutLine, manyLines, tidy } from "../../../plugins/toolkit/plain.ts";
import type { MailAddress, ParsedMail } from "../mail.ts";
import { type Budget, type Gathered, readBody, tooLong } from "./body.ts";
import { fileList } from "./files.ts";
import { addresses, date, firstId, headerLines, ids, subject } from "./header-fields.ts";
import { type Head, headerText, rawValues, readHead } from "./header-text.ts";
import { signedContent } from "./opaque-signed.ts";
import { type Part, readParts } from "./parts.ts";

const maxText = 200_000;
const maxForwardedDepth = 3;
const maxForwarded = 10;
/** Of a mail within the mail; its text comes first. */
const maxForwardedBytes = 5_000_000;
/** Far more than is kept: files may stand in the text, and large images in the HTML. Takes about a second. */
const maxPlainBytes = 4_000_000;
const maxHtmlBytes = 10_000_000;
const maxTags = 150_000;
const maxForwardedText = 50_000;

/**
 * Reads a mail. Rejects with a message for people where there is none, or where mailparser gives up; bounds on size and
 * time are the caller's.
 */
export async function parseMail(raw: Uint8Array, maxFiles: number): Promise<ParsedMail> {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const head = readHead(bytes);
  if (head.fields.length === 0) throw new Error("It has no header lines, so it is not a mail.");
  const { root, leftOut } = await readParts(bytes, head);
  const opened = await openSigned(root);
  const budget: Budget = {
    plainBytes: maxPlainBytes,
    htmlBytes: maxHtmlBytes,
    tags: maxTags,
    mails: maxForwarded,
  };
  const gathered = newGathered(root, maxFiles, budget);
  const body = readBody(opened, gathered);
  const text = limited(await wholeText(body.text, gathered, maxForwardedDepth), maxText);
  const html = body.html?.trim() ? safeHtml(body.html) : null;
  const notes = [...leftOut, ...gathered.files.leftOut];
  if (text.cut) notes.push(tooLong);
  if (body.html?.trim() && html === null) notes.push("the HTML, which is too long");
  return {
    messageId: firstId(head, "message-id"),
    inReplyTo: ids(head, "in-reply-to"),
    references: ids(head, "references"),
    from: addresses(head, "from"),
    replyTo: addresses(head, "reply-to"),
    to: addresses(head, "to"),
    cc: addresses(head, "cc"),
    subject: subject(head),
    date: date(head),
    headers: headerLines(head),
    text: text.text,
    html: html === "" ? null : html,
    files: gathered.files.files.map((file) => ({
      ...file,
      inline: file.inline || isShown(file.contentId, html),
    })),
    leftOut: [...new Set(notes)],
    mediaType: root.mediaType,
    reportType: root.params["report-type"]?.trim().toLowerCase().slice(0, 100) || null,
    encrypted: gathered.encrypted,
  };
}

function newGathered(root: Part, maxFiles: number, budget: Budget): Gathered {
  const isReport = root.mediaType === "multipart/report";
  return { files: fileList(maxFiles), calendars: [], embedded: [], isReport, budget, encrypted: false };
}

/** What an opaquely signed mail holds takes the place of its one part. */
async function openSigned(root: Part): Promise<Part> {
  if (!/^application\/(x-)?pkcs7-mime$/.test(root.mediaType)) return root;
  const content = signedContent(root.content);
  return content ? (await readParts(content, readHead(content))).root : root;
}

function isShown(contentId: string | null, html: string | null): boolean {
  return contentId !== null && (html ?? "").includes(`cid:${contentId}`);
}

/** The mail's own text, an invitation where there is no other, and the mails forwarded as attachments. */
async function wholeText(own: string, gathered: Gathered, depth: number): Promise<string> {
  const texts = [tidy(manyLines(own))];
  if (texts[0] === "") texts[0] = gathered.calendars.filter((text) => text !== "").join("\n\n");
  for (const mail of gathered.embedded) {
    if (depth === 0 || gathered.budget.mails-- <= 0) break;
    const text = await forwardedText(mail.subarray(0, maxForwardedBytes), depth, gathered.budget);
    if (text !== "") texts.push(text);
  }
  return texts.filter((text) => text !== "").join("\n\n");
}

async function forwardedText(raw: Buffer, depth: number, budget: Budget): Promise<string> {
  const head = readHead(raw);
  if (head.fields.length === 0) return "";
  const { root } = await readParts(raw, head);
  const gathered = newGathered(root, 0, budget);
  const text = await wholeText(readBody(root, gathered).text, gathered, depth - 1);
  const lines = forwardedHead(head);
  return limited(
    ["---------- Forwarded message ----------", ...lines, "", text].join("\n").trimEnd(),
    maxForwardedText,
  ).text;
}

function forwardedHead(head: Head): string[] {
  const people = (name: string) => addresses(head, name).slice(0, 20).map(person).join(", ");
  const rows: [string, string][] = [
    ["From", people("from")],
    ["Date", headerText(rawValues(head, "date")[0] ?? "", 100)],
    ["Subject", subject(head) ?? ""],
    ["To", people("to")],
  ];
  return rows.filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}`);
}

function person({ name, address }: MailAddress): string {
  return name === null ? address : `${name} <${address}>`;
}

function limited(text: string, max: number): { text: string; cut: boolean } {
  if (text.length <= max) return { text: text.toWellFormed(), cut: text.endsWith(cutLine) };
  return { text: `${cut(text, max - cutLine.length - 1)}\n${cutLine}`, cut: true };
}
