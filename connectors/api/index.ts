/** The `api` connector: messages by `POST /v1/messages`; drafts by a signed POST to the company's own URL, or kept for GET. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Context, Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import { defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { storableText } from "../../plugins/contract/events.ts";
import type { Secret } from "../../plugins/contract/secret.ts";
import { secret } from "../../plugins/contract/secret.ts";
import { draftJson, idFromAnswer, messageBody, readJson, replyJson, toMessage } from "./map.ts";
import { signedHeaders } from "./signature.ts";

/** Headers that this connector writes itself. */
const ownHeaders = new Set(["content-type", "content-length", "host", "idempotency-key", "user-agent"]);

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, "expected a header's name")
  .refine((name) => !ownHeaders.has(name.toLowerCase()) && !name.toLowerCase().startsWith("webhook-"), {
    error: "Deskwire sets this header itself",
  });

export const apiConfig = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "expected an http:// or https:// address" })
      .optional()
      .describe("Where drafts are posted. Without it they are kept, and read with GET /v1/tickets/{id}."),
    secret: secret(24)
      .optional()
      .describe("Signs the posts; needed with url. Best: whsec_ and 32 random bytes in base64."),
    timeoutMs: z.int().min(500).max(120_000).default(15_000).describe("Milliseconds for one post."),
    headers: z
      .record(headerName, secret())
      .default({})
      .describe("More headers for the posts, such as Authorization for a gateway in front."),
  })
  .superRefine((config, ctx) => {
    if (config.url !== undefined && config.secret === undefined) {
      ctx.addIssue({
        code: "custom",
        path: ["secret"],
        message: "needed with url: without it the receiver cannot tell Deskwire's posts from forged ones",
      });
    }
  });

type ApiContext = Context<z.output<typeof apiConfig>>;

const idempotencyKey = storableText(512).min(1);

function defaultId(header: string | undefined): string {
  if (header === undefined) return randomUUID();
  const checked = idempotencyKey.safeParse(header);
  if (checked.success) return checked.data;
  throw new ConnectorError("permanent", "The Idempotency-Key header must have 1 to 512 characters.");
}

interface Post {
  url: string;
  secret: Secret;
  id: string;
  body: string;
}

async function post(
  ctx: ApiContext,
  { url, secret, id, body }: Post,
  signal: AbortSignal,
): Promise<Response> {
  const extra = Object.entries(ctx.config.headers).map(([name, value]) => [name, value.reveal()]);
  const answer = await ctx.fetch(url, {
    method: "POST",
    // A redirect would carry the customer's words to an address that nobody configured.
    redirect: "manual",
    headers: {
      ...Object.fromEntries(extra),
      ...signedHeaders(secret.reveal(), id, body, new Date()),
      "content-type": "application/json",
      "idempotency-key": id,
    },
    body,
    signal,
    timeoutMs: ctx.config.timeoutMs,
    attempts: 1, // The pipeline retries, with the same id.
  });
  if (answer.status >= 300) {
    await answer.body?.cancel();
    throw new ConnectorError(
      "permanent",
      `The drafts' url answers with a redirect (${answer.status}): write the final address into the config.`,
      { status: answer.status },
    );
  }
  return answer;
}

/** True where the receiver says that it has this id already. */
function alreadyThere(error: unknown): boolean {
  return isConnectorError(error) && error.status === 409;
}

async function putDraft(ctx: ApiContext, draft: OutgoingDraft, signal: AbortSignal): Promise<Delivered> {
  const { url, secret } = ctx.config;
  if (url === undefined || secret === undefined) return { externalId: draft.id, created: true };
  const id = draft.idempotencyKey;
  try {
    const answer = await post(ctx, { url, secret, id, body: draftJson(draft) }, signal);
    return { externalId: idFromAnswer(await answer.text()) ?? id, created: true };
  } catch (error) {
    if (alreadyThere(error)) return { externalId: id, created: false };
    throw error;
  }
}

export const api = defineConnector({
  name: "api",
  core: "^1",
  config: apiConfig,
  limits: { requests: 1_000, perMs: 1_000, concurrency: 64 },
  open: async (ctx: ApiContext) => ctx,
  check: async ({ config }) => ({
    ok: true,
    detail:
      config.url === undefined
        ? "no url: drafts are kept for GET /v1/tickets/{id}"
        : `the config is valid; ${new URL(config.url).host} is not called before the first draft`,
  }),
  close: async () => undefined,
  push: {
    body: messageBody,
    verify: (request) =>
      request.apiKey === undefined
        ? { ok: false, reason: "An API key of the company is needed: Authorization: Bearer <key>." }
        : { ok: true },
    parse: async (_client, request) => {
      const body = messageBody.parse(readJson(request.body, request.headers["content-type"]));
      return [toMessage(body, () => defaultId(request.headers["idempotency-key"]))];
    },
  },
  deliver: {
    as: "draft",
    put: putDraft,
    send: async (ctx, reply, signal) => {
      const { url, secret } = ctx.config;
      if (url === undefined || secret === undefined) return;
      try {
        await post(ctx, { url, secret, id: `reply:${reply.externalId}`, body: replyJson(reply) }, signal);
      } catch (error) {
        if (!alreadyThere(error)) throw error;
      }
    },
  },
});
