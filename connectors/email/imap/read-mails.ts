/** Reads mails of a folder without touching them: lists what is new, then fetches bodies page by page. */
import type { FetchMessageObject, ImapFlow, MailboxObject } from "imapflow";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { headerOf, maxHeaderBytes, maxPageBytes, maxPageMails, type RawMail } from "../raw-mail.ts";
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
/** How often a mail that the server cannot give stops the reading, before it is passed on without its body. */
const patience = 3;

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
  const doing = `could not list ${folder.path}`;
  const mails: ListedMail[] = [];
  const add = (client: ImapFlow, range: string) =>
    collect(client, range, { uid: true, size: true, internalDate: true }, ({ uid, size, internalDate }) => {
      // "N:*" names the last mail even where its UID is lower than N.
      if (uid <= after) return;
      const at = new Date(internalDate ?? Number.NaN);
      mails.push({
        folder,
        uid,
        uidValidity: String(mailbox.uidValidity),
        size: size ?? 0,
        // A server that does not know when: better read once too often than never.
        internalDate: Number.isNaN(at.getTime()) ? new Date() : at,
      });
    });
  if (since === undefined) {
    await connection.run(doing, (client) => add(client, `${after + 1}:*`));
  } else {
    const uids = await findSince(connection, folder.path, since.at);
    const first = Math.max(after + 1, since.below);
    const wanted = uids.filter((uid) => uid > after && uid < since.below);
    for (let at = 0; at < wanted.length; at += chunk) {
      await connection.run(doing, (client) => add(client, wanted.slice(at, at + chunk).join(",")));
    }
    if (Number.isFinite(first)) await connection.run(doing, (client) => add(client, `${first}:*`));
  }
  const unique = new Map(mails.map((mail) => [mail.uid, mail]));
  const sorted = [...unique.values()].sort((a, b) => a.uid - b.uid);
  return {
    mails: sorted.filter(({ uid, internalDate }) => !since || uid >= since.below || internalDate >= since.at),
    mailbox,
  };
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

/** Mails that the server failed to give, with the number of failures; kept over reconnections. */
export type Stubborn = Map<string, number>;

/**
 * Fetches the bodies of a page, in its order. Mails that are gone meanwhile are left out.
 *
 * @param maxBytes of larger mails only the header is read
 * @throws ConnectorError of kind `transient` where a folder was numbered anew since it was listed.
 */
export async function fetchPage(
  connection: ImapConnection,
  page: readonly ListedMail[],
  maxBytes: number,
  stubborn: Stubborn,
): Promise<RawMail[]> {
  const read = new Map<ListedMail, RawMail>();
  for (const mails of Map.groupBy(page, ({ folder }) => folder.path).values()) {
    const [first] = mails;
    if (!first) continue;
    const mailbox = await examine(connection, first.folder.path);
    if (String(mailbox.uidValidity) !== first.uidValidity) {
      const text = `${first.folder.path} was numbered anew by the server while it was read`;
      throw new ConnectorError("transient", text, { retryAfterMs: 1_000 });
    }
    await fetchWhole(connection, mails, maxBytes, read);
    await fetchHeaders(connection, mails, maxBytes, read);
    for (const mail of mails) {
      if (!read.has(mail)) await fetchAlone(connection, mail, maxBytes, stubborn, read);
    }
  }
  return page.flatMap((mail) => read.get(mail) ?? []);
}

async function fetchWhole(
  connection: ImapConnection,
  mails: readonly ListedMail[],
  maxBytes: number,
  read: Map<ListedMail, RawMail>,
): Promise<void> {
  const wanted = mails.filter(({ size }) => size <= maxBytes);
  if (wanted.length === 0) return;
  const byUid = new Map(wanted.map((mail) => [mail.uid, mail]));
  const range = wanted.map(({ uid }) => uid).join(",");
  const query = { uid: true, source: { start: 0, maxLength: maxBytes + 1 } };
  await connection.run(`could not read ${wanted[0]?.folder.path}`, (client) =>
    collect(client, range, query, ({ uid, source }) => {
      const mail = byUid.get(uid);
      if (!mail || !source) return;
      // The server named a smaller size than the mail has.
      if (source.length > maxBytes) read.set(mail, tooLarge(mail, source));
      else read.set(mail, { ...place(mail), size: source.length, raw: source });
    }),
  );
}

async function fetchHeaders(
  connection: ImapConnection,
  mails: readonly ListedMail[],
  maxBytes: number,
  read: Map<ListedMail, RawMail>,
): Promise<void> {
  for (const mail of mails.filter(({ size }) => size > maxBytes)) {
    await connection.run(`could not read ${mail.folder.path}`, (client) =>
      collect(
        client,
        String(mail.uid),
        { uid: true, source: { start: 0, maxLength: maxHeaderBytes } },
        (found) => {
          if (found.uid === mail.uid && found.source) read.set(mail, tooLarge(mail, found.source));
        },
      ),
    );
  }
}

/** A mail that did not come with the others: deleted meanwhile, or one that the server cannot read. */
async function fetchAlone(
  connection: ImapConnection,
  mail: ListedMail,
  maxBytes: number,
  stubborn: Stubborn,
  read: Map<ListedMail, RawMail>,
): Promise<void> {
  const { path } = mail.folder;
  const found = await connection.run(`could not look for a mail in ${path}`, (client) =>
    client.search({ uid: String(mail.uid) }, { uid: true }),
  );
  if (Array.isArray(found) && !found.includes(mail.uid)) return;
  if (Array.isArray(found)) await fetchWhole(connection, [mail], maxBytes, read);
  if (read.has(mail)) return;
  const key = `${path}/${mail.uidValidity}/${mail.uid}`;
  const failures = (stubborn.get(key) ?? 0) + 1;
  stubborn.set(key, failures);
  const problem = `the mail server lists mail ${mail.uid} of ${path}, and does not give its content`;
  if (failures < patience) throw new ConnectorError("transient", problem);
  read.set(mail, { ...place(mail), raw: null, header: new Uint8Array(), problem });
}

function place({ folder, uid, uidValidity, size, internalDate }: ListedMail) {
  return { folder: folder.path, role: folder.role, uid, uidValidity, size, internalDate };
}

function tooLarge(mail: ListedMail, source: Buffer): RawMail {
  return { ...place(mail), raw: null, header: headerOf(source) };
}

/** FETCH by UID. imapflow asks for bodies by BODY.PEEK, which sets no flag. */
async function collect(
  client: ImapFlow,
  range: string,
  query: Parameters<ImapFlow["fetch"]>[1],
  take: (mail: FetchMessageObject) => void,
): Promise<void> {
  for await (const mail of client.fetch(range, query, { uid: true })) take(mail);
}
