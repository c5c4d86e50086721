/** Setting a ticket's properties from labels, and never over a person's own choice. */
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";
import type { Field } from "./config.ts";
import type { HistoryEntry } from "./schemas.ts";
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

const isOwn = ({ sourceType, sourceId }: HistoryEntry, appId: string) =>
  sourceType.toUpperCase() === "INTEGRATION" && sourceId === appId;

/**
 * Whether a property may be set. Free is one that nobody has set, and that no person has set or emptied; what we set
 * ourselves may be set anew.
 * @param appId ours
 */
function isFree(ticket: Ticket, property: string, appId: string): boolean {
  const history = historyOf(ticket, property);
  const value = ticket.object.properties[property] ?? "";
  if (history.some(isByPerson)) return false;
  if (value === "") return true;
  const [newest] = history;
  return newest !== undefined && isOwn(newest, appId);
}

/**
 * A person's choice that our value lies over: it was made between our look and our write. Undefined where there is none.
 * We never write where a person has chosen, so nothing else looks like this.
 */
function coveredChoice(ticket: Ticket, property: string, appId: string): string | undefined {
  const [newest, ...older] = historyOf(ticket, property);
  if (!newest || !isOwn(newest, appId)) return undefined;
  const person = older.find(isByPerson);
  // A person who empties a property has chosen too.
  const chosen = person && (person.value ?? "");
  return chosen === (newest.value ?? "") ? undefined : chosen;
}

async function read(client: HubspotClient, id: string, signal: AbortSignal): Promise<Ticket | null> {
  const object = await orNull(client.vendor.readObject("tickets", id, ticketRequest(client), signal));
  return object && toTicket(object);
}

/** Values that HubSpot will not take are told to the log: the draft is worth more. */
async function patch(
  client: HubspotClient,
  ticket: Ticket,
  properties: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.vendor.patchTicket(ticket.id, properties, signal);
  } catch (error) {
    const isFinal = kindOf(error) === "permanent" || (isConnectorError(error) && error.status === 403);
    if (!isFinal) throw error;
    client.ctx.log.warn(
      "HubSpot does not take the values of a ticket's properties: see `fields` in the config",
      { ticket: ticket.id, properties: Object.keys(properties), error: describeError(error) },
    );
  }
}

/**
 * Gives people back what they chose in the moment of our write; nothing while it is not known which writes are ours.
 * @param ticket with its history
 * @throws ConnectorError where it may work later
 */
export async function giveBack(client: HubspotClient, ticket: Ticket, signal: AbortSignal): Promise<void> {
  const { appId } = client.own;
  if (appId === null) return;
  const covered = client.fields.flatMap(({ property }) => {
    const value = coveredChoice(ticket, property, appId);
    return value === undefined ? [] : [[property, value] as const];
  });
  if (covered.length > 0) await patch(client, ticket, Object.fromEntries(covered), signal);
}

/**
 * Sets what the labels ask for, where it is free. HubSpot has no update on a condition, so the ticket was read right before,
 * and is once more right after: a choice that a person made in between is put back.
 * @param ticket with its history
 * @throws ConnectorError where it may work later
 */
export async function setProperties(
  client: HubspotClient,
  draft: OutgoingDraft,
  ticket: Ticket,
  signal: AbortSignal,
): Promise<void> {
  const wanted = wishes(client, draft);
  if (wanted.length === 0) return;
  const { appId } = client.own;
  if (appId === null) {
    // What we wrote could not be told from what others did, nor given back to a person who chose in that moment.
    client.ctx.log.warn("a ticket's properties are not set: HubSpot does not tell yet which app we are", {
      ticket: ticket.id,
    });
    return;
  }
  // An attempt before may have broken off between the two.
  await giveBack(client, ticket, signal);
  const free = wanted.filter(({ field: { property }, value }) => {
    return ticket.object.properties[property] !== value && isFree(ticket, property, appId);
  });
  if (free.length === 0) return;
  const properties = Object.fromEntries(free.map(({ field, value }) => [field.property, value]));
  await patch(client, ticket, properties, signal);
  const after = await read(client, ticket.id, signal);
  if (after) await giveBack(client, after, signal);
}
