/** The texts of an answer: the original quoted below, and a hash that tells whether a person has changed the draft. */
import { createHash } from "node:crypto";

/** The most of the original that is quoted, in characters. */
const maxQuoted = 20_000;
/** Quoted lines are wrapped here, so that every wrapped line has its "> ". */
const quoteWidth = 76;

/** Puts a text on one line, without control characters and what turns the reading direction. */
export function oneLine(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ")
      .replace(/\s+/g, " ")
      .trim()
  );
}

export interface QuotedOriginal {
  readonly text: string;
  readonly sender: { readonly name: string | null; readonly address: string | null };
  readonly date: Date | null;
}

/** The line above a quote, in the message's language where it is one of ours, else in English. */
export function attribution(original: QuotedOriginal, language: string | null, timeZone: string): string {
  const { name, address } = original.sender;
  const whole = oneLine(name ?? "");
  // Mail programs, and our own stripping, know this line by its form: a name as long as a sentence would hide it.
  const short = whole.length <= 60 && whole.split(" ").length <= 4 ? whole : "";
  const shown = short || (address === null ? whole.slice(0, 60).toWellFormed() : "");
  const who = [shown, address === null ? "" : `<${address}>`].filter(Boolean).join(" ") || "—";
  const date = original.date;
  if (language === "ru") {
    if (date === null) return `${who} пишет:`;
    const d = dateParts(date, "ru", timeZone);
    return `${d.weekday}, ${d.day} ${d.month} ${d.year} г. в ${d.time}, ${who} пишет:`;
  }
  if (language === "de") {
    if (date === null) return `${who} schrieb:`;
    const d = dateParts(date, "de", timeZone);
    return `Am ${d.weekday}., ${d.day}. ${d.month} ${d.year} um ${d.time} Uhr schrieb ${who}:`;
  }
  if (date === null) return `${who} wrote:`;
  const d = dateParts(date, "en-GB", timeZone);
  return `On ${d.weekday}, ${d.day} ${d.month} ${d.year} at ${d.time}, ${who} wrote:`;
}

/** The language that a text is written in, where it is Russian or German; null for any other. */
export function guessLanguage(text: string): "ru" | "de" | null {
  const sample = text.slice(0, 4_000).toLowerCase();
  const letters = sample.match(/\p{L}/gu)?.length ?? 0;
  const russian = sample.match(/[а-яё]/g)?.length ?? 0;
  if (letters > 0 && russian / letters > 0.5) return /[іїєґўј]/.test(sample) ? null : "ru";
  const german = sample.match(
    /(?<!\p{L})(?:und|der|die|das|nicht|sie|ist|wir|ihr|ihre|ihnen|mit|für|vielen|dank|grüße|sehr|geehrte)(?!\p{L})/gu,
  );
  const words = sample.match(/\p{L}+/gu)?.length ?? 0;
  return (german?.length ?? 0) >= Math.max(2, words / 10) ? "de" : null;
}

function dateParts(date: Date, locale: string, timeZone: string) {
  const format = new Intl.DateTimeFormat(locale, {
    timeZone,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const parts = new Map(format.formatToParts(date).map(({ type, value }) => [type, value]));
  const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
  return {
    weekday: of("weekday").replace(/\.$/, ""),
    day: of("day"),
    month: of("month"),
    year: of("year"),
    time: `${of("hour")}:${of("minute")}`,
  };
}

/** Each line behind "> ", wrapped between words; what is too long ends in "[…]". */
export function quote(text: string): string {
  const clean = bodyText(text);
  const short =
    clean.length > maxQuoted ? `${clean.slice(0, maxQuoted).toWellFormed().trimEnd()}\n[…]` : clean;
  return short
    .split("\n")
    .flatMap((line) => {
      const depth = /^(?:> ?)*/.exec(line)?.[0].replaceAll(" ", "").slice(0, 20) ?? "";
      const words = line.replace(/^(?:> ?)+/, "");
      return wrap(words, quoteWidth).map((part) => `>${depth}${part === "" ? "" : ` ${part}`}`);
    })
    .join("\n");
}

/** Lines of at most `width` characters where there are spaces to break at; leading spaces stay. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = line.trimEnd();
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    // A word longer than the line, such as an address, is kept whole.
    const at = space > 0 && rest.slice(0, space).trim() !== "" ? space : rest.indexOf(" ", width);
    if (at === -1) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at + 1).trimStart();
  }
  return [...lines, rest];
}

/** Line ends as LF, no control characters but tabs, no lone surrogates, nothing at the end. */
export function bodyText(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(/\r\n?|\u2028|\u2029/g, "\n")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "")
      .replace(/\n{4,}/g, "\n\n\n")
      .trim()
  );
}

/** What a person may change in a draft. */
export interface DraftContent {
  readonly text: string;
  readonly subject: string;
  /** Addresses only: programs write names in their own way. */
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly files: number;
}

/**
 * The same for a draft that was only stored and read again: white space, normalisation and the order of recipients do
 * not count, as servers (Exchange) write a mail anew.
 */
export function contentHash({ text, subject, to, cc, files }: DraftContent): string {
  const plain = (value: string) => value.normalize("NFC").replace(/\s+/g, " ").trim();
  const sorted = (list: readonly string[]) => list.map((address) => address.toLowerCase()).sort();
  const content = [plain(text), plain(subject), sorted(to), sorted(cc), files];
  // Short enough for one header line.
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 48);
}
