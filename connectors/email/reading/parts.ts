/** The MIME parts of a mail as a tree, each leaf with its decoded bytes: mailparser, kept within bounds. */
import { Readable } from "node:stream";
import { MailParser } from "mailparser";
import { saneMediaType } from "../../../plugins/toolkit/plain.ts";
import { decodeText } from "./charset.ts";
import { decodeWords, type Head } from "./header-text.ts";

/** One part. A multipart has children and no content; a leaf the reverse. */
export interface Part {
  readonly mediaType: string;
  readonly params: Readonly<Record<string, string>>;
  readonly disposition: string | null;
  readonly filename: string | null;
  readonly contentId: string | null;
  readonly encoding: string;
  readonly children: readonly Part[];
  readonly content: Buffer;
}

/** The tree, and what was left out of it. */
export interface Parts {
  readonly root: Part;
  readonly leftOut: readonly string[];
}

/** More parts than any program writes; each costs the parser a node, and nesting the call stack a frame. */
const maxParts = 500;
const maxMimeField = 65_536;

/** Bytes of one text or HTML part that are held; more than is ever looked at, so that a cut is still seen. */
const maxTextBytes = 10_100_000;

/** What mailparser knows of a part. Its declared types leave the tree out. */
interface ParserNode {
  readonly contentType: string | false;
  readonly headers: Map<string, unknown>;
  readonly headerLines: readonly { key: string; line: string }[];
  readonly children: readonly ParserNode[];
  readonly node: { disposition: string | false; filename: string | false; encoding: string | false };
}

/** What mailparser emits for a leaf; the text at the end has another `type`. */
interface Emitted {
  readonly type: string;
  readonly contentType?: string;
  readonly contentDisposition?: string;
  readonly headers?: unknown;
  readonly content?: Readable;
  release?: () => void;
}

interface ParserInside {
  textTypes: string[];
  tree: ParserNode | false;
}

/**
 * Reads the parts. mailparser gets the MIME fields of the head alone and no more parts than it bears; the rest is cut
 * off and named in `leftOut`. Rejects with mailparser's error where a part's own header is larger than 1 MB.
 */
export async function readParts(raw: Buffer, head: Head): Promise<Parts> {
  const body = raw.subarray(head.bodyStart);
  const end = endOfBearableParts(head, body);
  const leftOut = end < body.length ? [`parts of the mail after the first ${maxParts}`] : [];
  const parser = new MailParser({ checksumAlgo: false, ignoreEmbedded: true } as object);
  const inside = parser as unknown as ParserInside;
  // With no type taken as text, every leaf comes out as its bytes: mailparser would decode a missing or wrong charset
  // beyond repair, and join all texts of a mail into one.
  inside.textTypes = [];
  const contents = new Map<unknown, Buffer>();
  parser.on("data", (data: Emitted) => {
    if (data.type !== "attachment" || !data.content) return;
    const chunks: Buffer[] = [];
    // Of a text no more is held than is looked at.
    const max =
      /^text\/(plain|html)$/i.test(data.contentType ?? "") && !data.contentDisposition
        ? maxTextBytes
        : Infinity;
    let length = 0;
    data.content.on("data", (chunk: Buffer) => {
      if (length <= max) chunks.push(chunk);
      length += chunk.length;
    });
    data.content.on("end", () => {
      contents.set(data.headers, Buffer.concat(chunks));
      data.release?.();
    });
  });
  await new Promise<void>((resolve, reject) => {
    parser.on("error", reject);
    parser.on("end", resolve);
    Readable.from(pieces(mimeHead(head), body.subarray(0, end))).pipe(parser);
  });
  if (!inside.tree) throw new Error("The mail has no parts at all.");
  const root = toPart(inside.tree, contents, false);
  // A multipart whose delimiters are nowhere is read as the text that it then is.
  const isHollow = root.mediaType.startsWith("multipart/") && root.children.length === 0;
  return { root: isHollow ? { ...root, content: body } : root, leftOut };
}

function* pieces(head: Buffer, body: Buffer): Generator<Buffer> {
  yield head;
  for (let at = 0; at < body.length; at += 65_536) yield body.subarray(at, at + 65_536);
}

/** The fields that say how to read the body; others may be megabytes long and are read elsewhere. */
function mimeHead(head: Head): Buffer {
  const seen = new Set<string>();
  const lines: string[] = [];
  for (const { name, value } of head.fields) {
    if (!/^content-[a-z-]+$/.test(name) || seen.has(name)) continue;
    seen.add(name);
    // No line break can be left in an unfolded value.
    lines.push(`${name}: ${value.slice(0, maxMimeField).replace(/[\r\n]/g, " ")}\r\n`);
  }
  return Buffer.from(`${lines.join("") || "content-type: text/plain\r\n"}\r\n`, "latin1");
}

/** Where the body has to be cut for the parser: at the delimiter line that would open one part too many. */
function endOfBearableParts(head: Head, body: Buffer): number {
  const type = head.fields.find((field) => field.name === "content-type")?.value ?? "";
  if (!/^\s*multipart\//i.test(type)) return body.length;
  let parts = 0;
  for (let at = body.indexOf("--"); at >= 0 && at < body.length; at = body.indexOf("\n--", at + 1)) {
    const start = body[at] === 0x0a ? at + 1 : at;
    const next = body.indexOf(0x0a, start);
    if (next < 0) break;
    // A delimiter is followed by a header line or, where the part has none, by a blank line: text after dashes is not.
    const line = body.toString("latin1", start, Math.min(next, start + 200)).trimEnd();
    if (line.length < 3 || line.endsWith("--") || !opensPart(body, next + 1)) continue;
    if (++parts > maxParts) return start;
  }
  return body.length;
}

function opensPart(body: Buffer, at: number): boolean {
  return /^(\r?\n|--|[!-9;-~]{1,100}:)/.test(body.toString("latin1", at, at + 102));
}

function toPart(node: ParserNode, contents: ReadonlyMap<unknown, Buffer>, inDigest: boolean): Part {
  const type = (node.headers.get("content-type") ?? {}) as { params?: Record<string, unknown> };
  const params = Object.fromEntries(
    Object.entries(type.params ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
  const undeclared = !node.headers.has("content-type");
  const mediaType =
    undeclared && inDigest
      ? "message/rfc822"
      : saneMediaType(node.contentType || "", undeclared ? "text/plain" : "application/octet-stream");
  return {
    mediaType,
    params,
    disposition: node.node.disposition || null,
    filename: filenameOf(node),
    contentId: one(node.headers.get("content-id")),
    encoding: node.node.encoding || "",
    children: mediaType.startsWith("multipart/")
      ? node.children.map((child) => toPart(child, contents, mediaType === "multipart/digest"))
      : [],
    content: contents.get(node.headers) ?? Buffer.alloc(0),
  };
}

function one(value: unknown): string | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" ? first : null;
}

/** The declared name. Raw 8-bit letters in it are decoded anew, since the parser takes them all for UTF-8. */
function filenameOf(node: ParserNode): string | null {
  const parsed = node.node.filename || null;
  if (parsed === null || !/[\u0080-\u00ff\ufffd]/.test(parsed)) return parsed;
  for (const { key, line } of node.headerLines) {
    if (key !== "content-disposition" && key !== "content-type") continue;
    const raw = /(?:file)?name\s*=\s*(?:"([^"]{1,1000})"|([^\s;]{1,1000}))/i.exec(line);
    const name = raw?.[1] ?? raw?.[2];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of a byte
    if (name && /[\x80-\xff]/.test(name) && !/[^\x00-\xff]/.test(name))
      return decodeWords(decodeText(Buffer.from(name, "latin1"), null));
  }
  return parsed;
}
