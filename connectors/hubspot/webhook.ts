/** Webhooks: known to be genuine by their signature, then no more than hints of which tickets to read. */
import { hash } from "node:crypto";
import type { RawRequest, Verdict } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { parseJson } from "../../plugins/toolkit/items.ts";
import { isSignedBy } from "../../plugins/toolkit/signature.ts";
import type { HubspotClient } from "./client.ts";
import type { HubspotConfig } from "./config.ts";
import { ticketEvents } from "./events.ts";
import { inParallel } from "./parallel.ts";
import { type Hint, hintsSchema } from "./schemas.ts";
import { readTickets } from "./ticket.ts";
import { ifGiven } from "./vendor.ts";

/** As HubSpot asks of whoever takes its webhooks, in milliseconds. */
const longestAgeMs = 300_000;
/** HubSpot waits for five seconds: what is not read by then is left to the next poll. Milliseconds. */
const budgetMs = 4_000;
const concurrency = 10;
/** HubSpot's own number for tickets, by which webhooks of newer apps name them. */
const ticketType = "0-5";

/** The address that HubSpot signed: as it is written in the app, with or without a slash at its end. */
function signedAddresses(request: RawRequest, { publicUrl }: Pick<HubspotConfig, "publicUrl">): string[] {
  const seen = URL.parse(request.url);
  if (publicUrl === undefined) return [request.url];
  const path = `/connect/${request.company}/${request.instance}${request.path}`.replace(/\/$/, "");
  const search = seen?.search ?? "";
  return [`${publicUrl}${path}${search}`, `${publicUrl}${path}/${search}`];
}

/** Refuses all where the config has no client secret: nobody could tell a genuine webhook from a forged one. */
export function verify(request: RawRequest, config: HubspotConfig): Verdict {
  if (!config.clientSecret) return { ok: false, reason: "no clientSecret is set: webhooks are refused" };
  const time = request.headers["x-hubspot-request-timestamp"] ?? "";
  if (!/^\d{1,15}$/.test(time)) return { ok: false, reason: "it has no time" };
  if (Math.abs(Date.now() - Number(time)) > longestAgeMs)
    return { ok: false, reason: "it is too old, or from the future" };
  const secret = config.clientSecret.reveal();
  const given = request.headers["x-hubspot-signature-v3"];
  const isGenuine = signedAddresses(request, config).some((address) =>
    isSignedBy(secret, [request.method, address, request.body, time], given),
  );
  if (!isGenuine) return { ok: false, reason: "wrong signature" };
  // HubSpot gives webhooks no id of their own: the same bytes at the same time are the same one.
  const id = hash("sha256", Buffer.concat([Buffer.from(`${time} `), request.body]));
  return { ok: true, replay: { id, at: new Date(Number(time)) } };
}

/** What a hint leads to; all that says nothing of tickets and their messages is passed over. */
function targetOf({
  subscriptionType,
  objectTypeId,
  objectId,
}: Hint): { ticket: string } | { thread: string } | null {
  if (!objectId || !/^\d+$/.test(objectId)) return null;
  const [object, event] = subscriptionType.split(".");
  if (event === "deletion" || event === "privacyDeletion") return null;
  if (object === "ticket" || (object === "object" && objectTypeId === ticketType))
    return { ticket: objectId };
  return object === "conversation" ? { thread: objectId } : null;
}

type Leave = (what: { ticket?: string; thread?: string }, error: unknown) => [];

async function ticketsOf(
  client: HubspotClient,
  hints: ReadonlyArray<Hint | null>,
  leave: Leave,
  signal: AbortSignal,
): Promise<string[]> {
  const targets = hints.flatMap((hint) => (hint && targetOf(hint)) ?? []);
  const threads = new Set(targets.flatMap((target) => ("thread" in target ? [target.thread] : [])));
  const named = targets.flatMap((target) => ("ticket" in target ? [target.ticket] : []));
  const found = await inParallel([...threads], concurrency, async (id) => {
    try {
      // One that the token may not read is nothing that it reads otherwise.
      const thread = await ifGiven(client.vendor.thread(id, signal));
      return thread?.threadAssociations?.associatedTicketId ?? [];
    } catch (error) {
      return leave({ thread: id }, error);
    }
  });
  return [...new Set([...named, ...found.flat()])];
}

/**
 * Reads each ticket that a webhook tells of, once. What takes too long, or fails while others do not, is left to the poll.
 * @throws z.ZodError, or a ConnectorError of kind `permanent`, for a body that is no list of events
 */
export async function parse(client: HubspotClient, request: RawRequest): Promise<ConnectorEventInput[]> {
  const hints = hintsSchema.parse(parseJson(request.body));
  const { pushMs = budgetMs } = client.tuning;
  const late = AbortSignal.timeout(pushMs);
  const signal = AbortSignal.any([late, client.closing]);
  const failures: unknown[] = [];
  const leave: Leave = (what, error) => {
    client.closing.throwIfAborted();
    if (!late.aborted) failures.push(error);
    client.ctx.log.info("what a webhook tells of is left to the next poll", {
      ...what,
      error: late.aborted ? `it took longer than ${pushMs} ms` : describeError(error),
    });
    return [];
  };
  let read = 0;
  try {
    const ids = await ticketsOf(client, hints, leave, signal);
    const { tickets, broken } = await readTickets(client, ids, signal);
    const options = { skipStored: true, since: await client.ctx.since() };
    const events = await inParallel(tickets, concurrency, async (ticket) => {
      try {
        if (late.aborted) return leave({ ticket: ticket.id }, late.reason);
        const found = await ticketEvents(client, ticket, options, signal);
        read++;
        return found.events;
      } catch (error) {
        return leave({ ticket: ticket.id }, error);
      }
    });
    if (read === 0 && failures.length > 0) throw failures[0];
    return [...events.flat(), ...broken];
  } catch (error) {
    if (late.aborted) return leave({}, error);
    throw error;
  }
}
