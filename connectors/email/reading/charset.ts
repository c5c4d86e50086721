/** Bytes of a mail as text, whatever charset is declared, missing, unknown or wrong. */

/** Names met in mails that the platform's decoder does not know by that name. */
const aliases: Readonly<Record<string, string>> = {
  cp932: "shift_jis",
  ms932: "shift_jis",
  "windows-932": "shift_jis",
  cp936: "gbk",
  ms936: "gbk",
  "windows-936": "gbk",
  "euc-cn": "gbk",
  cp949: "euc-kr",
  ms949: "euc-kr",
  uhc: "euc-kr",
  ks_c_5601: "euc-kr",
  cp950: "big5",
  "win-1251": "windows-1251",
  "x-cp1251": "windows-1251",
  koi8r: "koi8-r",
  koi8u: "koi8-u",
  "mac-cyrillic": "x-mac-cyrillic",
  maccyrillic: "x-mac-cyrillic",
  macroman: "macintosh",
  "x-mac-roman": "macintosh",
  utf8mb4: "utf-8",
  "utf-8mb4": "utf-8",
};

/** Names that say nothing of the bytes above 0x7F. */
const unknown = new Set([
  "",
  "us-ascii",
  "ascii",
  "unknown-8bit",
  "x-unknown",
  "unknown",
  "8bit",
  "binary",
  "none",
  "default",
]);

const singleByte = /^(windows-\d+|iso-8859-\d+(-[ei])?|koi8-[ru]|ibm866|macintosh|x-mac-cyrillic)$/;

/**
 * The text of `bytes`. The declared charset is followed unless the bytes cannot be or plainly are not in it; then, and
 * where none is declared, it is guessed. Never fails: what cannot be decoded becomes U+FFFD.
 */
export function decodeText(bytes: Uint8Array, declared: string | null): string {
  const name = charsetName(declared);
  if (name === "utf-7") return decodeUtf7(bytes);
  if (name === "utf-16" || name?.startsWith("utf-16")) return decodeUtf16(bytes, name);
  // ISO 2022 looks like ASCII to every other test.
  if (isAscii(bytes))
    return name === "iso-2022-jp" || hasIso2022(bytes) ? decode(bytes, "iso-2022-jp") : latin1(bytes);
  const utf8 = tryDecode(bytes, "utf-8");
  if (name === null) return utf8 ?? decodeBrokenUtf8(bytes);
  if (name === "utf-8") return utf8 ?? decodeBrokenUtf8(bytes);
  if (singleByte.test(name)) {
    // Several bytes that happen to form valid UTF-8 are hardly ever meant as single letters of an 8-bit charset.
    if (utf8 !== null) return utf8;
    if (/^(windows-1252|iso-8859-1)$/.test(name) && cyrillicShare(bytes).share > 0.6)
      return decode(bytes, guess(bytes));
    return decode(bytes, name);
  }
  return tryDecode(bytes, name) ?? utf8 ?? decode(bytes, name);
}

/** The charset named by `<meta>` in the head of an HTML part, where its header names none. */
export function charsetOfHtml(bytes: Uint8Array): string | null {
  const head = latin1(bytes.subarray(0, 4096));
  return /<meta[^>]{0,300}charset\s*=\s*["']?([\w.:-]{1,40})/i.exec(head)?.[1] ?? null;
}

/** Text of a header's raw 8-bit bytes, given as a binary string. */
export function decodeRaw(binary: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ESC opens a charset of ISO 2022
  return /[\x80-\xff\x1b]/.test(binary) ? decodeText(Buffer.from(binary, "latin1"), null) : binary;
}

/** The decoder's name for a declared charset; null where it says nothing or is not known. */
function charsetName(declared: string | null): string | null {
  const name = (declared ?? "")
    .trim()
    .toLowerCase()
    .replace(/^["']+|["']+$/g, "")
    .replaceAll("_", (c, i) => (i ? c : ""));
  if (unknown.has(name)) return null;
  if (/^(x-)?(unicode-1-1-)?utf-?7$/.test(name)) return "utf-7";
  if (/^(utf-?16|ucs-2|iso-10646-ucs-2|unicode)$/.test(name)) return "utf-16";
  const compact = name
    .replace(/^x-(?!mac|sjis|gbk|euc|x-)/, "")
    .replace(/^(cp|win|windows)[-_]?(125\d|874)$/, "windows-$2");
  for (const label of [name, aliases[name], compact, aliases[compact], name.replaceAll("_", "-")]) {
    const known = label === undefined ? null : decoderName(label);
    if (known !== null) return known;
  }
  return null;
}

function decoderName(label: string): string | null {
  try {
    return new TextDecoder(label).encoding;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function decode(bytes: Uint8Array, name: string): string {
  return new TextDecoder(name).decode(bytes);
}

function tryDecode(bytes: Uint8Array, name: string): string | null {
  try {
    return new TextDecoder(name, { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 0x7f) return false;
  return true;
}

function hasIso2022(bytes: Uint8Array): boolean {
  const text = bytes.includes(0x1b) ? latin1(bytes) : "";
  return ["$@", "$B", "(J", "(I"].some((sign) => text.includes(`\u001b${sign}`));
}

/** A cut or a stray byte in UTF-8 is borne; bytes that are something else altogether are guessed anew. */
function decodeBrokenUtf8(bytes: Uint8Array): string {
  const text = decode(bytes, "utf-8");
  let broken = 0;
  let foreign = 0;
  for (const char of text) {
    if (char === "\ufffd") broken++;
    else if (char > "\u007f") foreign++;
  }
  return broken * 3 > foreign ? decode(bytes, guess(bytes)) : text;
}

/** How far the bytes above 0x7F come in runs, as in a script of their own, or alone, as accents do. */
function cyrillicShare(bytes: Uint8Array): { share: number; name: string } {
  const sample = bytes.subarray(0, 65_536);
  let high = 0;
  let inRuns = 0;
  for (let i = 0; i < sample.length; i++) {
    if ((sample[i] ?? 0) < 0x80) continue;
    high++;
    if ((sample[i - 1] ?? 0) >= 0x80 || (sample[i + 1] ?? 0) >= 0x80) inRuns++;
  }
  if (high === 0 || inRuns / high < 0.7) return { share: 0, name: "windows-1252" };
  const scored = ["windows-1251", "koi8-r", "ibm866", "iso-8859-5"].map((name) => ({
    name,
    share: score(decode(sample, name)) / high,
  }));
  return scored.reduce((best, one) => (one.share > best.share ? one : best));
}

/** Frequent small letters count for a decoding; a capital after a small letter, or a line-drawing sign, against it. */
function score(text: string): number {
  const good = text.match(/[оеаинтсрвлкмдпуяыьгзбчйхжшюцщ]/g)?.length ?? 0;
  const capitals = text.match(/[А-ЯЁ]/g)?.length ?? 0;
  const wrong = text.match(/[а-яё][А-ЯЁ]|[\u2500-\u25ff]|[^\sА-Яа-яЁёA-Za-z\d!-~«»№—–…]/g)?.length ?? 0;
  return good + capitals * 0.6 - wrong * 1.5;
}

function guess(bytes: Uint8Array): string {
  const cyrillic = cyrillicShare(bytes);
  if (cyrillic.share > 0.5) return cyrillic.name;
  return cyrillic.name === "windows-1252" ? "windows-1252" : (guessAsian(bytes) ?? "windows-1252");
}

/** By the script that a decoding comes out as; GBK and Big5 differ in where the second bytes of letters lie. */
function guessAsian(bytes: Uint8Array): string | null {
  const share = (name: string, script: RegExp) => {
    const text = tryDecode(bytes, name)?.slice(0, 20_000) ?? "";
    const foreign = text.match(/\P{ASCII}/gu)?.length ?? 0;
    return foreign === 0 ? 0 : (text.match(script)?.length ?? 0) / foreign;
  };
  if (share("shift_jis", /[\u3041-\u30f6]/g) > 0.25) return "shift_jis";
  if (share("euc-jp", /[\u3041-\u30f6]/g) > 0.25) return "euc-jp";
  if (share("euc-kr", /[\uac00-\ud7a3]/g) > 0.85) return "euc-kr";
  if (share("big5", /[\u4e00-\u9fff]/g) > 0.5 && hasLowSecondBytes(bytes)) return "big5";
  return tryDecode(bytes, "gb18030") === null ? null : "gb18030";
}

function hasLowSecondBytes(bytes: Uint8Array): boolean {
  let low = 0;
  let pairs = 0;
  for (let i = 0; i + 1 < Math.min(bytes.length, 20_000); i++) {
    if ((bytes[i] ?? 0) < 0x81) continue;
    i++;
    pairs++;
    if ((bytes[i] ?? 0) < 0x80) low++;
  }
  return low > pairs * 0.15;
}

function decodeUtf16(bytes: Uint8Array, name: string): string {
  let zeroFirst = 0;
  let zeroSecond = 0;
  for (let i = 0; i + 1 < Math.min(bytes.length, 2000); i += 2) {
    if (bytes[i] === 0) zeroFirst++;
    if (bytes[i + 1] === 0) zeroSecond++;
  }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return decode(bytes, "utf-16be");
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return decode(bytes, "utf-16le");
  // Text of one byte a letter that only calls itself UTF-16, as Windows programs write "unicode".
  const isText = !bytes.some((byte) => byte < 9) && tryDecode(bytes, "utf-8") !== null;
  if (zeroFirst + zeroSecond === 0 && isText) return decode(bytes, "utf-8");
  if (name === "utf-16be" || name === "utf-16le") return decode(bytes, name);
  return decode(bytes, zeroSecond > zeroFirst ? "utf-16le" : "utf-16be");
}

/** RFC 2152: `+` opens base64 of UTF-16, `-` or any other sign closes it. */
function decodeUtf7(bytes: Uint8Array): string {
  return latin1(bytes).replace(/\+([A-Za-z\d+/]*)(-?)/g, (_, base64: string) => {
    if (base64 === "") return "+";
    const pairs = Buffer.from(base64, "base64");
    return decode(pairs.subarray(0, pairs.length - (pairs.length % 2)), "utf-16be");
  });
}
