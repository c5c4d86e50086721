/** HTML of a mail as text for the model: quotes as `> `, tables as lines, links readable, nothing hidden. */
import { convert, type DomNode, type FormatCallback, type HtmlToTextOptions } from "html-to-text";
import { tameHtml } from "./html-tame.ts";
import { cutLine, manyLines, tidy } from "./plain.ts";

/** Programs write ten letters of markup for one of text, and a text of over 200,000 is cut anyway. */
const maxHtml = 1_500_000;
const maxLinkLength = 200;

/** Text in an element that people do not see is not for the model either: it is how prompts are smuggled in. */
const hidden = [
  '[style*="display:none" i]',
  '[style*="display: none" i]',
  '[style*="visibility:hidden" i]',
  '[style*="visibility: hidden" i]',
  '[style*="mso-hide:all" i]',
  '[style*="mso-hide: all" i]',
  '[style*="font-size:0px" i]',
  '[style*="font-size: 0px" i]',
  "[hidden]",
];

const link: FormatCallback = (elem, walk, builder) => {
  walk(elem.children, builder);
  const href = attribute(elem, "href").trim();
  if (!/^(https?|mailto|tel):/i.test(href)) return;
  const target = href
    .replace(/^(mailto|tel):/i, "")
    .replace(/\?.*$/s, (query) => (href.length > maxLinkLength ? "?…" : query));
  const shown = textOf(elem.children, 2_000).trim();
  if (sameAddress(shown, href) || target.length > maxLinkLength || target === "") return;
  builder.addInline(shown === "" ? `<${target}>` : ` <${target}>`, { noWordTransform: true });
};

const image: FormatCallback = (elem, _walk, builder) => {
  const alt = attribute(elem, "alt").trim();
  if (alt !== "" && alt.length <= 100) builder.addInline(alt);
};

const cell: FormatCallback = (elem, walk, builder) => {
  walk(elem.children, builder);
  builder.addInline(" ");
};

/** As Outlook writes the line above the mail that is answered. */
const rule: FormatCallback = (_elem, _walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 1 });
  builder.addInline("_".repeat(32));
  builder.closeBlock({ trailingLineBreaks: 1 });
};

const options: HtmlToTextOptions = {
  wordwrap: false,
  formatters: { link, image, cell, rule },
  limits: { maxDepth: 1_000 },
  selectors: [
    { selector: "a", format: "link" },
    { selector: "img", format: "image" },
    { selector: "td", format: "cell" },
    { selector: "th", format: "cell" },
    { selector: "tr", format: "block", options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
    { selector: "hr", format: "rule" },
    { selector: "p", options: { leadingLineBreaks: 2, trailingLineBreaks: 2 } },
    // Outlook writes every line as a paragraph of this class, without space between them.
    {
      selector: "p.MsoNormal",
      format: "paragraph",
      options: { leadingLineBreaks: 1, trailingLineBreaks: 1 },
    },
    {
      selector: "blockquote",
      options: { leadingLineBreaks: 1, trailingLineBreaks: 1, trimEmptyLines: false },
    },
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    ...hidden.map((selector) => ({ selector, format: "skip" })),
  ],
};

/** The text of an HTML part, of which 1,500,000 characters are looked at; `cutLine` stands last where it is longer. */
export function htmlToPlain(html: string): string {
  const tame = tameHtml(html, { maxLength: maxHtml, maxDataUrl: 0 });
  const text = convert(asBrowsersBreak(tame.html), options) + (tame.cut ? `\n${cutLine}` : "");
  // Fillers that newsletters put behind their preview line.
  return tidy(manyLines(text).replace(/[\u034f\u200b\u200c\ufeff\u00ad]/g, ""));
}

/** A break that ends a block breaks nothing, and a block of a break alone is one blank line. */
function asBrowsersBreak(html: string): string {
  const lone = /<(div|p)(?: [^<>]{0,500})?>\s*(?:<span>)?<br[^<>]{0,100}>\s*(?:<\/span>)?<\/\1>/gi;
  return html
    .replace(lone, "<br>")
    .replace(lone, "<br>")
    .replace(/<br[^<>]{0,100}>\s*(<\/(?:div|p|td|li|blockquote)>)/gi, "$1");
}

function attribute(elem: DomNode, name: string): string {
  return elem.attribs?.[name] ?? "";
}

function textOf(nodes: DomNode[] | undefined, max: number): string {
  let text = "";
  for (const node of nodes ?? []) {
    if (text.length > max) break;
    text += node.type === "text" ? (node.data ?? "") : textOf(node.children, max - text.length);
  }
  return text;
}

function sameAddress(shown: string, href: string): boolean {
  const bare = (address: string) =>
    address
      .trim()
      .replace(/^(mailto:|tel:|https?:\/\/)(www\.)?/i, "")
      .replace(/\/$/, "")
      .toLowerCase();
  return bare(shown) === bare(href) || bare(shown) === bare(href).replace(/\?.*$/s, "");
}
