/** Event webhooks: verified over their raw bytes, and taken as hints of which ticket to read. */
import { hash } from "node:crypto";
import type { RawRequest, Verdict } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { isSignedBy } from "../../plugins/toolkit/signature.ts";
import { type Client, readTicket } from "./client.ts";
import type { ZendeskConfig } from "./config.ts";
import { readTicketEvents } from "./conversation.ts";
import { historyBefore, unlessGone } from "./pull.ts";
import { hintSchema } from "./schema.ts";

/** The signature is over the timestamp, followed by the body. */
export function verify({ headers, body }: RawRequest, { webhookSecret }: ZendeskConfig): Verdict {
  if (!webhookSecret) return { ok: false, reason: "no webhookSecret is set for this connector" };
  const timestamp = headers["x-zendesk-webhook-signature-timestamp"] ?? "";
  const at = new Date(timestamp);
  if (timestamp === "" || Number.isNaN(at.getTime()))
    return { ok: false, reason: "the signature has no time" };
  const signature = headers["x-zendesk-webhook-signature"];
  if (!isSignedBy(webhookSecret.reveal(), [timestamp, body], signature))
    return { ok: false, reason: "the signature does not match" };
  // The invocation's own id is not signed: whoever sends it again could choose another one.
  return { ok: true, replay: { id: `${timestamp}/${hash("sha256", body)}`, at } };
}

function readHint(body: Uint8Array) {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new ConnectorError("permanent", "The body is not JSON.");
  }
  return hintSchema.parse(json);
}

/** Reads the ticket that the webhook names, all that is not known of it: webhooks come late, twice, and in any order. */
export async function parse(client: Client, { body }: RawRequest): Promise<ConnectorEventInput[]> {
  const { type, detail } = readHint(body);
  const id = Number(detail.id);
  if (!type.startsWith("zen:event-type:ticket.") || !Number.isSafeInteger(id)) return [];
  const options = { historyBefore: await historyBefore(client), seen: client.seen.get(id)?.comments };
  const read = await unlessGone(client, id, async () =>
    readTicketEvents(client, await readTicket(client, id), options),
  );
  if (read) client.patience.had("comments", id);
  return read?.events ?? [];
}
