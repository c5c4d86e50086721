/** The mails of a mailbox by their keys: what it holds of a time, found out from headers, and only those that are asked for. */
import type { ListRequest } from "../../../plugins/contract/connector.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { RawMail } from "../raw-mail.ts";
import { connect, type ImapConnection } from "./connection.ts";
import { fetchPage, type Stubborn } from "./fetch-mails.ts";
import { listFolders, type ReadFolder, resolveFolders } from "./folders.ts";
import {
  collect,
  examine,
  type ListedMail,
  listMails,
  mergeByDate,
  pagesOf,
  renumbered,
} from "./list-mails.ts";
import type { ReadParts } from "./pull.ts";

/** The most mails whose keys are remembered. A listing then asks the server for the headers of new ones alone. */
const mostRemembered = 50_000;
/** The most mails of one FETCH of headers. */
const chunk = 200;

/** The lines that make a mail's key, and tell whether an event comes of it: see `identify`. */
const fields = [
  "message-id",
  "date",
  "from",
  "subject",
  "reply-to",
  "to",
  "cc",
  "in-reply-to",
  "references",
  "auto-submitted",
  "x-deskwire-notice",
  "x-deskwire-reply",
];

/** How keys are found: by the code that reads mails, so that they are the same. */
export interface KeyMaker {
  /** Null where no event comes of the mail, undefined where its header does not tell. */
  ofHead(mail: RawMail): Promise<string | null | undefined>;
  ofWhole(mail: RawMail): Promise<string | null>;
  readonly remembered: Map<string, string | null>;
}

export interface KeyedMail {
  readonly mail: ListedMail;
  readonly key: string;
}

/** A mail in its place never changes. */
export const placeOf = ({ folder, uidValidity, uid }: Pick<RawMail, "folder" | "uidValidity" | "uid">) =>
  `${folder}/${uidValidity}/${uid}`;

/** Remembers a key, and forgets the oldest where there are too many. */
export function remember({ remembered }: KeyMaker, place: string, key: string | null): void {
  remembered.set(place, key);
  const oldest = remembered.size > mostRemembered ? remembered.keys().next().value : undefined;
  if (oldest !== undefined) remembered.delete(oldest);
}

const asRaw = ({ folder, ...mail }: ListedMail, head: Uint8Array): RawMail => ({
  ...mail,
  folder: folder.path,
  role: folder.role,
  raw: head,
});

/** The header lines of mails of one folder, by UID; those that the server cannot give now are left out. */
async function fetchHeads(
  connection: ImapConnection,
  path: string,
  mails: readonly ListedMail[],
): Promise<Map<number, Uint8Array>> {
  const heads = new Map<number, Uint8Array>();
  const range = mails.map(({ uid }) => uid).join(",");
  try {
    await connection.run(`could not read headers in ${path}`, (client) =>
      collect(client, range, { uid: true, headers: fields }, ({ uid, headers }) => {
        if (headers) heads.set(uid, headers);
      }),
    );
  } catch (error) {
    // One bad mail can fail the command: what is missing is read mail by mail.
    if (!connection.client.usable) throw error;
  }
  return heads;
}

/** Finds the keys of mails of one folder, and remembers them. */
async function findKeys(
  { maxBytes, stubborn }: { maxBytes: number; stubborn: Stubborn },
  connection: ImapConnection,
  keys: KeyMaker,
  mails: readonly ListedMail[],
): Promise<void> {
  const [first] = mails;
  if (!first) return;
  const mailbox = await examine(connection, first.folder.path);
  if (String(mailbox.uidValidity) !== first.uidValidity) throw renumbered(first.folder.path);
  const heads = await fetchHeads(connection, first.folder.path, mails);
  const whole: ListedMail[] = [];
  for (const mail of mails) {
    const head = heads.get(mail.uid);
    const key = head && (await keys.ofHead(asRaw(mail, head)));
    if (key === undefined) whole.push(mail);
    else remember(keys, placeOf({ ...mail, folder: mail.folder.path }), key);
  }
  for (const page of pagesOf(whole, maxBytes)) {
    for (const mail of await fetchPage(connection, page, maxBytes, stubborn))
      remember(keys, placeOf(mail), await keys.ofWhole(mail));
  }
}

async function* keysIn(
  parts: ReadParts,
  connection: ImapConnection,
  keys: KeyMaker,
  folder: ReadFolder,
  { since, until }: ListRequest,
): AsyncGenerator<KeyedMail[]> {
  const range = { after: 0, since: { at: since, below: Number.POSITIVE_INFINITY } };
  const { mails } = await listMails(connection, folder, range);
  const wanted = mails.filter(({ internalDate }) => internalDate <= until);
  for (let at = 0; at < wanted.length; at += chunk) {
    const some = wanted.slice(at, at + chunk);
    const keyOf = (mail: ListedMail) => keys.remembered.get(placeOf({ ...mail, folder: folder.path }));
    const fresh = some.filter((mail) => keyOf(mail) === undefined);
    await findKeys(parts, connection, keys, fresh);
    yield some.flatMap((mail) => {
      const key = keyOf(mail);
      // A mail that was deleted meanwhile has none.
      return key ? [{ mail, key }] : [];
    });
  }
}

/** The folders that are read; one that is gone holds nothing. */
async function foldersOf(parts: ReadParts, connection: ImapConnection): Promise<ReadFolder[]> {
  const { folders } = resolveFolders(await listFolders(connection), parts.folders, () => true);
  if (folders.length > 0) return folders;
  throw new ConnectorError("transient", "none of the folders to read is there any more");
}

/**
 * The mails of a time that reading makes events of, each with its key, folder by folder. Sets no flags.
 * @throws ConnectorError where something could not be listed, and the signal's reason where it aborts: a list that ends is whole
 */
export async function* keyedMails(
  parts: ReadParts,
  keys: KeyMaker,
  window: ListRequest,
  signal: AbortSignal,
): AsyncGenerator<KeyedMail[]> {
  const connection = await connect(parts.settings, signal);
  try {
    for (const folder of await foldersOf(parts, connection)) {
      for await (const found of keysIn(parts, connection, keys, folder, window)) {
        signal.throwIfAborted();
        yield found;
      }
    }
  } finally {
    await connection.close();
  }
}

/**
 * The mails of these keys that the server took in at `since` or later, each once, in the order in which they came.
 * @throws ConnectorError where a read failed
 */
export async function* missedPages(
  parts: ReadParts,
  keys: KeyMaker,
  { since, only }: { since: Date; only: ReadonlySet<string> },
  signal: AbortSignal,
): AsyncGenerator<{ mails: RawMail[] }> {
  const connection = await connect(parts.settings, signal);
  try {
    const left = new Set(only);
    const lists: ListedMail[][] = [];
    for (const folder of await foldersOf(parts, connection)) {
      const mails: ListedMail[] = [];
      for await (const found of keysIn(parts, connection, keys, folder, { since, until: new Date() }))
        mails.push(...found.filter(({ key }) => left.delete(key)).map(({ mail }) => mail));
      lists.push(mails);
    }
    for (const page of pagesOf(mergeByDate(lists), parts.maxBytes))
      yield { mails: await fetchPage(connection, page, parts.maxBytes, parts.stubborn) };
  } finally {
    await connection.close();
  }
}
