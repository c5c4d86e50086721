/** The `hubspot` connector: tickets and their conversations by webhooks and polling, drafts as notes on the tickets. */
import { defineConnector } from "../../plugins/contract/connector.ts";
import { check } from "./check.ts";
import { openClient } from "./client.ts";
import { hubspotConfig, quotaOf } from "./config.ts";
import { find, put } from "./deliver.ts";
import { backfill, hubspotCursor, list, pages, reread } from "./pull.ts";
import { parse, verify } from "./webhook.ts";

export const hubspot = defineConnector({
  name: "hubspot",
  core: "^1.3",
  config: hubspotConfig,
  cursor: hubspotCursor,
  // More than any account allows: its own limits are kept by `quota`.
  limits: { requests: 5_000, perMs: 10_000, concurrency: 10 },
  quota: quotaOf,
  open: async (ctx, signal) => openClient(ctx, signal),
  check,
  close: async () => undefined,
  pull: { pages, backfill, list, reread },
  push: { verify, parse },
  deliver: { as: "internal-note", put, find },
});
