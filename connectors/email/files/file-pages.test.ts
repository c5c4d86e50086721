import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../../core/testing/temp-folder.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { RawMail } from "../raw-mail.ts";
import { type FileLimits, filePages } from "./file-pages.ts";

let dir: string;
beforeAll(async () => {
  dir = await makeTempFolder("files");
});
afterAll(() => rm(dir, { recursive: true }));

const never = new AbortController().signal;

async function read(
  path: string,
  { since = null, ...limits }: Partial<FileLimits> & { since?: Date | null } = {},
) {
  const mails: RawMail[] = [];
  for await (const page of filePages(path, since, { maxBytes: 1_000_000, ...limits }, never))
    mails.push(...page.mails);
  return mails;
}

const mail = (subject: string, date = "Mon, 23 Nov 2026 10:00:00 +0000") =>
  `Date: ${date}\r\nSubject: ${subject}\r\n\r\nText\r\n`;
const text = ({ raw }: RawMail) => Buffer.from(raw ?? []).toString();

test("reads a single mail", async () => {
  await writeFile(join(dir, "single.eml"), mail("one"));
  const [found, ...rest] = await read(join(dir, "single.eml"), { role: "sent" });
  expect(rest).toEqual([]);
  expect(found).toMatchObject({
    folder: "single.eml",
    role: "sent",
    uid: 1,
    uidValidity: "0",
    size: mail("one").length,
  });
  expect(found?.internalDate).toEqual(new Date("2026-11-23T10:00:00Z"));
  expect(found && text(found)).toBe(mail("one"));
});

test("reads a folder with all below it, by name, and no file that is none of its own", async () => {
  const root = join(dir, "tree");
  await mkdir(join(root, "Клиенты"), { recursive: true });
  for (const name of ["10.eml", "2.EML", "notes.txt", "Клиенты/1.eml"])
    await writeFile(join(root, name), mail(name));
  await writeFile(join(root, "old.mbox"), `From a Mon Nov 23 10:00:00 2026\n${mail("in mbox")}`);
  await writeFile(join(dir, "outside.eml"), mail("outside"));
  await symlink(join(dir, "outside.eml"), join(root, "link.eml"));
  await symlink(dir, join(root, "up"));
  const mails = await read(root);
  expect(mails.map(({ folder }) => folder)).toEqual(["2.EML", "10.eml", "old.mbox", "Клиенты/1.eml"]);
});

test("reads a Maildir, with the time of delivery and without what is not whole yet", async () => {
  const root = join(dir, "maildir");
  for (const name of ["cur", "new", "tmp"]) await mkdir(join(root, ".Sent", name), { recursive: true });
  await writeFile(
    join(root, ".Sent/cur/1795428000.M1P2.host:2,S"),
    mail("cur", "Mon, 1 Jan 2001 10:00:00 +0000"),
  );
  await writeFile(join(root, ".Sent/new/1795428001.M1P2.host"), mail("new"));
  await writeFile(join(root, ".Sent/tmp/1795428002.M1P2.host"), mail("tmp"));
  const mails = await read(root);
  expect(mails.map(text)).toEqual([mail("cur", "Mon, 1 Jan 2001 10:00:00 +0000"), mail("new")]);
  expect(mails[0]?.internalDate).toEqual(new Date(1_795_428_000_000));
});

test("leaves out older mails, and takes the file's time where a mail has none", async () => {
  const root = join(dir, "dates");
  await mkdir(root);
  await writeFile(join(root, "a.eml"), mail("old", "Mon, 1 Jan 2001 10:00:00 +0000"));
  await writeFile(join(root, "b.eml"), mail("new"));
  await writeFile(join(root, "c.eml"), "Subject: no date\n\nText");
  await utimes(join(root, "c.eml"), 0, new Date("2001-01-01"));
  await writeFile(join(root, "d.eml"), mail("broken", "yesterday"));
  const mails = await read(root, { since: new Date("2026-01-01") });
  expect(mails.map(({ folder }) => folder)).toEqual(["b.eml", "d.eml"]);
});

test("reads the header alone of a mail that is too large", async () => {
  await writeFile(join(dir, "large.eml"), mail("large") + "x".repeat(2_000_000));
  const [found] = await read(join(dir, "large.eml"));
  expect(found?.raw).toBeNull();
  expect(Buffer.from(found?.header ?? []).toString()).toContain("Subject: large\r\n");
});

test.each([
  ["nothing.eml", /Cannot read .*nothing\.eml: it does not exist/],
  ["empty", /no mails in .*empty/],
  ["broken.mbox", /broken\.mbox is no mbox/],
])("says what is wrong with %s", async (name, message) => {
  if (name === "empty") await mkdir(join(dir, name));
  if (name === "broken.mbox") await writeFile(join(dir, name), "PK\u0003\u0004");
  const error = await read(join(dir, name)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConnectorError);
  expect(error).toMatchObject({ kind: "config", message: expect.stringMatching(message) });
});

test("reads a large mbox in pages, without holding it, and stops where it is told to", async () => {
  const path = join(dir, "large-mbox");
  const out = createWriteStream(path);
  const body = `${"x".repeat(76)}\n`.repeat(1_300);
  for (let i = 0; i < 2_000; i++) {
    const more = out.write(`From a@example.com Mon Nov 23 10:00:00 2026\nSubject: ${i}\n\n${body}\n`);
    if (!more) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
  const before = process.memoryUsage().rss;
  let most = 0;
  let count = 0;
  const start = performance.now();
  for await (const { mails } of filePages(path, null, { maxBytes: 1_000_000 }, never)) {
    count += mails.length;
    expect(mails.length).toBeLessThanOrEqual(50);
    most = Math.max(most, process.memoryUsage().rss);
  }
  const seconds = (performance.now() - start) / 1_000;
  console.log(
    `an mbox of 200 MB: ${seconds.toFixed(1)} s, ${Math.round((most - before) / 1e6)} MB more in memory`,
  );
  expect(count).toBe(2_000);
  expect(most - before).toBeLessThan(150_000_000);

  const abort = new AbortController();
  const pages = [];
  for await (const page of filePages(path, null, { maxBytes: 1_000_000 }, abort.signal)) {
    pages.push(page);
    abort.abort();
  }
  expect(pages).toHaveLength(1);
});
