/** A helpdesk's connector for tests: posts bring messages, and a draft becomes a note that is looked up before it is written. */
import { z } from "zod";
import { defineConnector } from "../../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../../plugins/contract/errors.ts";

const posted = z.object({ externalId: z.string(), text: z.string() });

export default defineConnector({
  name: "desk",
  core: "^1",
  config: z.strictObject({ url: z.url().describe("Where the helpdesk is.") }),
  limits: { requests: 100_000, perMs: 1_000, concurrency: 64 },
  open: async (ctx) => ctx,
  check: async () => ({ ok: true }),
  close: async () => undefined,
  push: {
    verify: () => ({ ok: true }),
    async parse(_client, { body }) {
      const { externalId, text } = posted.parse(JSON.parse(Buffer.from(body).toString()));
      return [{ kind: "message", externalId, text, subject: "A question", requester: { name: "Ann" } }];
    },
  },
  deliver: {
    as: "internal-note",
    async put(ctx, draft, signal) {
      const externalId = draft.message.externalId;
      const note = `${ctx.config.url}/notes/${externalId}`;
      try {
        await ctx.fetch(note, { signal });
        return { externalId, created: false };
      } catch (error) {
        if (!isConnectorError(error) || error.status !== 404) throw error;
      }
      // Not tried again by itself: whether a note that got no answer was written, only a look tells.
      const body = JSON.stringify({ text: draft.text });
      const response = await ctx.fetch(note, { method: "PUT", signal, body, attempts: 1 });
      if (response.status !== 201) throw new ConnectorError("transient", "the note was not taken");
      return { externalId, created: true };
    },
  },
});
