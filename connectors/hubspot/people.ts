/** Who writes, where a message does not tell. */
import type { Person } from "../../plugins/contract/events.ts";
import { oneLine } from "../../plugins/toolkit/plain.ts";
import type { HubspotClient } from "./client.ts";
import type { Actor } from "./schemas.ts";
import type { Ticket } from "./ticket.ts";
import { ifGiven } from "./vendor.ts";

/** What HubSpot tells of someone whose message does not; nothing where it does not know either. */
export async function lookUp(
  client: HubspotClient,
  { actorId, name, deliveryIdentifier }: Actor,
  signal: AbortSignal,
) {
  if (!actorId || (name && deliveryIdentifier?.type === "HS_EMAIL_ADDRESS")) return {};
  // An agent's address is nobody's business, and a mail's sender has no more than its address.
  if (actorId.startsWith("E-") || (actorId.startsWith("A-") && name)) return {};
  const known = client.actors.get(actorId);
  if (known) return known;
  // A name is worth less than the message that it goes with.
  const actor = await ifGiven(client.vendor.actor(actorId, signal));
  const found = {
    ...(actor?.name && { name: actor.name }),
    ...(actor?.email && { email: actor.email }),
  };
  client.actors.set(actorId, found);
  return found;
}

/** Who a ticket is from, where no message tells: the first of its contacts. Nobody where HubSpot does not say. */
export async function contactOf(client: HubspotClient, ticket: Ticket, signal: AbortSignal): Promise<Person> {
  const request = { properties: ["subject"], associations: "contacts" };
  const withContacts = await ifGiven(client.vendor.readObject("tickets", ticket.id, request, signal));
  const found = Object.values(withContacts?.associations ?? {}).flatMap(({ results }) => results);
  const id = found[0]?.id;
  if (id === undefined) return {};
  const wanted = { properties: ["firstname", "lastname", "email"] };
  const contact = await ifGiven(client.vendor.readObject("contacts", id, wanted, signal));
  if (!contact)
    client.ctx.log.warn("HubSpot does not show a contact: its message comes without a name", { contact: id });
  const { firstname, lastname, email } = contact?.properties ?? {};
  const name = oneLine([firstname, lastname].filter(Boolean).join(" "), 320);
  const address = oneLine(email ?? "", 320);
  return { externalId: id, ...(name !== "" && { name }), ...(address !== "" && { email: address }) };
}
