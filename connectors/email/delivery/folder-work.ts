/** The steps in folders that deliveries are made of: each leaves what is not ours as it is. */
import type { ImapFlow } from "imapflow";
import { simpleParser } from "mailparser";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { type IndexedMail, isAnswerTo, toRanges } from "./header-index.ts";
import type { MailSession } from "./mailbox.ts";
import { canonicalAddress } from "./recipients.ts";
import { contentHash } from "./text.ts";

/** No draft of ours is larger, so that a larger one has been changed (a file was added). In bytes. */
const maxDraftBytes = 3_000_000;

/** Selects the Drafts folder and brings its index up to date. */
export async function syncDrafts(session: MailSession): Promise<void> {
  const { client, folders, drafts } = session;
  if (folders.drafts === null) {
    throw new ConnectorError(
      "config",
      "the mailbox has no Drafts folder that the server names as such: set draftsFolder to the folder's name",
    );
  }
  await select(client, folders.drafts);
  await drafts.sync(client);
}

/**
 * Whether one of the newest sent mails answers the one with this id. A mailbox without a Sent folder has none.
 * @param people see `isAnswerTo`
 */
export async function isAnswered(
  session: MailSession,
  messageId: string,
  people: readonly string[],
): Promise<boolean> {
  const { client, folders, sent } = session;
  if (folders.sent === null) return false;
  // Of the selected folder, STATUS says what this connection has heard of: it has to hear the news first.
  const selected = client.mailbox !== false && client.mailbox.path === folders.sent;
  const state = selected ? false : await client.status(folders.sent, { uidNext: true, uidValidity: true });
  if (state === false || !sent.isCurrent(state)) {
    await select(client, folders.sent);
    await sent.sync(client);
  }
  // What was deleted from Sent was an answer all the same; it is forgotten only when the folder is read again.
  const ids = new Set([messageId]);
  return [...sent.mails.values()].some((mail) => isAnswerTo(mail, ids, people));
}

/** The UIDs in Sent of mails with this Message-ID: asked from the server, whatever the folder's size. */
export async function findInSent(session: MailSession, messageId: string): Promise<number[]> {
  const { client, folders } = session;
  if (folders.sent === null) return [];
  await select(client, folders.sent);
  const found = await client.search({ header: { "message-id": messageId } }, { uid: true });
  if (!Array.isArray(found)) {
    throw new ConnectorError("transient", "the mail server refused to search the Sent folder");
  }
  return found;
}

/** Whether nobody has changed a draft of ours: its content, as the server holds it now, still has the hash it was written with. */
export async function isUntouched(client: ImapFlow, mail: IndexedMail): Promise<boolean> {
  if (mail.hash === null) return false;
  const head = await client.fetchOne(String(mail.uid), { size: true }, { uid: true });
  // Gone since: whoever removed it has decided about it.
  if (head === false || (head.size ?? 0) > maxDraftBytes) return false;
  const full = await client.fetchOne(String(mail.uid), { source: true }, { uid: true });
  // A server that has to answer for a mail that another connection removed answers NIL.
  if (full === false || !full.source) return false;
  const parsed = await simpleParser(full.source, {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
  });
  if (parsed.html !== false) return false;
  const addresses = (field: typeof parsed.to) =>
    [field ?? []].flat().flatMap(({ value }) => value.map(({ address }) => address ?? ""));
  const canonical = (list: string[]) => list.map((address) => canonicalAddress(address) ?? address);
  const hash = contentHash({
    text: parsed.text ?? "",
    subject: parsed.subject ?? "",
    to: canonical(addresses(parsed.to)),
    cc: canonical(addresses(parsed.cc)),
    files: parsed.attachments.length,
  });
  return hash === mail.hash && addresses(parsed.bcc).length === 0;
}

/**
 * Removes mails from the selected folder, and no others: where the server cannot expunge by UID, they are moved to the
 * trash, or else only marked, since a plain EXPUNGE would also remove what other programs have marked.
 */
export async function removeMails(session: MailSession, uids: readonly number[]): Promise<void> {
  if (uids.length === 0) return;
  const { client, folders } = session;
  const range = toRanges(uids);
  const has = (name: string) => client.capabilities.has(name);
  // What is expunged from a folder of Gmail's stays in its archive, and so in the conversation.
  const byUid = (has("UIDPLUS") || has("IMAP4rev2")) && !has("X-GM-EXT-1");
  let done: unknown;
  if (!byUid && has("MOVE") && folders.trash !== null) {
    done = await client.messageMove(range, folders.trash, { uid: true });
  } else if (byUid) {
    done = await client.messageDelete(range, { uid: true });
  } else {
    done = await client.messageFlagsAdd(range, ["\\Deleted"], { uid: true });
  }
  if (!done) throw new ConnectorError("transient", "the mail server refused to remove an outdated draft");
}

/** Selects a folder, or asks for its news where it is selected already. */
async function select(client: ImapFlow, path: string): Promise<void> {
  const { mailbox } = client;
  if (mailbox !== false && mailbox.path === path && !mailbox.readOnly) await client.noop();
  else await client.mailboxOpen(path);
}
