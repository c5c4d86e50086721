/** Events of a page as connectors hand them over: one that breaks the contract becomes a rejected one, so that its page goes on. */
import { z } from "zod";
import { type ConnectorEvent, connectorEventSchema, type Rejected } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import { storable } from "../lib/text.ts";

export function toRejected(externalId: string, reason: string, raw?: Uint8Array<ArrayBuffer>): Rejected {
  return {
    kind: "rejected",
    externalId: storable(externalId, 512),
    reason: storable(reason, 2_000),
    ...(raw && { raw }),
  };
}

/** The event as JSON for whoever looks into it; files are left out, and what has no JSON form is shown as text. */
function toRaw(input: unknown): Uint8Array<ArrayBuffer> {
  const shown = (_key: string, value: unknown) => {
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    return typeof value === "bigint" ? String(value) : value;
  };
  let text: string;
  try {
    text = JSON.stringify(input, shown) ?? String(input);
  } catch (error) {
    text = `not to be shown: ${String(error)}`;
  }
  return new TextEncoder().encode(text);
}

/** @param input what a connector handed over; its type is a promise that a plugin may break */
export function readEvent(input: unknown, index: number): ConnectorEvent {
  const parsed = connectorEventSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const given = (input as { externalId?: unknown } | null | undefined)?.externalId;
  const externalId = typeof given === "string" && given.length > 0 ? given : `unnamed-${newId()}-${index}`;
  const reason = `the connector handed over an event that breaks the contract: ${z.prettifyError(parsed.error)}`;
  return toRejected(externalId, reason, toRaw(input));
}
