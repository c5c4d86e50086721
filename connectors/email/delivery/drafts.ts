/** Puts drafts into the mailbox's own Drafts folder, one for each ticket, and never touches what a person has written. */
import type { Delivered, Log, OutgoingDraft } from "../../../plugins/contract/connector.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import {
  type Answer,
  type ComposedMail,
  composeReply,
  markerValue,
  requesterOf,
  type Sender,
  threadOf,
} from "./compose.ts";
import { isAnswered, isUntouched, removeMails, syncDrafts } from "./folder-work.ts";
import { type HeaderIndex, type IndexedMail, isAnswerTo } from "./header-index.ts";
import type { DeliveryMailbox, MailSession } from "./mailbox.ts";
import { canonicalAddress, writersOf } from "./recipients.ts";
import { readOrigin } from "./source-data.ts";

export interface DeliveryParts {
  readonly sender: Sender;
  readonly mailbox: DeliveryMailbox;
  readonly log: Log;
  readonly now: () => Date;
}

/** What a draft of ours answers: by the ticket, or by the ids that a sent mail names. */
export interface DraftsOf {
  readonly ticketId?: string;
  /** Without angle brackets. */
  readonly messageIds?: readonly string[];
  /** Of these ids, only drafts for one of these people: an agent may have sent the same mail on to a colleague. */
  readonly people?: readonly string[];
}

/**
 * Leaves one draft for a message: looked up first, so that it is there once however often this is called.
 *
 * Skips with `answered` where a mail in Sent answers the message, with `edited` where a person works on an answer in this
 * thread (a draft of ours that was changed, or one of their own), with `superseded` where a draft for a newer message of
 * the ticket is there. Earlier drafts of ours that nobody has changed are replaced: the new one is written first.
 *
 * @returns as `externalId` the UIDVALIDITY, the UID and the Message-ID, with slashes between
 * @throws ConnectorError
 */
export function putDraft(
  parts: DeliveryParts,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<Delivered> {
  const { mailbox, sender, now } = parts;
  const origin = readOrigin(draft.message.sourceData);
  const thread = threadOf(origin);
  const people = writersOf(origin, requesterOf(draft.ticket), sender.own);
  const key = markerValue(draft.idempotencyKey);
  const ticket = markerValue(draft.ticket.id);
  return mailbox.use("writing a draft", signal, async (session): Promise<Delivered> => {
    const answered = thread.inReplyTo !== null && (await isAnswered(session, thread.inReplyTo, people));
    await syncDrafts(session);
    const mails = [...session.drafts.mails.values()];
    const found = mails.find((mail) => mail.draft === key);
    if (!found && answered) return { skipped: "answered" };

    const earlier = mails.filter((mail) => mail.ticket === ticket && mail.draft !== null && mail !== found);
    if (found) {
      // An attempt before this one may have ended between writing the new draft and removing the old ones.
      await removeMails(session, await untouchedOf(session, earlier.filter(isOlderThan(draft))));
      return { externalId: externalIdOf(session.drafts, found), created: false };
    }
    if (!earlier.every(isOlderThan(draft))) return { skipped: "superseded" };
    if (mails.some(isWrittenByHand(new Set(thread.references), people))) return { skipped: "edited" };
    const replaced = await untouchedOf(session, earlier);
    if (replaced.length < earlier.length) return { skipped: "edited" };

    const mail = await composeReply(sender, answerOf(draft), markersOf(draft), now());
    const written = await write(session, key, mail);
    await removeMails(session, replaced);
    return written;
  });
}

/** Removes our drafts of a ticket, or in answer to certain mails, that nobody has changed. @returns how many */
export function removeDrafts(parts: DeliveryParts, which: DraftsOf, signal: AbortSignal): Promise<number> {
  const ticket = which.ticketId === undefined ? null : markerValue(which.ticketId);
  const ids = new Set(which.messageIds ?? []);
  const people = (which.people ?? []).map((address) => canonicalAddress(address) ?? address);
  return parts.mailbox.use("removing outdated drafts", signal, async (session) => {
    await syncDrafts(session);
    const ours = [...session.drafts.mails.values()].filter(
      (mail) =>
        mail.draft !== null && ((ticket !== null && mail.ticket === ticket) || isAnswerTo(mail, ids, people)),
    );
    const untouched = await untouchedOf(session, ours);
    await removeMails(session, untouched);
    return untouched.length;
  });
}

export function answerOf(draft: OutgoingDraft): Answer {
  const { ticket, message, text, language, idempotencyKey } = draft;
  return { ticket, message, text, language, key: idempotencyKey };
}

export function markersOf(draft: OutgoingDraft) {
  return {
    draft: draft.idempotencyKey,
    id: draft.id,
    ticket: draft.ticket.id,
    answers: draft.message.id,
  };
}

/** Writes a draft, and gives way to the same one where another node has written it in this very moment. */
async function write(
  session: MailSession,
  key: string,
  { raw, messageId }: ComposedMail,
): Promise<Delivered> {
  const { client, folders, drafts } = session;
  // Seen, so that no program counts it as unread.
  const appended = await client.append(folders.drafts ?? "", raw, ["\\Draft", "\\Seen"]);
  await syncDrafts(session);
  const same = [...drafts.mails.values()].filter((mail) => mail.draft === key);
  const [first, ...others] = same;
  if (first === undefined) {
    // The server has said where it put it: an agent was quick to take it away, or the list of the folder lags behind.
    if (appended && appended.uid !== undefined) {
      return {
        externalId: `${appended.uidValidity}/${appended.uid}/${messageId}`.slice(0, 512),
        created: true,
      };
    }
    throw new ConnectorError("transient", "the draft that was just written is not in the folder");
  }
  await removeMails(
    session,
    others.map(({ uid }) => uid),
  );
  const created = !appended || appended.uid === undefined || appended.uid === first.uid;
  return { externalId: externalIdOf(drafts, first), created };
}

async function untouchedOf(session: MailSession, mails: readonly IndexedMail[]): Promise<number[]> {
  const uids: number[] = [];
  for (const mail of mails) if (await isUntouched(session.client, mail)) uids.push(mail.uid);
  return uids;
}

/** Mail programs drop our markers when a draft is saved anew, and keep which mail it answers. */
function isWrittenByHand(
  thread: ReadonlySet<string>,
  people: readonly string[],
): (mail: IndexedMail) => boolean {
  return (mail) => mail.draft === null && isAnswerTo(mail, thread, people);
}

function isOlderThan(draft: OutgoingDraft): (mail: IndexedMail) => boolean {
  // By the order in which messages came: what customers' clocks say is not to be relied on.
  return (mail) => (mail.answered ?? "") <= markerValue(draft.message.id);
}

function externalIdOf({ uidValidity }: HeaderIndex, mail: IndexedMail): string {
  return `${uidValidity}/${mail.uid}/${mail.messageId ?? ""}`.slice(0, 512);
}
