/** A connector that keeps all rules: it passes the whole suite, and the broken ones differ from it in one thing each. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import {
  type Context,
  defineConnector,
  type ListedItem,
  type ListRequest,
  type OutgoingDraft,
  type RawRequest,
} from "../../contract/connector.ts";
import { ConnectorError } from "../../contract/errors.ts";
import type { ConnectorEventInput } from "../../contract/events.ts";
import { secret } from "../../contract/secret.ts";

export const referenceConfig = z.strictObject({
  url: z.url(),
  token: secret(8),
  webhookSecret: secret(8),
});

export type Client = Context<z.output<typeof referenceConfig>>;
export type Config = z.output<typeof referenceConfig>;

const commentSchema = z.object({
  id: z.int(),
  case: z.string().min(1),
  title: z.string(),
  body: z.string().min(1),
  by: z.enum(["customer", "staff", "bot"]),
  name: z.string(),
  email: z.string(),
  created: z.iso.datetime(),
});

const commentsSchema = z.array(z.looseObject({ id: z.int() }));
const notesSchema = z.array(z.object({ id: z.int(), key: z.string(), edited: z.boolean() }));
const caseSchema = z.object({ answered: z.boolean() });

/** The events of a comment: none for what we wrote ourselves, one for all others. */
export function toEvents(item: unknown): ConnectorEventInput[] {
  const parsed = commentSchema.safeParse(item);
  if (!parsed.success) {
    const externalId = `comment-${(item as { id?: unknown } | null)?.id}`;
    const raw = new TextEncoder().encode(JSON.stringify(item));
    return [{ kind: "rejected", externalId, reason: z.prettifyError(parsed.error).slice(0, 2_000), raw }];
  }
  const { id, case: threadId, title, body: text, by, name, email, created } = parsed.data;
  if (by === "bot") return [];
  const common = { externalId: `comment-${id}`, threadId, text, sentAt: new Date(created) };
  if (by === "staff") return [{ kind: "agent-reply", ...common, agent: { name } }];
  return [{ kind: "message", ...common, subject: title, requester: { name, email } }];
}

/** A comment as it is listed: where an event comes of it, and it was made in this time. */
export function toListed(item: unknown, { since, until }: ListRequest): ListedItem[] {
  const { data: at } = z.coerce.date().safeParse((item as { created?: unknown } | null)?.created);
  if (at && (at < since || at > until)) return [];
  return toEvents(item).map(({ externalId }) => ({ externalId, ...(at && { at }) }));
}

export interface CallOptions {
  method?: string;
  body?: object;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
  attempts?: number;
}

export async function call(client: Client, path: string, options: CallOptions = {}): Promise<unknown> {
  const { method = "GET", body, signal, headers, attempts = method === "GET" ? 3 : 1 } = options;
  const { url, token } = client.config;
  const response = await client.fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token.reveal()}`, "content-type": "application/json", ...headers },
    attempts,
    ...(signal && { signal }),
    ...(body && { body: JSON.stringify(body) }),
  });
  return response.json();
}

/** Comments after an id, raw as they came. */
export async function commentsAfter(client: Client, after: number, signal?: AbortSignal) {
  return commentsSchema.parse(await call(client, `/comments?after=${after}&limit=50`, { signal }));
}

export interface Signed {
  id: string;
  time: string;
  given: Buffer;
  expected: Buffer;
}

/** What a webhook brings to be believed, and what we expect of it. */
export function signatureOf({ headers, body }: RawRequest, { webhookSecret }: Config, over = body): Signed {
  const { "x-signature": signature = "", "x-id": id = "", "x-time": time = "" } = headers;
  const hmac = createHmac("sha256", webhookSecret.reveal()).update(`${id}.${time}.`).update(over);
  return { id, time, given: Buffer.from(signature, "hex"), expected: hmac.digest() };
}

export function isGenuine({ given, expected }: Signed): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

export const replayOf = ({ id, time }: Signed) => ({ id, at: new Date(Number(time) * 1_000) });

export function readBody({ body }: RawRequest): unknown {
  try {
    return commentSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch (cause) {
    if (cause instanceof z.ZodError) throw cause;
    throw new ConnectorError("permanent", "the body is no JSON: send it as documented");
  }
}

export const caseOf = ({ ticket }: Pick<OutgoingDraft, "ticket">) =>
  `/cases/${encodeURIComponent(ticket.threadId)}`;

/** Our notes, or replies, of a case. */
export async function notesOf(client: Client, path: string, signal?: AbortSignal) {
  return notesSchema.parse(await call(client, path, { signal }));
}

/** Writes once for each key. */
export async function writeOnce(
  client: Client,
  path: string,
  body: { key: string; text: string },
  signal?: AbortSignal,
) {
  const before = (await notesOf(client, path, signal)).find(({ key }) => key === body.key);
  if (before) return { externalId: String(before.id), created: false };
  const made = notesSchema.element.parse(await call(client, path, { method: "POST", body, signal }));
  return { externalId: String(made.id), created: true };
}

export const reference = defineConnector({
  name: "reference",
  core: "^1",
  config: referenceConfig,
  cursor: z.object({ after: z.int() }),
  limits: { requests: 1_000, perMs: 1_000, concurrency: 4 },
  open: async (context: Client) => context,
  async check(client, signal) {
    await call(client, "/me", { signal });
    return { ok: true };
  },
  close: async () => undefined,
  pull: {
    async *pages(client, from, signal) {
      for (let after = from?.after ?? 0; ; ) {
        const comments = await commentsAfter(client, after, signal);
        const last = comments.at(-1);
        if (!last) return;
        after = last.id;
        yield { events: comments.flatMap(toEvents), cursor: { after } };
      }
    },
    async *backfill(client, { since }, signal) {
      const events = (await commentsAfter(client, 0, signal)).flatMap(toEvents);
      const isWanted = (event: ConnectorEventInput) =>
        !since || !("sentAt" in event) || (event.sentAt ?? since) >= since;
      yield { events: events.filter(isWanted) };
    },
    async *list(client, window, signal) {
      for (let after = 0; ; ) {
        const comments = await commentsAfter(client, after, signal);
        const last = comments.at(-1);
        if (!last) return;
        after = last.id;
        yield comments.flatMap((comment) => toListed(comment, window));
      }
    },
    async reread(_client, raw) {
      return toEvents(JSON.parse(new TextDecoder().decode(raw)));
    },
  },
  push: {
    verify(request, config) {
      const signed = signatureOf(request, config);
      if (!isGenuine(signed)) return { ok: false, reason: "the signature is wrong" };
      return { ok: true, replay: replayOf(signed) };
    },
    parse: async (_client, request) => toEvents(readBody(request)),
  },
  serve: {
    handle: async (_client, { method, path }) =>
      method === "GET" && path === "/status" ? { status: 200, body: "it runs" } : null,
  },
  deliver: {
    as: "draft",
    async put(client, draft, signal) {
      const path = caseOf(draft);
      const { answered } = caseSchema.parse(await call(client, path, { signal }));
      if (answered) return { skipped: "answered" };
      return writeOnce(client, `${path}/notes`, { key: draft.idempotencyKey, text: draft.text }, signal);
    },
    async find(client, draft, signal) {
      const notes = await notesOf(client, `${caseOf(draft)}/notes`, signal);
      const there = notes.find(({ key }) => key === draft.idempotencyKey);
      return there ? { externalId: String(there.id) } : null;
    },
    async send(client, reply, signal) {
      await writeOnce(
        client,
        `${caseOf(reply)}/replies`,
        { key: reply.externalId, text: reply.text },
        signal,
      );
    },
  },
});
