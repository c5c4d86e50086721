/** HTML of a mail for people: nothing runs, nothing loads from elsewhere, nothing reaches out of its place. */
import sanitize from "sanitize-html";
import { tameHtml } from "./html-tame.ts";

const maxHtml = 1_000_000;
/** Larger than what is kept, since sanitising takes away. */
const maxInput = 1_500_000;

const tags = (
  "a abbr address b bdi big blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption " +
  "figure font h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup table " +
  "tbody td tfoot th thead time tr tt u ul var wbr"
).split(" ");

/** Properties that change how a text looks and nothing else. */
const properties = new Set(
  (
    "color background-color font font-family font-size font-style font-weight font-variant line-height letter-spacing " +
    "text-align text-decoration text-indent text-transform vertical-align white-space word-break word-wrap overflow-wrap " +
    "direction border border-top border-right border-bottom border-left border-color border-style border-width " +
    "border-collapse border-spacing border-radius padding padding-top padding-right padding-bottom padding-left " +
    "margin margin-top margin-right margin-bottom margin-left width max-width height list-style list-style-type"
  ).split(" "),
);
/** Plain words, numbers, colours and `rgb()`: no other function, no escape, no negative length that leaves its place. */
const plainValue = /^(?:[\w\s#%.,'"]|\b-\b|rgba?\([\d\s.,%]{1,40}\))+$/i;

const options: sanitize.IOptions = {
  allowedTags: tags,
  allowedAttributes: {
    "*": ["style", "dir", "lang", "title", "align", "valign", "class"],
    a: ["href", "rel", "target"],
    img: ["src", "alt", "width", "height", "data-remote-src"],
    font: ["color", "face", "size"],
    table: ["width", "border", "cellpadding", "cellspacing", "bgcolor"],
    td: ["width", "height", "colspan", "rowspan", "bgcolor"],
    th: ["width", "height", "colspan", "rowspan", "bgcolor"],
    tr: ["bgcolor"],
    ol: ["start", "type"],
    ul: ["type"],
    time: ["datetime"],
  },
  // What stripping and people know a quote by, and nothing that could take on the style of the page around it.
  allowedClasses: {
    "*": ["gmail_quote", "gmail_attr", "gmail_signature", "moz-cite-prefix", "yahoo_quoted", "MsoNormal"],
  },
  allowedSchemes: ["http", "https", "mailto", "tel", "cid"],
  allowedSchemesByTag: { img: ["cid", "data"] },
  allowProtocolRelative: false,
  nestingLimit: 500,
  parseStyleAttributes: false,
  transformTags: {
    "*": (tagName, attribs) => ({ tagName, attribs: safeStyle(attribs) }),
    a: (tagName, attribs) => ({ tagName, attribs: safeLink(safeStyle(attribs)) }),
    img: (tagName, attribs) => ({ tagName, attribs: safeImage(safeStyle(attribs)) }),
  },
};

/** The safe HTML, or null where it has over 1,000,000 characters without its embedded images, or over 60,000 tags. */
export function safeHtml(html: string): string | null {
  for (const maxDataUrl of /data:/i.test(html) ? [maxHtml, 0] : [0]) {
    const tame = tameHtml(html, { maxLength: maxInput, maxDataUrl });
    if (tame.cut) continue;
    const safe = sanitize(tame.html, options).replaceAll("\u0000", "").toWellFormed().trim();
    if (safe.length <= maxHtml) return safe;
  }
  return null;
}

function safeStyle(attribs: sanitize.Attributes): sanitize.Attributes {
  const { style, ...rest } = attribs;
  if (style === undefined || style.length > 4_000) return rest;
  const kept = style.split(";").flatMap((declaration) => {
    const colon = declaration.indexOf(":");
    const name = declaration.slice(0, colon).trim().toLowerCase();
    const value = declaration
      .slice(colon + 1)
      .replace(/!important/i, "")
      .trim();
    return colon > 0 && properties.has(name) && plainValue.test(value) ? [`${name}:${value}`] : [];
  });
  return kept.length > 0 ? { ...rest, style: kept.join(";") } : rest;
}

/** A relative address would lead into the page that shows the mail. */
function safeLink({ href = "", ...rest }: sanitize.Attributes): sanitize.Attributes {
  const attribs = { ...rest, rel: "noopener noreferrer nofollow", target: "_blank" };
  return /^\s*(https?|mailto|tel|cid):/i.test(href) ? { href, ...attribs } : attribs;
}

/** An image from elsewhere tells its sender when the mail was read: its address is kept, but does not load. */
function safeImage(attribs: sanitize.Attributes): sanitize.Attributes {
  const { src = "", "data-remote-src": _forged, ...rest } = attribs;
  const address = src.trim();
  if (/^cid:/i.test(address) || /^data:image\/(png|jpe?g|gif|webp);base64,[\w+/=\s]*$/i.test(address))
    return { ...rest, src: address };
  return /^https?:\/\//i.test(address) ? { ...rest, "data-remote-src": address.slice(0, 2_000) } : rest;
}
