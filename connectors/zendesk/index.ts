/** The `zendesk` connector: customers' comments in, drafts as internal notes on their ticket. */
import { z } from "zod";
import type { Context } from "../../plugins/contract/connector.ts";
import { defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { check } from "./check.ts";
import { type Client, openClient, quotaOf } from "./client.ts";
import { type ZendeskConfig, zendeskConfig } from "./config.ts";
import { handOver } from "./conversation.ts";
import { findNote, putNote } from "./deliver.ts";
import { list } from "./list.ts";
import { suspendedToEvent } from "./map.ts";
import { backfill, historyBefore, pages, zendeskCursor } from "./pull.ts";
import { hintSchema, rawCommentSchema, suspendedSchema, userSchema } from "./schema.ts";
import { parse, verify } from "./webhook.ts";

/** An item of the quarantine, as `map.ts` keeps it. */
const keptSchema = z.union([
  z.looseObject({
    comment: rawCommentSchema,
    ticket: z.looseObject({ id: z.int(), subject: z.string().nullish(), requester_id: z.int().nullish() }),
    author: userSchema.nullable(),
  }),
  z.looseObject({ suspended: suspendedSchema }),
]);

async function reread(client: Client, raw: Uint8Array, signal: AbortSignal): Promise<ConnectorEventInput[]> {
  const kept = keptSchema.safeParse(JSON.parse(new TextDecoder().decode(raw)));
  if (!kept.success) throw new ConnectorError("permanent", "the item is none that this connector has kept");
  if ("suspended" in kept.data) return [suspendedToEvent(kept.data.suspended as never)];
  const { comment, ticket, author } = kept.data as Extract<typeof kept.data, { comment: unknown }>;
  const options = { historyBefore: await historyBefore(client), signal };
  const event = await handOver(client, comment, { ticket, author }, options);
  if (!event) throw new ConnectorError("permanent", "the comment is neither a customer's nor an agent's");
  return [event];
}

export const zendesk = defineConnector({
  name: "zendesk",
  core: "^1.3",
  config: zendeskConfig,
  cursor: zendeskCursor,
  // The largest plan's: the account's own is kept to by `quota`.
  limits: { requests: 2_500, perMs: 60_000, concurrency: 12 },
  quota: quotaOf,
  open: async (ctx: Context<ZendeskConfig>) => openClient(ctx),
  check,
  close: async () => undefined,
  pull: { pages, backfill, list, reread },
  push: { body: hintSchema, verify, parse },
  deliver: { as: "internal-note", put: putNote, find: findNote },
});
