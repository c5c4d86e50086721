/** A draft as a note on its ticket: looked up before it is written, looked at again after, once however often it is put. */
import type { Delivered, OutgoingDraft, SkipReason } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { noteHtml } from "../../plugins/toolkit/note.ts";
import type { HubspotClient } from "./client.ts";
import { overtakenBy, readConversation } from "./conversation.ts";
import { type Notes, readNotes } from "./notes.ts";
import { setProperties } from "./properties.ts";
import type { CrmObject } from "./schemas.ts";
import { isOurs, ticketRequest, toTicket } from "./ticket.ts";
import { orNull } from "./vendor.ts";

/** The longest note that HubSpot takes, in characters. */
const maxNote = 65_536;

interface Look {
  readonly notes: Notes;
  /** Why the draft is not wanted any more. */
  readonly obstacle: SkipReason | null;
}

/** The ticket with its notes; null where it was deleted, or merged into another one. */
async function readTicket(client: HubspotClient, id: string, signal: AbortSignal): Promise<CrmObject | null> {
  const { properties } = ticketRequest(client);
  try {
    return await orNull(
      client.vendor.readObject("tickets", id, { properties, associations: "notes" }, signal),
    );
  } catch (error) {
    if (!isConnectorError(error) || error.status !== 403) throw error;
    // Other tickets can be read: no reason to stop all of them.
    throw new ConnectorError("permanent", `HubSpot refuses to show ticket ${id}`, { cause: error });
  }
}

async function obstacleOf(
  client: HubspotClient,
  object: CrmObject,
  { message }: OutgoingDraft,
  signal: AbortSignal,
  until?: Date,
): Promise<SkipReason | null> {
  const ticket = toTicket(object);
  if (!isOurs(client, ticket)) return "closed";
  if ((await client.closedStages(signal)).has(ticket.stage)) return "closed";
  return overtakenBy(await readConversation(client, ticket.id, signal), ticket, message, until);
}

/** @param until when our note was written: whoever answers after that has it before them */
async function look(
  client: HubspotClient,
  draft: OutgoingDraft,
  signal: AbortSignal,
  until?: Date,
): Promise<Look> {
  const object = await readTicket(client, draft.ticket.threadId, signal);
  if (!object) return { notes: { ofDraft: [], appId: null }, obstacle: "closed" };
  const notes = await readNotes(client, object, draft, signal);
  return { notes, obstacle: await obstacleOf(client, object, draft, signal, until) };
}

/** Archives notes that were written a moment ago and that nobody needs. */
async function archive(client: HubspotClient, ids: readonly string[], signal: AbortSignal): Promise<void> {
  for (const id of ids) await client.vendor.archiveNote(id, signal);
}

async function write(
  client: HubspotClient,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<Delivered & { appId?: string | null }> {
  const made = await client.vendor.createNote(
    {
      ticketId: draft.ticket.threadId,
      html: noteHtml(draft, { maxLength: maxNote }),
      at: new Date(),
      ownerId: client.ctx.config.ownerId,
    },
    signal,
  );
  const { id: mine, createdAt } = made;
  const { notes, obstacle } = await look(client, draft, signal, createdAt);
  if (obstacle) {
    await archive(client, [mine], signal);
    return { skipped: obstacle };
  }
  // Two deliveries at the same time see both notes, and each of them keeps the same one.
  const [kept = mine, ...others] = notes.ofDraft;
  await archive(client, others, signal);
  return { externalId: kept, created: kept === mine, appId: notes.appId };
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
  const { notes, obstacle } = await look(client, draft, signal);
  const [there] = notes.ofDraft;
  if (there !== undefined) {
    // Also what an agent has changed, as long as the marker is in it. An attempt before may have ended here.
    if (!obstacle) await setProperties(client, draft, notes.appId, signal);
    return { externalId: there, created: false };
  }
  if (obstacle) return { skipped: obstacle };
  const written = await write(client, draft, signal);
  if ("skipped" in written) return written;
  const { externalId, created, appId = null } = written;
  await setProperties(client, draft, appId, signal);
  return { externalId, created };
}

/** Looks for a note that an attempt before may have left. A ticket that is gone has none. */
export async function find(
  client: HubspotClient,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<{ externalId: string } | null> {
  const object = await readTicket(client, draft.ticket.threadId, signal);
  const [there] = object ? (await readNotes(client, object, draft, signal)).ofDraft : [];
  return there === undefined ? null : { externalId: there };
}
