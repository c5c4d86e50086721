/** The `email` connector: a mailbox as a helpdesk, read over IMAP, with drafts in its own Drafts folder. */
import { defineConnector } from "../../plugins/contract/connector.ts";
import type { EmailClient } from "./client.ts";
import { emailConfig } from "./config.ts";
import { imapCursorSchema } from "./imap/cursor.ts";

/** The libraries for mail weigh more than a whole node without them: they are loaded with the first mailbox. */
const work = () => import("./work.ts");

export const email = defineConnector({
  name: "email",
  core: "^1.2",
  config: emailConfig,
  cursor: imapCursorSchema,
  // One connection does all deliveries, one after the other: this only bounds how fast.
  limits: { requests: 200, perMs: 1_000, concurrency: 4 },
  open: async (ctx): Promise<EmailClient> => (await work()).openClient(ctx),
  check: async (client, signal) => (await work()).check(client, signal),
  async close({ delivery, reader }) {
    await Promise.all([delivery.mailbox.close(), reader.close()]);
  },
  pull: {
    async *pages(client, from, signal) {
      yield* (await work()).pages(client, from, signal);
    },
    async *backfill(client, request, signal) {
      yield* (await work()).backfill(client, request, signal);
    },
    async *list(client, request, signal) {
      yield* (await work()).list(client, request, signal);
    },
    reread: async (client, raw) => (await work()).reread(client, raw),
  },
  deliver: {
    as: "draft",
    put: async (client, draft, signal) => (await work()).put(client, draft, signal),
    send: async (client, reply, signal) => (await work()).send(client, reply, signal),
  },
});
