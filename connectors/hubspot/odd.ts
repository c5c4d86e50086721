/** Tickets that HubSpot does not give: after some tries they are set aside, so that they do not keep all others from being read. */
import { describeError, kindOf } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";

/** So often a ticket may fail while others do not. */
const mostTries = 6;
/** And for so long at least: with webhooks, a trouble of some seconds makes as many tries. Milliseconds. */
const leastMs = 5 * 60_000;

/**
 * Why a ticket is set aside, and as what. `ticket` stands in quarantine for the ticket's own text, which is then known.
 * `ticket-read` is an attempt that failed: whatever the ticket holds counts as missing still, and is fetched later.
 */
export interface Fault {
  readonly whole: "ticket" | "ticket-read";
  readonly reason: string;
}

/** @param hasEntries whether HubSpot gave more than the ticket itself */
export function noteRead({ conversations, odd }: HubspotClient, ticketId: string, hasEntries: boolean): void {
  if (hasEntries) conversations.read++;
  if (odd.get(ticketId)) odd.set(ticketId, { tries: 0, read: 0, since: 0 });
}

/**
 * Why a ticket will not be had by asking again; null where it may be: trouble with all conversations is no fault of this one.
 * To be called once for each failure.
 */
export function lastingFault(
  { conversations, odd, tuning }: HubspotClient,
  ticketId: string,
  error: unknown,
  signal: AbortSignal,
): Fault | null {
  if (signal.aborted) return null;
  if (kindOf(error) === "permanent") return { whole: "ticket", reason: describeError(error) };
  if (kindOf(error) !== "transient") return null;
  const known = odd.get(ticketId);
  const first = known && known.tries > 0 ? known : { tries: 0, read: conversations.read, since: Date.now() };
  const tries = first.tries + 1;
  odd.set(ticketId, { ...first, tries });
  const isLong = Date.now() - first.since >= (tuning.oddMs ?? leastMs);
  const isAlone = tries >= mostTries && isLong && conversations.read > first.read;
  return isAlone
    ? { whole: "ticket-read", reason: `it failed ${tries} times: ${describeError(error)}` }
    : null;
}
