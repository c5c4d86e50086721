/** The notes of a ticket, and which of them are ours. */
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { noteMarker } from "../../plugins/toolkit/note.ts";
import type { HubspotClient } from "./client.ts";
import type { CrmObject } from "./schemas.ts";

const wanted = ["hs_note_body", "hs_object_source", "hs_object_source_id"];

export interface Notes {
  /** The notes for this draft, the oldest first. */
  readonly ofDraft: readonly CrmObject[];
  /** The ids of all notes on the ticket. */
  readonly ids: readonly string[];
}

/** An agent may have copied a draft, marker and all, into a note of their own. */
function isByProgram({ properties }: CrmObject): boolean {
  const source = properties.hs_object_source ?? "";
  return !/^(CRM_UI|MOBILE)/i.test(source);
}

/** Ids are numbers that grow. */
export const byId = ({ id: a }: CrmObject, { id: b }: CrmObject) => a.length - b.length || (a < b ? -1 : 1);

/** Our app's id, as a note that we wrote ourselves tells it: other notes with our marker may be another app's. */
function learnAppId({ own }: HubspotClient, [note]: readonly CrmObject[]): void {
  const { hs_object_source: source, hs_object_source_id: id } = note?.properties ?? {};
  if (source?.toUpperCase() === "INTEGRATION" && id) own.appId ??= id;
}

/** Learns it by the id of a note that we have just written: the ticket's associations may not have that one for a while. */
export async function learnFrom(
  client: HubspotClient,
  { id }: Pick<CrmObject, "id">,
  signal: AbortSignal,
): Promise<void> {
  // It is needed for properties alone.
  if (client.fields.length === 0 || client.own.appId !== null) return;
  learnAppId(client, await client.vendor.readNotes([id], wanted, signal));
}

/**
 * Reads what belongs to the ticket, not what a search finds: that learns of new notes late.
 * @param known notes that are none of this draft's
 */
export async function readNotes(
  client: HubspotClient,
  ticket: CrmObject,
  draft: Pick<OutgoingDraft, "idempotencyKey">,
  signal: AbortSignal,
  known: readonly string[] = [],
): Promise<Notes> {
  const ids = await client.vendor.associated(ticket, "notes", signal);
  const unknown = ids.filter((id) => !known.includes(id));
  const notes = (await client.vendor.readNotes(unknown, wanted, signal)).filter(isByProgram);
  const marker = noteMarker(draft);
  const ofDraft = notes.filter(({ properties }) => properties.hs_note_body?.includes(marker)).toSorted(byId);
  learnAppId(client, ofDraft);
  return { ofDraft, ids };
}
