/** Items as they come from the other side: read as JSON, and kept whole where they cannot be understood. */
import { hash } from "node:crypto";
import { inspect } from "node:util";
import { z } from "zod";
import { ConnectorError } from "../contract/errors.ts";
import type { ConnectorEventInput } from "../contract/events.ts";

const maxId = 512;
const maxReason = 2_000;

/** Clocks may differ by this much, in milliseconds. */
const slackMs = 120_000;

/**
 * `{ skip: "history" }` for a message from before the hub first read this source, and nothing for others: what is history
 * wants no draft.
 * @param since what `ctx.since()` gives
 */
export function historySkip(sentAt: Date, since: Date): { skip?: string } {
  return sentAt.getTime() < since.getTime() - slackMs ? { skip: "history" } : {};
}

/**
 * The JSON of a request's body, or of an item that was kept.
 * @throws ConnectorError of kind `permanent` (a webhook is answered with 422): what is no JSON now will never be
 */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ConnectorError("permanent", "The body is not JSON in UTF-8.", { cause });
  }
}

/**
 * An item for the quarantine, with its reason and its raw form, so that a later version can read it again (`pull.reread`).
 * Its externalId is the prefix and the item's own `id`, as if it had been read; an item without one is named by its content.
 * @param raw what is kept: bytes as they are, anything else as JSON. Default: the item
 */
export function rejected(
  prefix: string,
  item: unknown,
  error: Error,
  raw: unknown = item,
): ConnectorEventInput {
  const bytes = raw instanceof Uint8Array ? raw : new TextEncoder().encode(jsonOf(raw));
  const { id } = (item ?? {}) as { id?: unknown };
  const name =
    typeof id === "string" || typeof id === "number" ? `${id}` : hash("sha256", bytes).slice(0, 20);
  const externalId = storable(`${prefix}${name}`, maxId);
  return { kind: "rejected", externalId, reason: storable(reasonOf(error), maxReason), raw: bytes };
}

const reasonOf = (error: Error) => (error instanceof z.ZodError ? z.prettifyError(error) : error.message);

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return inspect(value); // Nested deeper than JSON can be written: its beginning has to do.
  }
}

const storable = (text: string, max: number) =>
  text.slice(0, max).toWellFormed().replaceAll("\u0000", "\ufffd");
