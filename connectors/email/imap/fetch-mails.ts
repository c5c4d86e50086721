/** Fetches mails page by page without touching them, and gets past those that the server cannot read. */
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { headerOf, maxHeaderBytes, type RawMail } from "../raw-mail.ts";
import type { ImapConnection } from "./connection.ts";
import { collect, examine, type ListedMail, renumbered } from "./list-mails.ts";

/**
 * What the server failed to give: a list of mails, or a mail alone with how much speaks against it. Kept over
 * reconnections, so that a mail on which every attempt breaks does not stop the mailbox for ever.
 */
export type Stubborn = Map<string, number>;

/** Above this a mail is passed on without its body. */
const patience = 10;
/** The server answered, or ended the connection with a reason, and gave nothing. */
const refusedWeight = 4;
/** The connection broke, which has other reasons most of the time. */
const lostWeight = 1;

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
  const reading: Reading = { connection, maxBytes, stubborn, read };
  for (const mails of Map.groupBy(page, ({ folder }) => folder.path).values()) {
    const [first] = mails;
    if (!first) continue;
    const mailbox = await examine(connection, first.folder.path);
    if (String(mailbox.uidValidity) !== first.uidValidity) throw renumbered(first.folder.path);
    await fetchTogether(
      reading,
      mails.filter(({ size }) => size <= maxBytes),
    );
    for (const mail of mails) {
      if (!read.has(mail)) await fetchAlone(reading, mail);
    }
  }
  return page.flatMap((mail) => read.get(mail) ?? []);
}

interface Reading {
  readonly connection: ImapConnection;
  readonly maxBytes: number;
  readonly stubborn: Stubborn;
  readonly read: Map<ListedMail, RawMail>;
}

/** One command for all, unless that has failed before: then each is read alone, which tells the one that fails. */
async function fetchTogether(reading: Reading, mails: readonly ListedMail[]): Promise<void> {
  const [first] = mails;
  if (!first) return;
  const { stubborn, connection } = reading;
  const key = `from ${keyOf(first)}`;
  if (stubborn.has(key)) return;
  stubborn.set(key, 1);
  try {
    await fetchBodies(reading, mails);
    stubborn.delete(key);
  } catch (error) {
    if (!connection.client.usable) throw error;
  }
}

/** A mail that did not come with the others: too large, deleted meanwhile, or one that the server cannot read. */
async function fetchAlone(reading: Reading, mail: ListedMail): Promise<void> {
  const { connection, stubborn, read } = reading;
  const { path } = mail.folder;
  const found = await connection.run(`could not look for a mail in ${path}`, (client) =>
    client.search({ uid: String(mail.uid) }, { uid: true }),
  );
  if (Array.isArray(found) && !found.includes(mail.uid)) return;
  const key = keyOf(mail);
  const against = stubborn.get(key) ?? 0;
  const problem = `the mail server lists mail ${mail.uid} of ${path}, and does not give its content`;
  if (against > patience) {
    read.set(mail, { ...place(mail), raw: null, header: new Uint8Array(), problem });
    return;
  }
  try {
    await fetchBodies(reading, [mail]);
    if (!read.has(mail)) throw new ConnectorError("transient", problem);
    stubborn.delete(key);
  } catch (error) {
    const { usable, byeReason } = connection.client;
    const refused =
      usable || (byeReason !== undefined && !/shut|restart|mainten|inactiv|idle/i.test(byeReason));
    stubborn.set(key, against + (refused ? refusedWeight : lostWeight));
    throw error;
  }
}

/** All are within the limit, or it is one mail. */
async function fetchBodies(
  { connection, maxBytes, read }: Reading,
  mails: readonly ListedMail[],
): Promise<void> {
  const byUid = new Map(mails.map((mail) => [mail.uid, mail]));
  const large = mails.every(({ size }) => size > maxBytes);
  const query = { uid: true, source: { start: 0, maxLength: large ? maxHeaderBytes : maxBytes + 1 } };
  await connection.run(`could not read ${mails[0]?.folder.path}`, (client) =>
    collect(client, mails.map(({ uid }) => uid).join(","), query, ({ uid, source }) => {
      const mail = byUid.get(uid);
      if (!mail || !source) return;
      // Also where the server named a smaller size than the mail has.
      const whole = !large && source.length <= maxBytes;
      if (whole) read.set(mail, { ...place(mail), size: source.length, raw: source });
      else read.set(mail, { ...place(mail), raw: null, header: headerOf(source) });
    }),
  );
}

function keyOf({ folder, uidValidity, uid }: ListedMail): string {
  return `${folder.path}/${uidValidity}/${uid}`;
}

function place({ folder, uid, uidValidity, size, internalDate }: ListedMail) {
  return { folder: folder.path, role: folder.role, uid, uidValidity, size, internalDate };
}
