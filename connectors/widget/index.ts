/** The `widget` connector: a chat window on the company's pages; drafts wait in the hub until an agent approves them. */
import type { Context } from "../../plugins/contract/connector.ts";
import { defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { widgetAssets } from "./assets.ts";
import type { WidgetConfig } from "./config.ts";
import { widgetConfig } from "./config.ts";
import { readPost, toMessage, visitorBody } from "./map.ts";
import type { WidgetClient } from "./serve.ts";
import { handle } from "./serve.ts";
import { foreignOrigin, sessionOf } from "./session.ts";

const noSession = "The session is missing or over: ask for a new one at /session.";

export const widget = defineConnector({
  name: "widget",
  core: "^1",
  config: widgetConfig,
  // Nothing outside is called: these are only wide enough never to be felt.
  limits: { requests: 10_000, perMs: 1_000, concurrency: 1_000 },
  open: async (ctx: Context<WidgetConfig>): Promise<WidgetClient> => ({ ctx, assets: widgetAssets() }),
  check: async ({ ctx }) => ({ ok: true, detail: `shown on ${ctx.config.origins.join(", ")}` }),
  close: async () => undefined,
  serve: { handle },
  push: {
    body: visitorBody,
    verify: (request, config) => {
      if (request.method !== "POST" || request.path !== "/messages") {
        return { ok: false, reason: "Visitors' messages are posted to /messages." };
      }
      const foreign = foreignOrigin(request);
      if (foreign !== undefined) return { ok: false, reason: foreign };
      const { company, instance } = request;
      return sessionOf({ company, instance, config }, request, Date.now()) === null
        ? { ok: false, reason: noSession }
        : { ok: true };
    },
    parse: async ({ ctx }, request) => {
      const session = sessionOf(ctx, request, Date.now());
      // Verified a moment ago; it can only have ended since.
      if (session === null) throw new ConnectorError("permanent", noSession);
      return [toMessage(visitorBody.parse(readPost(request.body)), session, ctx.config)];
    },
  },
  deliver: {
    as: "draft",
    put: async (_client, draft) => ({ externalId: draft.id, created: true }),
    // The frame reads the conversation itself, so an approved reply is there without being sent.
    send: async () => undefined,
  },
});
