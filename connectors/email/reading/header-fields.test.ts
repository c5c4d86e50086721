import { describe, expect, test } from "vitest";
import { addresses, date, firstId, headerLines, ids, subject } from "./header-fields.ts";
import { readHead } from "./header-text.ts";

const headOf = (text: string, encoding: BufferEncoding = "utf8") =>
  readHead(Buffer.from(`${text}\r\n\r\nbody`, encoding));

describe("a subject", () => {
  test.each([
    ["plain", "plain"],
    ["=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"],
    ["=?koi8-r?B?8NLJ18XU?=", "Привет"],
    ["=?UTF-8?B?0J8=?= =?UTF-8?B?0YA=?=", "Пр"],
    ["=?utf-8?B?0J/R?=\r\n =?utf-8?B?gNC4?=", "При"],
    ["=?utf-8?Q?=D0=9F=D1?=\r\n\t=?utf-8?Q?=80?=", "Пр"],
    ["=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"],
    ["=?utf-8*en?q?a_b?=", "a b"],
    ["=?utf-8?q?How are you??=", "How are you?"],
    ["=?x-does-not-exist?b?0J/RgA==?=", "Пр"],
    ["=?utf-8?b?0J/RgA?=", "Пр"],
    ["=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"],
    ["=?utf-8?q?never ends", "=?utf-8?q?never ends"],
    ["сырой текст", "сырой текст"],
  ])("%s", (raw, text) => {
    expect(subject(headOf(`Subject: ${raw}`))).toBe(text);
  });

  test("with raw bytes of windows-1251 is guessed", () => {
    expect(subject(headOf("Subject: \xcd\xe5 \xf0\xe0\xe1\xee\xf2\xe0\xe5\xf2", "latin1"))).toBe(
      "Не работает",
    );
  });

  test("with an encoded line break stays one line, and no header", () => {
    const head = headOf("Subject: =?utf-8?q?Hi=0D=0ABcc:_x@y?=\r\nSubject: second");
    expect(subject(head)).toBe("Hi Bcc: x@y");
    expect([...headerLines(head)]).toEqual([["subject", ["Hi Bcc: x@y", "second"]]]);
  });

  test("that is empty or missing is null, and a long one is cut", () => {
    expect(subject(headOf("Subject:  \r\nFrom: a@b"))).toBeNull();
    expect(subject(headOf("From: a@b"))).toBeNull();
    expect(subject(headOf(`Subject: ${"😀".repeat(1_500)}`))).toBe("😀".repeat(1_000));
  });
});

describe("addresses", () => {
  test.each([
    ["A B <A.B@Example.COM>", [{ name: "A B", address: "a.b@example.com" }]],
    [
      '"Doe, John" <j@x.y>, k@x.y',
      [
        { name: "Doe, John", address: "j@x.y" },
        { name: null, address: "k@x.y" },
      ],
    ],
    ["=?utf-8?q?Doe=2C_J=C3=B6rg?= <j@x.y>", [{ name: "Doe, Jörg", address: "j@x.y" }]],
    [
      "Team: a@x.y, B <b@x.y>;, c@x.y",
      [
        { name: null, address: "a@x.y" },
        { name: "B", address: "b@x.y" },
        { name: null, address: "c@x.y" },
      ],
    ],
    ["undisclosed-recipients:;", []],
    ["<>", []],
    ["Иван <иван@почта.рф>", [{ name: "Иван", address: "иван@почта.рф" }]],
    ["MAILER-DAEMON", [{ name: null, address: "mailer-daemon" }]],
    ["=?utf-8?q?A=0D=0ATo:_b?= <a@x.y>", [{ name: "A To: b", address: "a@x.y" }]],
  ])("of %s", (raw, expected) => {
    expect(addresses(headOf(`To: ${raw}`), "to")).toEqual(expected);
  });

  test("of several fields are put together", () => {
    expect(addresses(headOf("To: a@x.y\r\nTo: b@x.y"), "to").map(({ address }) => address)).toEqual([
      "a@x.y",
      "b@x.y",
    ]);
  });
});

describe("ids", () => {
  test.each([
    ["<a@x> <b@x>", ["a@x", "b@x"]],
    ["<a@x><b@x>", ["a@x", "b@x"]],
    ["a@x b@x", ["a@x", "b@x"]],
    ["<a@x>\r\n\t<b\r\n @x>", ["a@x", "b@x"]],
    ["Your message of Monday <a@x>", ["a@x"]],
    ["<a@x> <b@x> <a@x>", ["b@x", "a@x"]],
    ["<no-at-sign>", ["no-at-sign"]],
    ["<> nothing", []],
  ])("in %s", (raw, expected) => {
    expect(ids(headOf(`References: ${raw}`), "references")).toEqual(expected);
  });

  test("are the last 200 of many", () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `<${i}@x>`);
    const found = ids(headOf(`References: ${many.join("\r\n ")}`), "references");
    expect([found.length, found[0], found.at(-1)]).toEqual([200, "800@x", "999@x"]);
  });

  test.each([
    ["<a@x>", "a@x"],
    ["a@x", "a@x"],
    ["<a b@x", "ab@x"],
    ["abc", "abc"],
    ["<>", null],
    ["", null],
  ])("of a mail: %s", (raw, expected) => {
    expect(firstId(headOf(`Message-ID: ${raw}\r\nFrom: a@b`), "message-id")).toBe(expected);
  });
});

test.each([
  ["Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T08:52:37.000Z"],
  ["1 Jul 2003 10:52 GMT (a comment)", "2003-07-01T10:52:00.000Z"],
  ["Tue, 1 Jul 2003 10.52.37 +0000", "2003-07-01T10:52:37.000Z"],
  ["Sat, 13 Sep 275760 00:00:00 +0000", undefined],
  ["Tue, 1 Jul 1903 10:52:37 +0200", undefined],
  ["Fri, 1 Jan 2100 00:00:00 +0000", undefined],
  ["yesterday", undefined],
  ["", undefined],
])("the date %s", (raw, expected) => {
  expect(date(headOf(`Date: ${raw}\r\nFrom: a@b`))?.toISOString()).toBe(expected);
});

describe("a head", () => {
  test("may come after an envelope line, blank lines and a byte order mark", () => {
    const { fields } = readHead(Buffer.from("\ufeff\r\nFrom joe@x Mon Jan 1\r\nSubject: s\r\n\r\nbody"));
    expect(fields).toEqual([{ name: "subject", value: "s" }]);
  });

  test("bears a broken line between its fields, and ends where the blank line was forgotten", () => {
    const raw = Buffer.from("Subject: s\nbroken\nTo: a@x\nHello there\nBye");
    const { fields, bodyStart } = readHead(raw);
    expect(fields.map(({ name }) => name)).toEqual(["subject", "to"]);
    expect(raw.toString("utf8", bodyStart)).toBe("Hello there\nBye");
  });

  test("gives its first 200 lines, 2,000 characters each", () => {
    const lines = [
      ...headerLines(headOf(`X-Long: ${"x".repeat(9_000)}\r\n${"X-Many: y\r\n".repeat(500).trimEnd()}`)),
    ];
    expect(lines.map(([name, values]) => [name, values.length, values[0]?.length])).toEqual([
      ["x-long", 1, 2_000],
      ["x-many", 199, 1],
    ]);
  });
});
