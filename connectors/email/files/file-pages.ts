/** Mails that lie in files: an mbox, a single .eml, a Maildir, or a folder of these. */
import { constants } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import {
  type FolderRole,
  headerOf,
  maxHeaderBytes,
  maxPageBytes,
  maxPageMails,
  type RawMail,
} from "../raw-mail.ts";
import { splitMbox } from "./mbox.ts";

export interface FileLimits {
  /** Of a larger mail only the header is read. */
  readonly maxBytes: number;
  /** Whose mails these are. Default: inbox. */
  readonly role?: FolderRole;
}

interface MailFile {
  readonly path: string;
  /** As it is named in a mail's `folder`. */
  readonly name: string;
  readonly kind: "mbox" | "mail";
}

/**
 * Pages of the mails in a file or a folder with all below it, by name and by their position in an mbox; `folder` is the
 * file's path within it. In folders, files count that end in `.eml` or `.mbox`, and those of a Maildir. Symbolic links
 * are not followed. Ends when `signal` aborts.
 *
 * @param since leaves out older mails, by the date of delivery where the file tells, else by the `Date` header; null reads all
 * @throws ConnectorError of kind `config` that names the file which cannot be read.
 */
export async function* filePages(
  path: string,
  since: Date | null,
  limits: FileLimits,
  signal: AbortSignal,
): AsyncGenerator<{ mails: RawMail[] }> {
  let mails: RawMail[] = [];
  let bytes = 0;
  let files = 0;
  for await (const file of filesOf(path)) {
    files += 1;
    for await (const mail of mailsOf(file, limits)) {
      if (signal.aborted) return;
      if (since && mail.internalDate < since) continue;
      const size = (mail.raw ?? mail.header ?? []).length;
      if (mails.length > 0 && (mails.length >= maxPageMails || bytes + size > maxPageBytes)) {
        yield { mails };
        mails = [];
        bytes = 0;
      }
      mails.push(mail);
      bytes += size;
    }
  }
  if (files === 0) {
    throw new ConnectorError(
      "config",
      `There are no mails in ${path}: expected .eml or .mbox files, or a Maildir.`,
    );
  }
  if (mails.length > 0 && !signal.aborted) yield { mails };
}

/** The files to read, by name; numbers in names count as such. */
async function* filesOf(path: string): AsyncGenerator<MailFile> {
  const found = await named(path, stat(path));
  if (found.isDirectory()) {
    yield* filesIn(path, path);
  } else if (found.isFile()) {
    yield { path, name: basename(path), kind: (await beginsAsMbox(path)) ? "mbox" : "mail" };
  } else {
    throw new ConnectorError("config", `${path} is neither a file nor a folder.`);
  }
}

const byName = new Intl.Collator("en", { numeric: true });

async function* filesIn(root: string, dir: string): AsyncGenerator<MailFile> {
  const entries = await named(dir, readdir(dir, { withFileTypes: true }));
  const isMaildir = entries.some((entry) => entry.isDirectory() && entry.name === "cur");
  const inMaildir = /^(cur|new)$/.test(basename(dir));
  for (const entry of entries.toSorted((a, b) => byName.compare(a.name, b.name))) {
    const path = join(dir, entry.name);
    const name = relative(root, path);
    // A Maildir's `tmp` holds mails that are not whole yet.
    if (entry.isDirectory() && !(isMaildir && entry.name === "tmp")) yield* filesIn(root, path);
    if (!entry.isFile()) continue;
    if (/\.mbox$/i.test(entry.name)) yield { path, name, kind: "mbox" };
    else if (/\.eml$/i.test(entry.name) || (inMaildir && !entry.name.startsWith("."))) {
      yield { path, name, kind: "mail" };
    }
  }
}

async function beginsAsMbox(path: string): Promise<boolean> {
  if (/\.(mbox|mbx)$/i.test(path)) return true;
  return withFile(path, async (file) => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(5), 0, 5, 0);
    return buffer.toString("latin1", 0, bytesRead) === "From ";
  });
}

async function* mailsOf(file: MailFile, limits: FileLimits): AsyncGenerator<RawMail> {
  if (file.kind === "mail") {
    yield await readMail(file, limits);
    return;
  }
  const place = { folder: file.name, role: limits.role ?? "inbox", uidValidity: "0" } as const;
  let uid = 0;
  for await (const { raw, header, size, date } of readMbox(file.path, limits.maxBytes)) {
    uid += 1;
    const internalDate = date ?? dateIn(header) ?? new Date(0);
    yield { ...place, uid, size, internalDate, raw, ...(raw ? {} : { header }) };
  }
}

async function* readMbox(path: string, maxBytes: number) {
  const file = await named(path, openFile(path));
  try {
    // Bytes that begin otherwise would be left out without a word.
    const { bytesRead, buffer } = await named(path, file.read(Buffer.alloc(5), 0, 5, 0));
    if (bytesRead > 0 && !buffer.toString("latin1", 0, bytesRead).startsWith("From")) {
      throw new ConnectorError("config", `${path} is no mbox: it does not begin with a "From " line.`);
    }
    const chunks = file.createReadStream({ start: 0, highWaterMark: 256_000, autoClose: false });
    yield* splitMbox(namedChunks(path, chunks), maxBytes);
  } finally {
    await file.close();
  }
}

async function* namedChunks(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readMail(
  { path, name }: MailFile,
  { maxBytes, role = "inbox" }: FileLimits,
): Promise<RawMail> {
  return withFile(path, async (file) => {
    const { size, mtime } = await file.stat();
    const whole = size <= maxBytes;
    const wanted = whole ? size : maxHeaderBytes;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(wanted), 0, wanted, 0);
    const bytes = new Uint8Array(buffer.subarray(0, bytesRead));
    const header = headerOf(bytes);
    const delivered = /(?:^|\/)(?:cur|new)\/(\d{9,10})\./.exec(path)?.[1];
    const internalDate = delivered ? new Date(Number(delivered) * 1_000) : (dateIn(header) ?? mtime);
    const place = { folder: name, role, uid: 1, uidValidity: "0", size, internalDate };
    return whole ? { ...place, raw: bytes } : { ...place, raw: null, header };
  });
}

/** The time in the `Date` header, or null. */
function dateIn(header: Uint8Array): Date | null {
  const value = /^date:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)/im.exec(Buffer.from(header).toString("latin1"))?.[1];
  const date = new Date(value?.replace(/\s+/g, " ").replace(/\(.*\)/, "") ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await named(path, openFile(path));
  try {
    return await named(path, use(file));
  } finally {
    await file.close();
  }
}

/** Never waits for a writer of a pipe that took the file's place. */
function openFile(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** A failure of the file system says which file it is about. */
async function named<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ConnectorError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ConnectorError {
  const why: Record<string, string> = {
    ENOENT: "it does not exist",
    EACCES: "this user may not read it",
    EPERM: "this user may not read it",
  };
  const code = (error as { code?: string }).code ?? "";
  return new ConnectorError("config", `Cannot read ${path}: ${why[code] ?? (code || "reading failed")}.`, {
    cause: error,
  });
}
