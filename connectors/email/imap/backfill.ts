/** Reads what lies in a mailbox already, from a date on. */
import type { RawMail } from "../raw-mail.ts";
import { connect, type ImapConnection } from "./connection.ts";
import { fetchPage } from "./fetch-mails.ts";
import { listFolders, resolveFolders } from "./folders.ts";
import { type ListedMail, listMails, mergeByDate, pagesOf } from "./list-mails.ts";
import type { ReadParts } from "./pull.ts";

/**
 * All mails that the server took in at `since` or later, sent ones included, in the order in which they came.
 * Ends when `signal` aborts.
 *
 * @throws ConnectorError where a read failed, and of kind `config` where a folder is missing.
 */
export async function* backfillPages(
  parts: ReadParts,
  since: Date,
  signal: AbortSignal,
): AsyncGenerator<{ mails: RawMail[] }> {
  let connection: ImapConnection | undefined;
  try {
    connection = await connect(parts.settings, signal);
    const { folders } = resolveFolders(await listFolders(connection), parts.folders);
    const lists: ListedMail[][] = [];
    for (const folder of folders) {
      const range = { after: 0, since: { at: since, below: Number.POSITIVE_INFINITY } };
      lists.push((await listMails(connection, folder, range)).mails);
    }
    for (const page of pagesOf(mergeByDate(lists), parts.maxBytes)) {
      yield { mails: await fetchPage(connection, page, parts.maxBytes, parts.stubborn) };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await connection?.close();
  }
}
