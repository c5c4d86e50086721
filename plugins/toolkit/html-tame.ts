/** Makes HTML of any size and nesting fit for the parsers behind it, in one linear pass. */

const voidElements = new Set(
  "area base basefont br col embed frame hr img input link meta param source track wbr".split(" "),
);
/** Closed by their next sibling, so that a row of unclosed ones does not nest. */
const selfClosing = new Set("p li dt dd option optgroup tr td th thead tbody tfoot rt rp".split(" "));
/** Elements that go with all that is in them. */
const swallowed = new Set(
  "script style title noscript template svg math object applet iframe noframes noembed xml".split(" "),
);
/** htmlparser2 is quadratic in depth, and the walks behind it recursive. Browsers flatten at 512. */
const maxDepth = 150;
const maxTagLength = 16_384;
/** Every element costs the parsers behind this one far more than its letters do. */
const maxTags = 60_000;

/** What `tameHtml` keeps. */
export interface TameOptions {
  /** UTF-16 units of the result; the rest is cut off. */
  readonly maxLength: number;
  /** `data:` addresses longer than this many units are emptied. */
  readonly maxDataUrl: number;
}

/** What `tameHtml` made of it. */
export interface TameHtml {
  readonly html: string;
  /** Its end is missing. */
  readonly cut: boolean;
}

/**
 * HTML without comments, scripts and styles, no deeper than 150 elements (a cell or paragraph in each not counted), with
 * no more than 60,000 tags and no longer than the limit. Not yet safe.
 */
export function tameHtml(html: string, options: TameOptions): TameHtml {
  const out: string[] = [];
  let length = 0;
  let tags = 0;
  const stack: { name: string; kept: boolean }[] = [];
  const open = new Map<string, number>();
  // Ends that were looked for in vain: looking again from each start would take quadratic time.
  const missing = new Set<string>();
  const put = (piece: string) => {
    if (piece.startsWith("<")) tags++;
    out.push(piece);
    length += piece.length;
  };
  let at = 0;
  while (at < html.length && length < options.maxLength && tags < maxTags) {
    const start = html.indexOf("<", at);
    if (start < 0) {
      const end = Math.min(html.length, at + options.maxLength - length);
      put(html.slice(at, end));
      at = end;
      break;
    }
    if (start > at) put(html.slice(at, Math.min(start, at + options.maxLength - length)));
    const tag = readTag(html, start, missing);
    at = tag.end;
    if (tag.kind === "text") put("&lt;");
    if (tag.kind === "close") closeTag(tag.name);
    if (tag.kind === "open") at = openTag(tag, html.slice(start, tag.end));
  }
  return { html: out.join(""), cut: at < html.length };

  function openTag(tag: Tag, source: string): number {
    if (swallowed.has(tag.name)) return source.endsWith("/>") ? tag.end : endOfElement(html, tag, missing);
    const text =
      source.length > maxTagLength || source.length > options.maxDataUrl
        ? shorten(source, options.maxDataUrl)
        : source;
    if (voidElements.has(tag.name)) {
      put(text);
      return tag.end;
    }
    if (selfClosing.has(tag.name)) {
      if (stack.length >= maxDepth) return tag.end;
      open.set(tag.name, (open.get(tag.name) ?? 0) + 1);
      put(text);
      return tag.end;
    }
    const kept = stack.length < maxDepth;
    stack.push({ name: tag.name, kept });
    open.set(tag.name, (open.get(tag.name) ?? 0) + 1);
    if (kept) put(text);
    return tag.end;
  }

  function closeTag(name: string): void {
    if (name === "br") put("<br>");
    // An end tag without its start would make a parser invent one.
    if (!open.get(name)) return;
    if (selfClosing.has(name)) {
      open.set(name, (open.get(name) ?? 1) - 1);
      put(`</${name}>`);
      return;
    }
    for (let top = stack.pop(); top; top = stack.pop()) {
      open.set(top.name, (open.get(top.name) ?? 1) - 1);
      if (top.name !== name) continue;
      if (top.kept) put(`</${name}>`);
      return;
    }
  }
}

interface Tag {
  readonly kind: "open" | "close" | "skip" | "text";
  readonly name: string;
  readonly end: number;
}

const tagName = /<(\/?)([a-zA-Z][^\s/>]{0,60})/y;

/** The tag, comment or lone sign that begins at `start`. */
function readTag(html: string, start: number, missing: Set<string>): Tag {
  if (html.startsWith("<!--", start)) return { kind: "skip", name: "", end: after(html, "-->", start + 4) };
  const next = html[start + 1];
  if (next === "!" || next === "?") return { kind: "skip", name: "", end: after(html, ">", start) };
  tagName.lastIndex = start;
  const match = tagName.exec(html);
  if (!match) return { kind: "text", name: "", end: start + 1 };
  const name = (match[2] ?? "").toLowerCase();
  return { kind: match[1] ? "close" : "open", name, end: endOfTag(html, tagName.lastIndex, missing) };
}

function after(html: string, sign: string, from: number): number {
  const found = html.indexOf(sign, from);
  return found < 0 ? html.length : found + sign.length;
}

/** Past the `>` that is not within quotes; a quote that never ends does not hide the rest. */
function endOfTag(html: string, from: number, missing: Set<string>): number {
  let quote = "";
  for (let at = from; at < html.length; at++) {
    const sign = html[at] ?? "";
    if (quote !== "") {
      at = html.indexOf(quote, at);
      if (at < 0) break;
      quote = "";
    } else if (sign === ">") return at + 1;
    else if ((sign === '"' || sign === "'") && html[at - 1] === "=" && !missing.has(sign)) quote = sign;
  }
  if (quote !== "") missing.add(quote);
  return after(html, ">", from);
}

/** Past the end tag of an element that is dropped with its content; without an end tag only the start tag goes. */
function endOfElement(html: string, tag: Tag, missing: Set<string>): number {
  const name = tag.name.replace(/[^a-z]/g, "");
  if (missing.has(name)) return tag.end;
  const end = new RegExp(`</${name}\\b`, "gi");
  end.lastIndex = tag.end;
  const match = end.exec(html);
  if (match) return after(html, ">", match.index);
  missing.add(name);
  return tag.end;
}

function shorten(tag: string, maxDataUrl: number): string {
  const short = tag.replace(/(=\s*["']?)data:[^"'\s>]*/gi, (url, lead: string) =>
    url.length > maxDataUrl ? lead : url,
  );
  // A tag this long without a data address has nothing to say.
  return short.length > Math.max(maxTagLength, maxDataUrl * 1.1)
    ? `${/^<[a-zA-Z\d:]+/.exec(tag)?.[0] ?? "<span"}>`
    : short;
}
