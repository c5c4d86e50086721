import { describe, expect, test } from "vitest";
import { charsetOfHtml, decodeText } from "./charset.ts";

const hex = (bytes: string) => Buffer.from(bytes.replaceAll(" ", ""), "hex");

describe("a declared charset", () => {
  test.each([
    ["windows-1251", "cf f0 e8 e2 e5 f2", "Привет"],
    ["cp1251", "cf f0 e8 e2 e5 f2", "Привет"],
    ["win-1251", "cf f0 e8 e2 e5 f2", "Привет"],
    ["koi8-r", "f0 d2 c9 d7 c5 d4", "Привет"],
    ["KOI8R", "f0 d2 c9 d7 c5 d4", "Привет"],
    ["iso-8859-5", "bf e0 d8 d2 d5 e2", "Привет"],
    ["cp866", "8f e0 a8 a2 a5 e2", "Привет"],
    ["x-mac-cyrillic", "8f f0 e8 e2 e5 f2", "Привет"],
    ["iso-8859-1", "47 72 fc df 65", "Grüße"],
    ["iso-8859-2", "b3 f3 64 bc", "łódź"],
    ["iso-8859-15", "31 20 a4", "1 €"],
    ["gb2312", "c4 e3 ba c3", "你好"],
    ["gbk", "c4 e3 ba c3", "你好"],
    ["cp936", "c4 e3 ba c3", "你好"],
    ["gb18030", "c4 e3 a2 e3", "你€"],
    ["big5", "a7 41 a6 6e", "你好"],
    ["shift_jis", "93 fa 96 7b", "日本"],
    ["cp932", "93 fa 96 7b", "日本"],
    ["iso-2022-jp", "1b 24 42 46 7c 4b 5c 1b 28 42", "日本"],
    ["euc-kr", "c7 d1 b1 db", "한글"],
    ["ks_c_5601-1987", "c7 d1 b1 db", "한글"],
    ["utf-7", Buffer.from("Gr+APwA3w-e +- more").toString("hex"), "Grüße + more"],
    ["utf-16", "fe ff 04 1f 04 40", "Пр"],
    ["utf-16", "04 1f 00 20 04 40", "П р"],
    ["utf-16le", "1f 04 40 04", "Пр"],
    ["utf8", "c3 a9", "é"],
    [" 'UTF-8' ", "c3 a9", "é"],
  ])("%s is followed", (charset, bytes, text) => {
    expect(decodeText(hex(bytes), charset)).toBe(text);
  });
});

describe("a charset that is missing, unknown or wrong", () => {
  const russian = "Здравствуйте! Не могу войти в личный кабинет с прошлой недели.";
  const as = (encode: (code: number) => number) =>
    Buffer.from([...russian].map((char) => encode(char.charCodeAt(0))));
  const in1251 = as((code) => (code >= 0x410 ? code - 0x410 + 0xc0 : code));
  const in8859 = as((code) => (code >= 0x410 ? code - 0x410 + 0xb0 : code));

  test.each([null, "us-ascii", "unknown-8bit", "x-does-not-exist", "utf-8", "iso-8859-1"])(
    "%s with bytes of windows-1251",
    (charset) => {
      expect(decodeText(in1251, charset)).toBe(russian);
    },
  );

  test.each([null, "us-ascii", "x-does-not-exist", "iso-8859-1", "windows-1251", "koi8-r", "gb2312"])(
    "%s with bytes of UTF-8",
    (charset) => {
      expect(decodeText(Buffer.from("Здравствуйте, é – ok"), charset)).toBe("Здравствуйте, é – ok");
    },
  );

  test("none with bytes of iso-8859-5", () => {
    expect(decodeText(in8859, null)).toBe(russian);
  });

  test.each(["Grüße aus München", "déjà vu, ça va très bien", "¿Qué tal, señor?"])(
    "none with Western bytes: %s",
    (text) => {
      expect(decodeText(Buffer.from(text, "latin1"), null)).toBe(text);
      expect(decodeText(Buffer.from(text, "latin1"), "utf-8")).toBe(text);
      expect(decodeText(Buffer.from(text, "latin1"), "iso-8859-1")).toBe(text);
    },
  );

  test("UTF-8 that was cut keeps what is whole", () => {
    expect(decodeText(Buffer.from("Привет, мир").subarray(0, -1), "utf-8")).toBe("Привет, ми\ufffd");
  });

  test("iso-2022-jp is known by its escapes", () => {
    expect(decodeText(hex("1b 24 42 46 7c 4b 5c 1b 28 42"), null)).toBe("日本");
  });

  test("no bytes whatever make it fail", () => {
    const noise = Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 7919 + (i >> 3)) % 256));
    for (const charset of [
      null,
      "utf-7",
      "utf-16",
      "iso-2022-jp",
      "gb18030",
      "euc-kr",
      "",
      "?",
      "x".repeat(5_000),
    ]) {
      expect(typeof decodeText(noise, charset)).toBe("string");
    }
  });
});

test("the charset of an HTML part may stand in its meta element", () => {
  expect(charsetOfHtml(Buffer.from('<html><META http-equiv=x content="text/html; charset=koi8-r">'))).toBe(
    "koi8-r",
  );
  expect(charsetOfHtml(Buffer.from("<meta charset='windows-1251'>"))).toBe("windows-1251");
  expect(charsetOfHtml(Buffer.from("<p>charset=koi8-r"))).toBeNull();
});
