/** Setting a ticket's properties from labels, and never over a person's own choice. */
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";
import type { Field } from "./config.ts";
import { historyOf, isByPerson, type Ticket, ticketRequest, toTicket } from "./ticket.ts";
import { orNull } from "./vendor.ts";

/** What the labels ask for: those that are sure enough and have a value in HubSpot. */
function wishes(
  { fields }: HubspotClient,
  { labels }: OutgoingDraft,
): Array<{ field: Field; value: string }> {
  if (!labels) return [];
  return fields.flatMap((field) => {
    const { value: label, confidence } = labels[field.name];
    const value = Object.hasOwn(field.values, label) ? field.values[label] : undefined;
    return value !== undefined && confidence >= field.minConfidence ? [{ field, value }] : [];
  });
}

/**
 * Whether a property may be set. Free is one that nobody has set, and that no person has set or emptied; what we set
 * ourselves may be set anew.
 * @param appId ours, or null where it is not known: then nothing counts as ours
 */
function isFree(ticket: Ticket, property: string, appId: string | null): boolean {
  const history = historyOf(ticket, property);
  const value = ticket.object.properties[property] ?? "";
  if (history.some(isByPerson)) return false;
  if (value === "") return true;
  const [newest] = history;
  return appId !== null && newest?.sourceType.toUpperCase() === "INTEGRATION" && newest.sourceId === appId;
}

/**
 * Sets what the labels ask for, where it is free. HubSpot has no update on a condition, so the ticket is read right before.
 * A value that HubSpot will not take is told to the log: the draft is worth more.
 * @throws ConnectorError where it may work later
 */
export async function setProperties(
  client: HubspotClient,
  draft: OutgoingDraft,
  appId: string | null,
  signal: AbortSignal,
): Promise<void> {
  const wanted = wishes(client, draft);
  if (wanted.length === 0) return;
  const id = draft.ticket.threadId;
  const object = await orNull(client.vendor.readObject("tickets", id, ticketRequest(client), signal));
  if (!object) return;
  const ticket = toTicket(object);
  const free = wanted.filter(({ field: { property }, value }) => {
    return object.properties[property] !== value && isFree(ticket, property, appId);
  });
  if (free.length === 0) return;
  const properties = Object.fromEntries(free.map(({ field, value }) => [field.property, value]));
  try {
    await client.vendor.patchTicket(id, properties, signal);
  } catch (error) {
    const isFinal = kindOf(error) === "permanent" || (isConnectorError(error) && error.status === 403);
    if (!isFinal) throw error;
    client.ctx.log.warn(
      "HubSpot does not take the values of a ticket's properties: see `fields` in the config",
      {
        ticket: id,
        properties: Object.keys(properties),
        error: describeError(error),
      },
    );
  }
}
