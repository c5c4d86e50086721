/** The notes of a ticket, and which of them are ours. */
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { anyMarker, noteMarker } from "../../plugins/toolkit/note.ts";
import type { HubspotClient } from "./client.ts";
import type { CrmObject } from "./schemas.ts";

const wanted = ["hs_note_body", "hs_object_source", "hs_object_source_id"];

export interface Notes {
  /** The ids of the notes for this draft, the smallest first. */
  readonly ofDraft: readonly string[];
  /** Our app's id as HubSpot writes it down with all that we write; null where no note of ours tells. */
  readonly appId: string | null;
}

/** An agent may have copied a draft, marker and all, into a note of their own. */
function isByProgram({ properties }: CrmObject): boolean {
  const source = properties.hs_object_source ?? "";
  return !/^(CRM_UI|MOBILE)/i.test(source);
}

/** Ids are numbers that grow. */
const byId = (a: string, b: string) => a.length - b.length || (a < b ? -1 : 1);

/** Reads what belongs to the ticket, not what a search finds: that learns of new notes late. */
export async function readNotes(
  client: HubspotClient,
  ticket: CrmObject,
  draft: Pick<OutgoingDraft, "idempotencyKey">,
  signal: AbortSignal,
): Promise<Notes> {
  const ids = await client.vendor.associated(ticket, "notes", signal);
  const notes = (await client.vendor.readNotes(ids, wanted, signal)).filter(isByProgram);
  const ours = notes.filter(({ properties }) => anyMarker.test(properties.hs_note_body ?? ""));
  const marker = noteMarker(draft);
  const appId = ours
    .filter(({ properties }) => properties.hs_object_source?.toUpperCase() === "INTEGRATION")
    .map(({ properties }) => properties.hs_object_source_id)
    .find((id) => id);
  return {
    ofDraft: ours
      .filter(({ properties }) => properties.hs_note_body?.includes(marker))
      .map(({ id }) => id)
      .toSorted(byId),
    appId: appId ?? null,
  };
}
