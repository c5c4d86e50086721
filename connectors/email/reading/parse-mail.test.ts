import { describe, expect, test } from "vitest";
import type { ParsedMail } from "../mail.ts";
import { parseMail } from "./parse-mail.ts";
import { brokenPromises } from "./promises.ts";

/** Parts between delimiter lines: `[head, body]`. */
function multipart(type: string, ...parts: readonly (readonly [string, string])[]): [string, string] {
  const boundary = `=_${type.replace(/\W/g, "")}_${parts.length}`;
  const lines = parts.map(([head, body]) => `--${boundary}\r\n${head}\r\n\r\n${body}\r\n`);
  return [`Content-Type: multipart/${type}; boundary="${boundary}"`, `${lines.join("")}--${boundary}--\r\n`];
}

const plain = (text: string): [string, string] => ["Content-Type: text/plain; charset=utf-8", text];
const html = (text: string): [string, string] => ["Content-Type: text/html; charset=utf-8", text];
const file = (type: string, name: string, more = ""): [string, string] => [
  `Content-Type: ${type}; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"${more}`,
  "content",
];

async function read(
  [head, body]: readonly [string, string],
  maxFiles = 20,
  encoding: BufferEncoding = "utf8",
): Promise<ParsedMail> {
  const mail = await parseMail(
    Buffer.from(`From: a@b\r\nSubject: s\r\n${head}\r\n\r\n${body}`, encoding),
    maxFiles,
  );
  expect(brokenPromises(mail)).toEqual([]);
  return mail;
}

describe("the text of a mail", () => {
  test.each([
    ["without a type", ["X: y", "Hi"], "Hi"],
    [
      "in quoted-printable",
      [
        "Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: quoted-printable",
        "=F0=D2=C9=\r\n=D7=C5=D4",
      ],
      "Привет",
    ],
    [
      "in base64",
      ["Content-Type: text/plain; charset=windows-1251\r\nContent-Transfer-Encoding: base64", "z/Do4uXy"],
      "Привет",
    ],
    ["of HTML alone", html("<p>Hi <b>you</b></p>"), "Hi you"],
    ["with HTML beside it", multipart("alternative", plain("mine"), html("<p>other</p>")), "mine"],
    [
      "that is empty beside HTML",
      multipart("alternative", plain(" \u00a0\r\n"), html("<p>other</p>")),
      "other",
    ],
    [
      "that only says there is HTML",
      multipart("alternative", plain("Your mail client does not support HTML."), html("<p>other</p>")),
      "other",
    ],
    [
      "that speaks of HTML at length",
      multipart("alternative", plain(`I cannot view HTML here. ${"x ".repeat(300)}`), html("<p>other</p>")),
      `I cannot view HTML here. ${"x ".repeat(300)}`.trim(),
    ],
    [
      "with a footer of a list",
      multipart("mixed", multipart("alternative", plain("mine"), html("<p>other</p>")), plain("footer")),
      "mine\n\nfooter",
    ],
    ["with HTML after it", multipart("mixed", plain("one"), html("<p>two</p>")), "one\n\ntwo"],
    [
      "within related and mixed",
      multipart(
        "mixed",
        multipart("related", multipart("alternative", plain("mine"), html("x")), file("image/png", "a.png")),
      ),
      "mine",
    ],
    [
      "that flows",
      ["Content-Type: text/plain; format=flowed", "> one \r\n> two\r\nthree \r\nfour\r\n-- \r\nme"],
      "> one two\nthree four\n-- \nme",
    ],
    [
      "that flows with delsp",
      ["Content-Type: text/plain; format=flowed; delsp=yes", "ab \r\ncd\r\n  x"],
      "abcd\n x",
    ],
    [
      "that is signed",
      [
        "Content-Type: multipart/signed; micalg=sha-256; boundary=b",
        `--b\r\n${plain("mine").join("\r\n\r\n")}\r\n--b\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nAAAA\r\n--b--`,
      ],
      "mine",
    ],
    [
      "signed inline",
      plain(
        "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\n- -- mine\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nAAAA\r\n-----END PGP SIGNATURE-----\r\n",
      ),
      "-- mine",
    ],
    [
      "that is enriched",
      ["Content-Type: text/enriched", "<bold>Hi</bold> <color><param>red</param>you</color> <<3"],
      "Hi you <3",
    ],
    [
      "of a multipart without its delimiters",
      ["Content-Type: multipart/mixed; boundary=b", "Only text"],
      "Only text",
    ],
    ["of a multipart without a boundary", ["Content-Type: multipart/mixed", "Only text"], "Only text"],
    ["with NUL and lone surrogates", plain("a\u0000b"), "ab"],
    ["that is missing", multipart("mixed", file("image/png", "a.png")), ""],
  ] as const)("%s", async (_what, mail, text) => {
    expect((await read(mail)).text).toBe(text);
  });

  test("of raw bytes in no charset is guessed, wrong or unknown charsets notwithstanding", async () => {
    for (const charset of [
      "",
      "; charset=us-ascii",
      "; charset=utf-8",
      "; charset=x-does-not-exist",
      "; charset=unknown-8bit",
    ]) {
      expect(
        (
          await read(
            [`Content-Type: text/plain${charset}`, "\xcd\xe5 \xf0\xe0\xe1\xee\xf2\xe0\xe5\xf2"],
            1,
            "latin1",
          )
        ).text,
      ).toBe("Не работает");
    }
  });

  test("is cut at 200,000 characters, with a last line that says so", async () => {
    const { text, leftOut } = await read(plain("word ".repeat(60_000)));
    expect(text.length).toBeLessThanOrEqual(200_000);
    expect(text).toMatch(/\n\[The text is longer in the mail: it is cut here\]$/);
    expect(leftOut).toEqual(["the end of the text, which is too long"]);
  });
});

describe("the HTML of a mail", () => {
  test("is sanitised, and null where there is none", async () => {
    expect((await read(html("<p onclick=x()>Hi<script>x()</script></p>"))).html).toBe("<p>Hi</p>");
    expect((await read(plain("Hi"))).html).toBeNull();
  });

  test("takes its charset from its meta element", async () => {
    const mail = await read(
      ["Content-Type: text/html", '<meta charset="koi8-r"><p>\xf0\xd2\xc9\xd7\xc5\xd4'],
      1,
      "latin1",
    );
    expect([mail.text, mail.html]).toEqual(["Привет", "<p>Привет</p>"]);
  });

  test("has the plain parts beside it", async () => {
    expect((await read(multipart("mixed", html("<p>one</p>"), plain("a < b")))).html).toBe(
      "<p>one</p><br />\n<div>a &lt; b</div>",
    );
  });
});

describe("the files of a mail", () => {
  const namesOf = async (mail: [string, string], encoding?: BufferEncoding) =>
    (await read(mail, 20, encoding)).files.map(({ name }) => name);
  const named = (...headers: string[]): [string, string] =>
    multipart("mixed", [headers.join("\r\n"), "content"]);

  test.each([
    [["Content-Type: application/pdf", 'Content-Disposition: attachment; filename="a b.pdf"'], "a b.pdf"],
    [["Content-Type: application/pdf; name=a.pdf"], "a.pdf"],
    [
      ["Content-Type: application/pdf", "Content-Disposition: attachment; filename*=utf-8''%D0%9F%D1%80.pdf"],
      "Пр.pdf",
    ],
    [
      [
        "Content-Type: application/pdf",
        "Content-Disposition: attachment;",
        " filename*0*=koi8-r''%F0%D2;",
        " filename*1*=%C9;",
        ' filename*2=".pdf"',
      ],
      "При.pdf",
    ],
    [
      [
        "Content-Type: application/pdf",
        'Content-Disposition: attachment; filename="=?utf-8?B?0J/RgC5wZGY=?="',
      ],
      "Пр.pdf",
    ],
    [
      [
        "Content-Type: application/pdf",
        'Content-Disposition: attachment; filename="=?utf-8?B?0J/R?= =?utf-8?B?gC5wZGY=?="',
      ],
      "Пр.pdf",
    ],
    [["Content-Type: application/pdf", 'Content-Disposition: attachment; filename="Пр.pdf"'], "Пр.pdf"],
    [
      ["Content-Type: application/pdf", 'Content-Disposition: attachment; filename="../../etc/passwd"'],
      "passwd",
    ],
    [
      ["Content-Type: application/pdf", 'Content-Disposition: attachment; filename="C:\\\\Windows\\\\a.pdf"'],
      "a.pdf",
    ],
    [["Content-Type: application/pdf", 'Content-Disposition: attachment; filename=".."'], "attachment-1.pdf"],
    [
      ["Content-Type: application/pdf", "Content-Disposition: attachment; filename*=utf-8''a%00b%0D%0A.pdf"],
      "ab.pdf",
    ],
    [
      [
        "Content-Type: application/pdf",
        "Content-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp.exe",
      ],
      "afdp.exe",
    ],
    [["Content-Type: image/png", "Content-Disposition: attachment"], "attachment-1.png"],
    [["Content-Type: ???", "Content-Disposition: attachment"], "attachment-1.bin"],
    [["Content-Type: application/ms-tnef; name=winmail.dat"], "winmail.dat"],
    [["Content-Type: text/plain; name=notes.txt", "Content-Disposition: attachment"], "notes.txt"],
    [
      ["Content-Type: application/pdf", `Content-Disposition: attachment; filename="${"x".repeat(400)}.pdf"`],
      `${"x".repeat(251)}.pdf`,
    ],
  ])("are named by %j", async (headers, name) => {
    expect(await namesOf(named(...headers))).toEqual([name]);
  });

  test("are named by raw bytes of windows-1251", async () => {
    expect(
      await namesOf(
        named(
          "Content-Type: application/pdf",
          'Content-Disposition: attachment; filename="\xd1\xf7\xb8\xf2 \xe7\xe0 \xec\xe0\xe9.pdf"',
        ),
        "latin1",
      ),
    ).toEqual(["Счёт за май.pdf"]);
  });

  test("have their content, their id, and whether they are shown in the text", async () => {
    const image: [string, string] = [
      "Content-Type: image/png; name=a.png\r\nContent-ID: <a@b>\r\nContent-Transfer-Encoding: base64",
      "AAEC/w==",
    ];
    const { files, html: shown } = await read(multipart("related", html('<img src="cid:a@b">'), image));
    expect(files).toEqual([
      {
        name: "a.png",
        mediaType: "image/png",
        content: new Uint8Array([0, 1, 2, 255]),
        contentId: "a@b",
        inline: true,
      },
    ]);
    expect(shown).toBe('<img src="cid:a@b" />');
  });

  test("are kept up to the limit, empty ones not at all", async () => {
    const mail = multipart(
      "mixed",
      plain("x"),
      ["Content-Type: image/png; name=empty.png", ""],
      file("image/png", "1.png"),
      file("image/png", "2.png"),
      file("image/png", "3.png"),
    );
    const { files, leftOut } = await read(mail, 2);
    expect(files.map(({ name }) => name)).toEqual(["1.png", "2.png"]);
    expect(leftOut).toEqual(["3.png: more than 2 files"]);
  });

  test("may stand uuencoded in the text", async () => {
    const { files, text } = await read(
      plain("See:\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nBye\r\nbegin 644 of the story\r\n"),
    );
    expect(files.map(({ name, content }) => [name, Buffer.from(content).toString()])).toEqual([
      ["cat.txt", "Cat"],
    ]);
    expect(text).toBe("See:\nBye\nbegin 644 of the story");
  });
});

describe("a mail of another kind", () => {
  const invitation = [
    "BEGIN:VCALENDAR",
    "METHOD:REQUEST",
    "BEGIN:VEVENT",
    "SUMMARY:Review\\, again",
    "DTSTART;TZID=Europe/Berlin:20261123T100000",
    "DTEND;TZID=Europe/Berlin:20261123T110000",
    "LOCATION:Room 1",
    'ORGANIZER;CN="Ann":mailto:ann@x.y',
    "ATTENDEE;CN=Bob;PARTSTAT=",
    " ACCEPTED:mailto:bob@x.y",
    "BEGIN:VALARM",
    "DESCRIPTION:alarm",
    "END:VALARM",
    "END:VEVENT",
    "END:VCALENDAR",
  ].join("\r\n");

  test("is an invitation: its lines are the text where there is no other, and it is a file", async () => {
    const alone = await read(["Content-Type: text/calendar; method=REQUEST; charset=utf-8", invitation]);
    expect(alone.text).toBe(
      "Invitation: Review, again\nWhen: 2026-11-23 10:00 (Europe/Berlin) to 2026-11-23 11:00 (Europe/Berlin)\n" +
        "Where: Room 1\nOrganizer: Ann <ann@x.y>\nWho: Bob <bob@x.y> (accepted)",
    );
    expect(alone.files.map(({ name }) => name)).toEqual(["invitation.ics"]);
    expect(
      (await read(multipart("alternative", plain("Come!"), ["Content-Type: text/calendar", invitation])))
        .text,
    ).toBe("Come!");
  });

  test("holds a mail that is forwarded: its text is added, and it is a file", async () => {
    const inner = `From: Cid <c@x.y>\r\nTo: d@x.y\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nInner text`;
    const { text, files } = await read(
      multipart("mixed", plain("Look:"), ["Content-Type: message/rfc822", inner]),
    );
    expect(text).toBe(
      "Look:\n\n---------- Forwarded message ----------\nFrom: Cid <c@x.y>\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nSubject: Grüße\nTo: d@x.y\n\nInner text",
    );
    expect(files.map(({ name, mediaType }) => [name, mediaType])).toEqual([
      ["message.eml", "message/rfc822"],
    ]);
  });

  test("holds mails in mails: three of them are read", async () => {
    const nested = (depth: number): string =>
      `Subject: level ${depth}\r\n${depth === 6 ? "\r\nbottom" : `Content-Type: message/rfc822\r\n\r\n${nested(depth + 1)}`}`;
    const { text } = await read(["Content-Type: message/rfc822", nested(1)]);
    expect(text.match(/level \d/g)).toEqual(["level 1", "level 2", "level 3"]);
  });

  test("is a bounce: the delivery status is text, the mail it came from a file", async () => {
    const status: [string, string] = [
      "Content-Type: message/delivery-status",
      "Reporting-MTA: dns; x.y\r\n\r\nFinal-Recipient: rfc822; a@x.y\r\nStatus: 5.1.1",
    ];
    const [head, body] = multipart("report", plain("Sorry."), status, [
      "Content-Type: message/rfc822",
      "Subject: original\r\n\r\nMy words",
    ]);
    const mail = await read([head.replace("report;", "Report; report-type=Delivery-Status;"), body]);
    expect(mail.text).toBe(
      "Sorry.\n\nReporting-MTA: dns; x.y\n\nFinal-Recipient: rfc822; a@x.y\nStatus: 5.1.1",
    );
    expect([mail.mediaType, mail.reportType, mail.files.length]).toEqual([
      "multipart/report",
      "delivery-status",
      1,
    ]);
  });

  test.each([
    [
      "S/MIME",
      ["Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "AAAA"],
      true,
    ],
    [
      "S/MIME that does not say which",
      ["Content-Type: application/x-pkcs7-mime; name=smime.p7m", "AAAA"],
      true,
    ],
    [
      "S/MIME that is only signed",
      ["Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "AAAA"],
      false,
    ],
    [
      "PGP/MIME",
      multipart(
        "encrypted",
        ["Content-Type: application/pgp-encrypted", "Version: 1"],
        file("application/octet-stream", "encrypted.asc"),
      ),
      true,
    ],
    ["inline PGP", plain("-----BEGIN PGP MESSAGE-----\r\n\r\nAAAA\r\n-----END PGP MESSAGE-----"), true],
    ["a plain one", plain("PGP"), false],
  ] as [string, [string, string], boolean][])("is encrypted or not: %s", async (_what, mail, encrypted) => {
    expect((await read(mail)).encrypted).toBe(encrypted);
  });

  test("has a media type that is none", async () => {
    expect((await read(["Content-Type: text", "x"])).mediaType).toMatch(/^\w+\/[\w-]+$/);
  });

  test("has no header line, and is no mail", async () => {
    await expect(parseMail(Buffer.from("Just text\n"), 1)).rejects.toThrow("no header lines");
  });
});
