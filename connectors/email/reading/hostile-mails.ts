/** Hostile mails made on the spot, for tests: what each tries, and its bytes. */

const from = "From: a@example.com\r\nTo: b@example.com\r\nSubject: hostile\r\n";

function mail(head: string, body: string): Buffer {
  return Buffer.from(`${from}${head}\r\n\r\n${body}`, "latin1");
}

function html(body: string): Buffer {
  return mail("Content-Type: text/html; charset=utf-8", body);
}

function nestedMultiparts(depth: number): Buffer {
  const levels = Array.from(
    { length: depth },
    (_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`,
  );
  return mail(
    "Content-Type: multipart/mixed; boundary=b0",
    `${levels.join("")}--b${depth}\r\n\r\nat the bottom\r\n`,
  );
}

function siblings(count: number): Buffer {
  const part = "--b\r\nContent-Type: text/plain\r\n\r\nsmall part\r\n";
  return mail("Content-Type: multipart/mixed; boundary=b", `${part.repeat(count)}--b--\r\n`);
}

function rfc822Chain(depth: number): Buffer {
  return mail("Content-Type: message/rfc822", "Content-Type: message/rfc822\r\n\r\n".repeat(depth));
}

function base64Attachment(bytes: number): Buffer {
  const line = `${"QUJD".repeat(19)}\r\n`;
  const file = line.repeat(Math.ceil(bytes / line.length));
  return mail(
    "Content-Type: multipart/mixed; boundary=b",
    `--b\r\n\r\nsee the file\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${file}--b--\r\n`,
  );
}

/** Mails by name, each made when asked for: together they would fill the memory. */
export const hostileMails: Readonly<Record<string, () => Buffer>> = {
  "20,000 nested multiparts": () => nestedMultiparts(20_000),
  "20,000 sibling parts": () => siblings(20_000),
  "20,000 mails within mails": () => rfc822Chain(20_000),
  "a header of 5 MB in short lines": () => mail("X-Filler: 0123456789\r\n".repeat(240_000).trimEnd(), "text"),
  "a header line of 5 MB": () => mail(`X-Filler: ${"x".repeat(5_000_000)}`, "text"),
  "a folded header of 5 MB": () => mail(`X-Filler: x${"\r\n y".repeat(1_200_000)}`, "text"),
  "a body line of 5 MB": () => mail("Content-Type: text/plain", "x".repeat(5_000_000)),
  "a text of 30 MB": () =>
    mail("Content-Type: text/plain; charset=koi8-r", "\xf0\xd2\xc9 text\r\n".repeat(3_000_000)),
  "HTML of 30 MB": () => html("<p style='color:red'>\xd0\x9f text</p>\n".repeat(960_000)),
  "100 HTML parts of 60,000 tags": () =>
    mail(
      "Content-Type: multipart/mixed; boundary=b",
      `--b\r\nContent-Type: text/html\r\n\r\n${"<b>x</b>".repeat(30_000)}\r\n`.repeat(100),
    ),
  "three mails of 30 MB, one in the other": () =>
    Buffer.concat([
      mail("Content-Type: message/rfc822", "Content-Type: message/rfc822\r\n\r\n".repeat(2)),
      base64Attachment(30_000_000),
    ]),
  "a flowed body of 5 MB": () =>
    mail("Content-Type: text/plain; format=flowed; delsp=yes", "x \r\n".repeat(1_200_000)),
  "an attachment of 30 MB in base64": () => base64Attachment(30_000_000),
  "a charset that does not exist": () =>
    mail("Content-Type: text/plain; charset=x-does-not-exist", "caf\xc3\xa9"),
  "a date in the year 275760": () => mail("Date: Sat, 13 Sep 275760 00:00:00 +0000", "text"),
  "100,000 recipients": () =>
    mail(`Cc: ${Array.from({ length: 100_000 }, (_, i) => `u${i}@example.com`).join(",\r\n ")}`, "text"),
  "a Content-Type parameter of 1 MB": () =>
    mail(`Content-Type: text/plain; x="${"x".repeat(1_000_000)}"`, "text"),
  "a Content-Type of 1 MB of parameters": () =>
    mail(`Content-Type: text/plain${"; a*0*=utf-8''b".repeat(66_000)}`, "text"),
  "50,000 references": () =>
    mail(
      `References: ${Array.from({ length: 50_000 }, (_, i) => `<${i}@example.com>`).join("\r\n ")}`,
      "text",
    ),
  "references without brackets": () => mail(`References: ${"x".repeat(1_000_000)}`, "text"),
  "boundaries that are never closed": () =>
    mail(
      "Content-Type: multipart/mixed; boundary=b",
      "--b\r\n\r\none\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\ntwo",
    ),
  "a boundary that begins another": () =>
    mail(
      "Content-Type: multipart/mixed; boundary=b",
      "--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\ninner\r\n--bb--\r\n--b\r\n\r\nouter\r\n--b--",
    ),
  "delimiters without end": () =>
    mail("Content-Type: multipart/mixed; boundary=b", "--b\r\n".repeat(1_000_000)),
  "1 MB of comments in From": () =>
    Buffer.from(`From: ${"(".repeat(1_000_000)}\r\nTo: ${'"'.repeat(1_000_001)}\r\n\r\ntext`),
  "1 MB of groups in To": () => mail(`Reply-To: ${"a:b@c,".repeat(170_000)}`, "text"),
  "1 MB of brackets in To": () => mail(`Reply-To: ${"<a@b".repeat(250_000)}`, "text"),
  "1 MB of broken encoded words": () =>
    mail(`X-Words: ${"=?utf-8?q?".repeat(100_000)}\r\nComments: ${"=?a?b?=?".repeat(120_000)}`, "text"),
  "a quoted-printable body of equal signs": () =>
    mail("Content-Transfer-Encoding: quoted-printable", "=".repeat(3_000_000)),
  "base64 of garbage": () => mail("Content-Transfer-Encoding: base64", "\x00\xff!@#$%^&*()".repeat(200_000)),
  "uuencoded beginnings without end": () =>
    mail("Content-Type: text/plain", "begin 644 a.txt\r\nM1TE&.#E\r\n".repeat(100_000)),
  "an encoded part of every kind of byte": () =>
    mail(
      "Content-Type: text/plain",
      Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 256)).toString("latin1"),
    ),
  "HTML of 5 MB": () =>
    html('<p>Some <b>text</b> and <a href="https://example.com/?q=1">a link</a>.</p>\n'.repeat(66_000)),
  "HTML of 100,000 nested divs": () => html(`${"<div>".repeat(100_000)}text${"</div>".repeat(100_000)}`),
  "HTML of 100,000 nested quotes": () => html(`${"<blockquote>".repeat(100_000)}text`),
  "HTML of 100,000 nested tables": () => html(`${"<table><tr><td>".repeat(100_000)}text`),
  "HTML of 300,000 unclosed tags": () => html("<b><i><font color=red>x".repeat(100_000)),
  "HTML of entities": () => html("&amp;&nbsp;&#128512;&notanentity;&#x;".repeat(150_000)),
  "HTML of broken entities": () => html("&".repeat(5_000_000)),
  "HTML of open angle brackets": () => html("<".repeat(5_000_000)),
  "HTML of unclosed comments": () => html("<!--".repeat(1_000_000)),
  "HTML of unclosed scripts": () => html("<script>".repeat(600_000)),
  "HTML of unclosed quotes": () => html("<a href=\"x' title='".repeat(250_000)),
  "HTML of one tag with a million attributes": () => html(`<div ${"a=b ".repeat(1_000_000)}>text</div>`),
  "HTML of styles": () =>
    html(`<div style="${"color:red;background:url(x);".repeat(140)}">x</div>`.repeat(1_200)),
  "HTML of a table with 200,000 cells": () => html(`<table><tr>${"<td>1".repeat(200_000)}</table>`),
  "HTML of a list with 200,000 items": () => html(`<ul>${"<li>x".repeat(200_000)}</ul>`),
  "HTML of closing tags": () => html(`${"<div>".repeat(100)}${"</p></x></span>".repeat(300_000)}`),
  "HTML of links within links": () => html(`${"<a href=https://example.com/>x".repeat(150_000)}`),
  "HTML of one word of 5 MB": () => html("x".repeat(5_000_000)),
  "an image of 5 MB in the HTML": () =>
    html(`<img src="data:image/png;base64,${"QUJD".repeat(1_250_000)}">text`),
  "an invitation of 5 MB": () =>
    mail(
      "Content-Type: text/calendar",
      `BEGIN:VCALENDAR\r\n${'BEGIN:VEVENT\r\nATTENDEE;CN="a:mailto:x\r\n'.repeat(120_000)}`,
    ),
  "an invitation in one line of quotes": () =>
    mail("Content-Type: text/calendar", `BEGIN:VEVENT\r\nSUMMARY${';a="b"'.repeat(500_000)}`),
};
