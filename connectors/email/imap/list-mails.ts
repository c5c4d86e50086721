/** Lists the mails of folders without touching them, and puts them in order. */
import type { FetchMessageObject, ImapFlow, MailboxObject } from "imapflow";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { maxHeaderBytes, maxPageBytes, maxPageMails } from "../raw-mail.ts";
import type { ImapConnection } from "./connection.ts";
import type { ReadFolder } from "./folders.ts";

/** A mail that is known to be there; its body is not read yet. */
export interface ListedMail {
  readonly folder: ReadFolder;
  readonly uid: number;
  readonly uidValidity: string;
  readonly size: number;
  readonly internalDate: Date;
}

/** Which mails of a folder to list. */
export interface Range {
  /** Only higher UIDs. */
  readonly after: number;
  /** Mails with a UID below `below` only where the server took them in at `since` or later. */
  readonly since?: { readonly at: Date; readonly below: number } | undefined;
}

/** The most mails named in one command. */
const chunk = 500;

/** Opens a folder read-only (EXAMINE), where it is not the one that is open. */
export async function examine(connection: ImapConnection, path: string): Promise<MailboxObject> {
  const open = isOpen(connection, path);
  if (open) return open;
  return connection.run(`could not open ${path}`, (client) => client.mailboxOpen(path, { readOnly: true }));
}

function isOpen({ client }: ImapConnection, path: string): MailboxObject | undefined {
  const { mailbox } = client;
  return mailbox && mailbox.path === path && mailbox.readOnly ? mailbox : undefined;
}

/** Lists mails of a folder by UID, without their bodies. */
export async function listMails(
  connection: ImapConnection,
  folder: ReadFolder,
  { after, since }: Range,
): Promise<{ mails: ListedMail[]; mailbox: MailboxObject }> {
  // In a folder that is open already the server shows new mails only after it was asked for news.
  if (isOpen(connection, folder.path)) {
    await connection.run(`could not look at ${folder.path}`, (client) => client.noop());
  }
  const mailbox = await examine(connection, folder.path);
  if (mailbox.exists === 0) return { mails: [], mailbox };
  const ranges = since
    ? rangesOf(await findSince(connection, folder.path, since.at), after, since.below)
    : [`${after + 1}:*`];
  const mails = new Map<number, ListedMail>();
  for (const range of ranges) {
    for (const { uid, size, internalDate } of await listRange(connection, folder.path, range)) {
      // "N:*" names the last mail even where its UID is lower than N.
      if (uid <= after) continue;
      const at = new Date(internalDate ?? Number.NaN);
      const mail: ListedMail = {
        folder,
        uid,
        uidValidity: String(mailbox.uidValidity),
        size: size ?? 0,
        // A server that does not know when: better read once too often than never.
        internalDate: Number.isNaN(at.getTime()) ? new Date() : at,
      };
      if (!since || uid >= since.below || mail.internalDate >= since.at) mails.set(uid, mail);
    }
  }
  return { mails: [...mails.values()].sort((a, b) => a.uid - b.uid), mailbox };
}

/** What to list for a look-back: the mails that were found, and all from `below` on. */
function rangesOf(found: readonly number[], after: number, below: number): string[] {
  const wanted = found.filter((uid) => uid > after && uid < below);
  const ranges: string[] = [];
  for (let at = 0; at < wanted.length; at += chunk) ranges.push(wanted.slice(at, at + chunk).join(","));
  if (Number.isFinite(below)) ranges.push(`${Math.max(after + 1, below)}:*`);
  return ranges;
}

/** A server may be unable to tell the size of a mail that it cannot read: it is asked again without. */
async function listRange(
  connection: ImapConnection,
  path: string,
  range: string,
): Promise<FetchMessageObject[]> {
  const list = (query: { uid: true; internalDate: true; size?: true }) =>
    connection.run(`could not list ${path}`, async (client) => {
      const mails: FetchMessageObject[] = [];
      await collect(client, range, query, (mail) => mails.push(mail));
      return mails;
    });
  try {
    return await list({ uid: true, internalDate: true, size: true });
  } catch (error) {
    if (!connection.client.usable) throw error;
    return list({ uid: true, internalDate: true });
  }
}

/** UIDs of mails that came at `since` or later, and of some more: IMAP searches by whole days of an unknown time zone. */
async function findSince(connection: ImapConnection, path: string, since: Date): Promise<number[]> {
  const day = new Date(since.getTime() - 24 * 3_600_000);
  const uids = await connection.run(`could not search ${path}`, (client) =>
    client.search({ since: day }, { uid: true }),
  );
  if (!Array.isArray(uids))
    throw new ConnectorError("transient", `could not search ${path}: the server refused`);
  return uids;
}

/** Mails of several folders in the order in which they came, each folder's own in the order of UIDs. */
export function mergeByDate(lists: ReadonlyArray<readonly ListedMail[]>): ListedMail[] {
  const heads = lists.map((mails) => ({ mails, at: 0 }));
  const merged: ListedMail[] = [];
  for (;;) {
    let first: { mails: readonly ListedMail[]; at: number } | undefined;
    let best: ListedMail | undefined;
    for (const head of heads) {
      const mail = head.mails[head.at];
      if (mail && (!best || mail.internalDate < best.internalDate)) {
        first = head;
        best = mail;
      }
    }
    if (!first || !best) return merged;
    first.at += 1;
    merged.push(best);
  }
}

/** Cuts a list into pages by number and size. */
export function* pagesOf(mails: readonly ListedMail[], maxBytes: number): Generator<ListedMail[]> {
  let page: ListedMail[] = [];
  let bytes = 0;
  for (const mail of mails) {
    const size = mail.size > maxBytes ? maxHeaderBytes : mail.size;
    if (page.length > 0 && (page.length >= maxPageMails || bytes + size > maxPageBytes)) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(mail);
    bytes += size;
  }
  if (page.length > 0) yield page;
}

/** A failure that passes by itself: the next read begins with a look at the new numbers. */
export function renumbered(path: string): ConnectorError {
  const text = `${path} was numbered anew by the server while it was read`;
  return new ConnectorError("transient", text, { retryAfterMs: 1_000 });
}

/** FETCH by UID. imapflow asks for bodies by BODY.PEEK, which sets no flag. */
export async function collect(
  client: ImapFlow,
  range: string,
  query: Parameters<ImapFlow["fetch"]>[1],
  take: (mail: FetchMessageObject) => void,
): Promise<void> {
  for await (const mail of client.fetch(range, query, { uid: true })) take(mail);
}
