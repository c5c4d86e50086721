/** Tickets that HubSpot does not give: after some tries they are set aside, so that they do not keep all others from being read. */
import { describeError, kindOf } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";

/** So often a ticket may fail while others do not. */
const mostTries = 6;

/** @param hasEntries whether HubSpot gave more than the ticket itself */
export function noteRead({ conversations, odd }: HubspotClient, ticketId: string, hasEntries: boolean): void {
  if (hasEntries) conversations.read++;
  if (odd.get(ticketId)) odd.set(ticketId, { tries: 0, read: 0 });
}

/**
 * Why a ticket will not be had by asking again; null where it may be: trouble with all conversations is no fault of this one.
 * To be called once for each failure.
 */
export function lastingFault(
  { conversations, odd }: HubspotClient,
  ticketId: string,
  error: unknown,
  signal: AbortSignal,
): string | null {
  if (signal.aborted) return null;
  if (kindOf(error) === "permanent") return describeError(error);
  if (kindOf(error) !== "transient") return null;
  const before = odd.get(ticketId);
  const tries = (before?.tries ?? 0) + 1;
  const read = before && before.tries > 0 ? before.read : conversations.read;
  odd.set(ticketId, { tries, read });
  const isAlone = tries >= mostTries && conversations.read > read;
  return isAlone ? `it failed ${tries} times: ${describeError(error)}` : null;
}
