/** A draft as a note on its ticket: looked up before it is written, looked at again after, once however often it is put. */
import type { Delivered, OutgoingDraft, SkipReason } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { isSealed, noteHtml, sealOf } from "../../plugins/toolkit/note.ts";
import type { HubspotClient } from "./client.ts";
import { type Conversation, overtakenBy, readConversation } from "./conversation.ts";
import { byId, learnFrom, type Notes, readNotes } from "./notes.ts";
import { giveBack, setProperties } from "./properties.ts";
import type { CrmObject } from "./schemas.ts";
import { isOurs, type Ticket, ticketRequest, toTicket } from "./ticket.ts";
import { orNull } from "./vendor.ts";

/** The longest note that HubSpot takes, in characters. */
const maxNote = 65_536;

interface Look {
  readonly ticket: Ticket | null;
  readonly notes: Notes;
  /** Not read where the ticket itself stands in the way. */
  readonly said: Conversation | null;
  /** Why the draft is not wanted any more. */
  readonly obstacle: SkipReason | null;
}

/** The ticket with its notes and its history; null where it was deleted, or merged into another one. */
async function readTicket(client: HubspotClient, id: string, signal: AbortSignal): Promise<CrmObject | null> {
  const request = { ...ticketRequest(client), associations: "notes" };
  try {
    return await orNull(client.vendor.readObject("tickets", id, request, signal));
  } catch (error) {
    if (!isConnectorError(error) || error.status !== 403) throw error;
    // Other tickets can be read: no reason to stop all of them.
    throw new ConnectorError("permanent", `HubSpot refuses to show ticket ${id}`, { cause: error });
  }
}

async function isClosed(client: HubspotClient, ticket: Ticket, signal: AbortSignal): Promise<boolean> {
  return !isOurs(client, ticket) || (await client.closedStages(signal)).has(ticket.stage);
}

const gone: Look = { ticket: null, notes: { ofDraft: [], ids: [] }, said: null, obstacle: "closed" };

async function look(client: HubspotClient, draft: OutgoingDraft, signal: AbortSignal): Promise<Look> {
  const object = await readTicket(client, draft.ticket.threadId, signal);
  if (!object) return gone;
  const ticket = toTicket(object);
  const notes = await readNotes(client, object, draft, signal);
  if (await isClosed(client, ticket, signal)) return { ticket, notes, said: null, obstacle: "closed" };
  const said = await readConversation(client, ticket.id, signal);
  return { ticket, notes, said, obstacle: overtakenBy(said, ticket, draft.message) };
}

/**
 * The look after the write, at what the one before has not seen. The ticket comes last: its properties are set next.
 * @param mine the note that was written: whoever answers after that has it before them
 */
async function lookAgain(
  client: HubspotClient,
  draft: OutgoingDraft,
  { notes: before }: Look,
  mine: CrmObject,
  signal: AbortSignal,
): Promise<Look> {
  const said = await readConversation(client, draft.ticket.threadId, signal);
  const object = await readTicket(client, draft.ticket.threadId, signal);
  if (!object) return gone;
  const ticket = toTicket(object);
  // Our own note need not be read, but for what it tells of us.
  const isTold = client.fields.length === 0 || client.own.appId !== null;
  const known = isTold ? [...before.ids, mine.id] : before.ids;
  const notes = await readNotes(client, object, draft, signal, known);
  const obstacle = (await isClosed(client, ticket, signal))
    ? "closed"
    : overtakenBy(said, ticket, draft.message, mine.createdAt);
  return { ticket, notes, said, obstacle };
}

const htmlOf = (draft: OutgoingDraft) => noteHtml(draft, { maxLength: maxNote });

/** Whether a note still has the text that we wrote: what an agent has made of it is theirs, and stays. */
const isAsWritten = (draft: OutgoingDraft, { properties }: CrmObject) =>
  isSealed(sealOf(draft, htmlOf(draft)), properties.hs_note_body ?? "");

/** Archives notes that nobody needs. */
async function archive(
  client: HubspotClient,
  notes: readonly CrmObject[],
  signal: AbortSignal,
): Promise<void> {
  for (const { id } of notes) await client.vendor.archiveNote(id, signal);
}

/** In the owner's name where HubSpot knows that owner: the draft is worth more. */
async function create(client: HubspotClient, draft: OutgoingDraft, signal: AbortSignal): Promise<CrmObject> {
  const { ownerId } = client.ctx.config;
  const note = {
    ticketId: draft.ticket.threadId,
    html: htmlOf(draft),
    at: new Date(),
  };
  try {
    return await client.vendor.createNote({ ...note, ownerId }, signal);
  } catch (error) {
    const isOdd = ownerId !== undefined && isConnectorError(error) && error.status === 400;
    if (!isOdd) throw error;
    const made = await client.vendor.createNote({ ...note, ownerId: undefined }, signal);
    client.ctx.log.warn(
      "HubSpot does not take the owner: the note is nobody's. See `ownerId` in the config",
      {
        ownerId,
      },
    );
    return made;
  }
}

async function write(
  client: HubspotClient,
  draft: OutgoingDraft,
  before: Look,
  signal: AbortSignal,
): Promise<Delivered> {
  const mine = await create(client, draft, signal);
  const { ticket, notes, obstacle } = await lookAgain(client, draft, before, mine, signal);
  if (obstacle) {
    await archive(client, [mine], signal);
    return { skipped: obstacle };
  }
  // The ticket's associations may not have our own note yet.
  await learnFrom(client, mine, signal);
  // Two deliveries at the same time see both notes, and each of them keeps the same one.
  const theirs = notes.ofDraft.filter(({ id }) => id !== mine.id);
  const [kept = mine, ...others] = [mine, ...theirs].toSorted(byId);
  await archive(client, others, signal);
  if (ticket) await setProperties(client, draft, ticket, signal);
  return { externalId: kept.id, created: kept === mine };
}

/** Finds what an attempt before has left, also where an agent has changed it, as long as the marker is in it. */
async function takeUp(
  client: HubspotClient,
  draft: OutgoingDraft,
  { ticket, notes, said, obstacle }: Look,
  there: CrmObject,
  signal: AbortSignal,
): Promise<Delivered> {
  // That attempt may have ended before it could look again.
  const early = ticket && said && overtakenBy(said, ticket, draft.message, there.createdAt);
  // Else it is done where properties are set: what that attempt has covered is given back whatever has become of the ticket since.
  if (ticket && (early || obstacle)) await giveBack(client, ticket, signal);
  const superfluous = early ? notes.ofDraft : notes.ofDraft.slice(1);
  // That may be long ago, and an agent at work on one of them since.
  const unchanged = superfluous.filter((note) => isAsWritten(draft, note));
  await archive(client, unchanged, signal);
  if (early) {
    const changed = superfluous.find((note) => !unchanged.includes(note));
    return changed ? { externalId: changed.id, created: false } : { skipped: early };
  }
  if (ticket && !obstacle) await setProperties(client, draft, ticket, signal);
  return { externalId: there.id, created: false };
}

/**
 * Puts a draft: see `ConnectorSpec.deliver`.
 * @returns `skipped`: `closed` where the ticket is closed, deleted or in another pipeline; `answered`, `superseded`
 * @throws ConnectorError of kind `permanent` where this ticket cannot be seen
 */
export async function put(
  client: HubspotClient,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<Delivered> {
  const id = draft.ticket.threadId;
  if (!/^\d+$/.test(id)) throw new ConnectorError("permanent", "the draft is for no ticket of HubSpot's");
  const found = await look(client, draft, signal);
  const [there] = found.notes.ofDraft;
  if (there) return takeUp(client, draft, found, there, signal);
  return found.obstacle ? { skipped: found.obstacle } : write(client, draft, found, signal);
}

/** Looks for a note that an attempt before may have left. A ticket that is gone has none. */
export async function find(
  client: HubspotClient,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<{ externalId: string } | null> {
  const object = await readTicket(client, draft.ticket.threadId, signal);
  const [there] = object ? (await readNotes(client, object, draft, signal)).ofDraft : [];
  return there ? { externalId: there.id } : null;
}
