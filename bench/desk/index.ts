/** A helpdesk's connector as it is usual: signed webhooks bring messages, drafts become internal notes. For benchmarks. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { defineConnector } from "../../plugins/contract/connector.ts";
import { secret } from "../../plugins/contract/secret.ts";

/** Where the signature of a webhook stands: HMAC-SHA-256 over the body, as hex. */
export const signatureHeader = "x-desk-signature";

const posted = z.object({
  externalId: z.string(),
  subject: z.string(),
  text: z.string(),
  requester: z.object({ name: z.string(), email: z.string() }),
});

const noted = z.object({ created: z.boolean() });

export function sign(key: string, body: Uint8Array | string): string {
  return createHmac("sha256", key).update(body).digest("hex");
}

export default defineConnector({
  name: "desk",
  core: "^1",
  config: z.strictObject({
    url: z.url().describe("Where the helpdesk's API is."),
    secret: secret(16).describe("What webhooks are signed with."),
  }),
  limits: { requests: 100_000, perMs: 1_000, concurrency: 256 },
  open: async (ctx) => ctx,
  check: async () => ({ ok: true }),
  close: async () => undefined,
  push: {
    verify({ headers, body }, config) {
      const given = Buffer.from(headers[signatureHeader] ?? "");
      const expected = Buffer.from(sign(config.secret.reveal(), body));
      const genuine = given.length === expected.length && timingSafeEqual(given, expected);
      return genuine ? { ok: true } : { ok: false, reason: "the signature does not fit" };
    },
    async parse(_client, { body }) {
      return [{ kind: "message", ...posted.parse(JSON.parse(Buffer.from(body).toString())) }];
    },
  },
  deliver: {
    as: "internal-note",
    async put(ctx, draft, signal) {
      const id = draft.message.externalId;
      const response = await ctx.fetch(`${ctx.config.url}/api/v2/tickets/${id}.json`, {
        method: "PUT",
        signal,
        headers: { "content-type": "application/json", "idempotency-key": draft.idempotencyKey },
        body: JSON.stringify({ ticket: { comment: { body: draft.text, public: false } } }),
      });
      const { created } = noted.parse(await response.json());
      return { externalId: id, created };
    },
  },
});
