/** Reads a mailbox for as long as it may: what is new in every folder, at once where the server says so, else by polling. */
import type { StatusObject } from "imapflow";
import type { Log } from "../../../plugins/contract/connector.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { RawPage } from "../raw-mail.ts";
import { connect, type ImapConnection, type ImapSettings } from "./connection.ts";
import type { FolderCursor, ImapCursor } from "./cursor.ts";
import { fetchPage, type Stubborn } from "./fetch-mails.ts";
import { type FolderChoice, listFolders, type ReadFolder, resolveFolders } from "./folders.ts";
import { examine, type ListedMail, listMails, mergeByDate, pagesOf, renumbered } from "./list-mails.ts";
import { createWaiting } from "./waiting.ts";

/** What reading a mailbox needs. */
export interface ReadParts {
  readonly settings: ImapSettings;
  readonly folders: FolderChoice;
  /** Of a larger mail only the header is read. */
  readonly maxBytes: number;
  readonly log: Log;
  /** Mails that the server fails to give: keep the same map over reconnections. */
  readonly stubborn: Stubborn;
}

export interface PullParts extends ReadParts {
  /** Seconds between looks at all folders (30 is usual); the first folder is watched all the time. */
  readonly pollSeconds: number;
  /** Days to look back where a folder was numbered anew (30 is usual). */
  readonly resyncDays: number;
}

/** What is known of a folder beyond the cursor, for as long as the connection lasts. */
interface FolderView {
  /** The state of the folder when all of it had been read: the same again means that nothing is new. */
  seen: string | undefined;
}

/**
 * Pages of new mails, in the order in which they came, and an empty page after each look that found nothing. A null
 * cursor begins at the end of each folder, with an empty page at once.
 *
 * Ends when `signal` aborts, and closes the connection.
 *
 * @throws ConnectorError where a read failed.
 */
export async function* pullPages(
  parts: PullParts,
  from: ImapCursor | null,
  signal: AbortSignal,
): AsyncGenerator<RawPage<ImapCursor>> {
  let connection: ImapConnection | undefined;
  try {
    connection = await connect(parts.settings, signal);
    yield* readOn(parts, connection, from, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await connection?.close();
  }
}

async function* readOn(
  parts: PullParts,
  connection: ImapConnection,
  from: ImapCursor | null,
  signal: AbortSignal,
): AsyncGenerator<RawPage<ImapCursor>> {
  const cursors = new Map(Object.entries(from?.folders ?? {}));
  const views = new Map<string, FolderView>();
  const cursor = (): ImapCursor => ({ version: 1, folders: Object.fromEntries(cursors) });
  const chosen = chooser(parts, connection, cursors);
  const waiting = createWaiting(connection, signal);
  try {
    let folders = await chosen(true);
    let lookedAt = new Date();
    let whole = true;
    for (;;) {
      const look = { parts, connection, cursors, views, since: lookedAt };
      // Between polls only the watched folder is read, and the sent mails with it, for the sake of the order.
      // Of the folder that is open, STATUS may tell what was there before, even where it was numbered anew since.
      if (whole && connection.client.mailbox) {
        await connection.run("could not close the folder", (client) => client.mailboxClose());
      }
      const told = waiting.take();
      const some = whole
        ? folders
        : folders.filter(({ path, role }, index) => index === 0 || role === "sent" || told.has(path));
      const startedAt = new Date();
      const lists: ListedMail[][] = [];
      const done: Array<() => void> = [];
      for (const folder of some) {
        const found = await lookAt(look, folder, told.has(folder.path));
        lists.push(found.mails);
        done.push(found.done);
      }
      const pages = [...pagesOf(mergeByDate(lists), parts.maxBytes)];
      for (const [index, page] of pages.entries()) {
        const mails = await fetchPage(connection, page, parts.maxBytes, parts.stubborn);
        for (const mail of page) advance(cursors, mail);
        if (index === pages.length - 1) for (const finish of done) finish();
        yield { mails, cursor: cursor() };
      }
      if (pages.length === 0) {
        for (const finish of done) finish();
        if (whole) yield { mails: [], cursor: cursor() };
      }
      if (signal.aborted) return;
      if (whole) lookedAt = startedAt;
      const [watched] = folders;
      if (!watched) throw new ConnectorError("transient", "none of the folders to read is there any more");
      whole =
        (await waiting.next(watched.path, cursors.get(watched.path), parts.pollSeconds * 1_000, whole)) ===
        "poll";
      if (signal.aborted) return;
      if (whole) folders = await chosen(false);
    }
  } finally {
    waiting.stop();
  }
}

/** The folders to read; at the start, and again at each poll where they may change. */
function chooser(
  { folders: choice, log }: PullParts,
  connection: ImapConnection,
  cursors: ReadonlyMap<string, FolderCursor>,
): (first: boolean) => Promise<ReadFolder[]> {
  let warned = new Set<string>();
  return async (first) => {
    const list = await listFolders(connection);
    const { folders, missing } = resolveFolders(list, choice, (path) => !first || cursors.has(path));
    for (const path of missing) {
      if (!warned.has(path))
        log.warn(`The folder ${path} is gone from the mailbox; the others are read on`, { folder: path });
    }
    warned = new Set(missing);
    if (first && !folders.some(({ role }) => role === "sent") && choice.sent !== null) {
      log.warn(
        "The mailbox has no folder of sent mails: replies that agents send from their mail program are not seen",
      );
    }
    return folders;
  };
}

interface Look {
  readonly parts: PullParts;
  readonly connection: ImapConnection;
  readonly cursors: Map<string, FolderCursor>;
  readonly views: Map<string, FolderView>;
  /** When all folders were looked at before. */
  readonly since: Date;
}

const nothing = { mails: [], done: () => undefined };

/** What is new in a folder. `done` is called when all of it has been read. */
async function lookAt(
  look: Look,
  folder: ReadFolder,
  told: boolean,
): Promise<{ mails: ListedMail[]; done: () => void }> {
  const { connection, cursors, views, parts } = look;
  const status = await statusOf(connection, folder.path);
  if (status === undefined) {
    parts.log.warn(`The folder ${folder.path} is gone from the mailbox; the others are read on`, {
      folder: folder.path,
    });
    return nothing;
  }
  const state = stateOf(status);
  const view = views.get(folder.path);
  const before = cursors.get(folder.path);
  const now = await startOf(look, folder, status, before, view !== undefined || views.size > 0);
  if (now !== before) cursors.set(folder.path, now);
  const done = () => {
    views.set(folder.path, { seen: state });
    const { uidValidity, uid } = cursors.get(folder.path) ?? now;
    const modseq = status.highestModseq === undefined ? {} : { modseq: String(status.highestModseq) };
    cursors.set(folder.path, { uidValidity, uid, ...modseq });
  };
  const unchanged = view ? view.seen === state : sameModseq(now, status);
  const noneAbove = status.uidNext !== undefined && status.uidNext <= now.uid + 1;
  if (!told && (unchanged || noneAbove)) return { mails: [], done };
  const since = now.resync && { at: new Date(now.resync.since), below: now.resync.below };
  const { mails, mailbox } = await listMails(connection, folder, { after: now.uid, since });
  if (String(mailbox.uidValidity) !== now.uidValidity) throw renumbered(folder.path);
  return { mails, done };
}

/** Where to read on in a folder: the cursor, or the end of a folder that is new to us, or a look-back. */
async function startOf(
  { parts, connection, since }: Look,
  { path }: ReadFolder,
  status: StatusObject,
  before: FolderCursor | undefined,
  running: boolean,
): Promise<FolderCursor> {
  const uidValidity = String(status.uidValidity);
  const end = status.uidNext ?? (await examine(connection, path)).uidNext;
  if (before === undefined) {
    if (!running) return { uidValidity, uid: end - 1 };
    // It appeared while we looked on: what came since then is new, and what was moved there is not.
    return anew(uidValidity, end, new Date(since.getTime() - 3_600_000));
  }
  if (before.uidValidity === uidValidity && end > before.uid) return before;
  const why =
    before.uidValidity === uidValidity ? "its next UID is lower than before" : "it has a new UIDVALIDITY";
  parts.log.warn(
    `The mail server has numbered the folder ${path} anew (${why}): its mails of the last ${parts.resyncDays} days are read again`,
    { folder: path },
  );
  return anew(uidValidity, end, new Date(Date.now() - parts.resyncDays * 86_400_000));
}

function anew(uidValidity: string, below: number, since: Date): FolderCursor {
  return { uidValidity, uid: 0, resync: { since: since.toISOString(), below } };
}

function advance(cursors: Map<string, FolderCursor>, { folder, uid, uidValidity }: ListedMail): void {
  const resync = cursors.get(folder.path)?.resync;
  cursors.set(folder.path, { uidValidity, uid, ...(resync ? { resync } : {}) });
}

/** STATUS of a folder, or undefined where it is not there. */
async function statusOf(connection: ImapConnection, path: string): Promise<StatusObject | undefined> {
  return connection.run(`could not look at ${path}`, async (client) => {
    try {
      const query = { messages: true, uidNext: true, uidValidity: true, highestModseq: true };
      const status = await client.status(path, query);
      if (!status || status.uidValidity === undefined) {
        throw new ConnectorError("transient", `could not look at ${path}: the server refused its status`);
      }
      return status;
    } catch (error) {
      if ((error as { code?: string }).code === "NotFound") return undefined;
      throw error;
    }
  });
}

function stateOf({ messages, uidNext, uidValidity, highestModseq }: StatusObject): string {
  return [uidValidity, uidNext, messages, highestModseq].join("/");
}

/** Without a MODSEQ nothing is known. A read that was cut short has none. */
function sameModseq({ modseq }: FolderCursor, { highestModseq }: StatusObject): boolean {
  return modseq !== undefined && highestModseq !== undefined && modseq === String(highestModseq);
}
