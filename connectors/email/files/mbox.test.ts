import { expect, test } from "vitest";
import { splitMbox } from "./mbox.ts";

/** Splits a text that comes in parts of `step` bytes. */
async function split(text: string, { step = 7, maxBytes = 100_000 } = {}) {
  const bytes = Buffer.from(text);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  }
  const mails = [];
  for await (const mail of splitMbox(chunks(), maxBytes)) {
    mails.push({
      ...mail,
      text: mail.raw && Buffer.from(mail.raw).toString(),
      header: Buffer.from(mail.header).toString(),
    });
  }
  return mails;
}

const two = `From ann@example.com Mon Nov 23 10:00:00 2026
Subject: one

Text
>From the start, quoted by the mbox
>>From twice quoted
> From not quoted by it

From bob@example.com Mon Nov 23 11:00:00 2026
Subject: two

Text
`;
const texts = [
  "Subject: one\n\nText\nFrom the start, quoted by the mbox\n>From twice quoted\n> From not quoted by it\n",
  "Subject: two\n\nText\n",
];

test.each([1, 3, 10, 1_000])("splits mails and takes quotes off, in parts of %d bytes", async (step) => {
  const mails = await split(two, { step });
  expect(mails.map(({ text }) => text)).toEqual(texts);
  expect(mails.map(({ date }) => date?.toISOString())).toEqual([
    "2026-11-23T10:00:00.000Z",
    "2026-11-23T11:00:00.000Z",
  ]);
});

test("keeps line ends as they are", async () => {
  const mails = await split(two.replaceAll("\n", "\r\n"));
  expect(mails.map(({ text }) => text)).toEqual(texts.map((text) => text.replaceAll("\n", "\r\n")));
});

test("takes a line that only looks like a beginning for text", async () => {
  const body =
    "From now on all is well\n\nFrom here:\n\nFrom Ann, Mon Nov 23 10:00:00 2026\nthis is no header\n\nFrom \n";
  const mails = await split(`From ann Mon Nov 23 10:00:00 2026\nSubject: one\n\n${body}`);
  expect(mails.map(({ text }) => text)).toEqual([`Subject: one\n\n${body}`]);
});

test.each([
  ["From - Mon Nov 23 10:00:00 2026", "2026-11-23T10:00:00.000Z"],
  ["From 1234@xxx Mon Nov 23 10:00:00 +0200 2026", "2026-11-23T08:00:00.000Z"],
  ["From ann@example.com Mon Nov  2 10:00 2026", "2026-11-02T10:00:00.000Z"],
  ["From ann@example.com Mon Nov 23 10:00:00 2026 -0500", "2026-11-23T15:00:00.000Z"],
  ["From - ", undefined],
  ["From ", undefined],
])("knows the beginning %j", async (line, date) => {
  const mails = await split(`${line}\nSubject: one\n\nText\n\n${line}\nSubject: two\n\nText\n\n`);
  expect(mails.map(({ text }) => text)).toEqual(["Subject: one\n\nText\n", "Subject: two\n\nText\n"]);
  expect(mails[1]?.date?.toISOString()).toBe(date);
});

test("keeps the header alone of a mail that is too large, and goes on with the next", async () => {
  const large = `From a Mon Nov 23 10:00:00 2026\nSubject: large\n\n${"x".repeat(300_000)}\n${"y\n".repeat(1_000)}\n`;
  const mails = await split(large + two, { step: 5_000, maxBytes: 1_000 });
  expect(mails.map(({ text }) => text)).toEqual([null, ...texts]);
  expect(mails[0]).toMatchObject({ header: "Subject: large\n", size: 16 + 300_001 + 2_000 });
});

test("finds nothing in an empty file", async () => {
  expect(await split("")).toEqual([]);
});
