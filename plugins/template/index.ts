/** Template Desk: customers' messages by polling and by webhook, drafts as internal notes. */
import { z } from "zod";
import { type Context, defineConnector } from "../contract/connector.ts";
import type { ConnectorEventInput } from "../contract/events.ts";
import { secret } from "../contract/secret.ts";
import { createApi } from "../toolkit/api-client.ts";
import { htmlToPlain } from "../toolkit/html-text.ts";
import { historySkip, parseJson, rejected } from "../toolkit/items.ts";
import { noteHtml, noteMarker } from "../toolkit/note.ts";
import { isSignedBy } from "../toolkit/signature.ts";

const config = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe("Template Desk's address."),
  token: secret().describe("A token of its API."),
  webhookSecret: secret(16).describe("Signs its webhooks."),
});

/** Template Desk's own names end here. */
const messageSchema = z.object({
  id: z.int(),
  conversation_id: z.int(),
  subject: z.string().nullish(),
  html: z.string(),
  author: z.object({
    role: z.enum(["customer", "agent"]),
    name: z.string().optional(),
    email: z.string().optional(),
  }),
  created_at: z.iso.datetime(),
});
const pageSchema = z.object({ messages: z.array(z.looseObject({ id: z.int() })) });
const notesSchema = z.object({ notes: z.array(z.object({ id: z.int(), html: z.string() })) });

const pageSize = 100;

function toEvent(item: unknown, since: Date, raw: unknown = item): ConnectorEventInput {
  const parsed = messageSchema.safeParse(item);
  if (!parsed.success) return rejected("message-", item, parsed.error, raw);
  const { id, conversation_id, subject, html, author, created_at } = parsed.data;
  const { role, ...person } = author;
  const sentAt = new Date(created_at);
  const text = htmlToPlain(html) || "(no text)";
  const common = { externalId: `message-${id}`, threadId: String(conversation_id), text, sentAt };
  if (role === "agent") return { kind: "agent-reply", ...common, agent: person };
  const about = { requester: person, ...(subject && { subject }) };
  return { kind: "message", ...common, ...about, ...historySkip(sentAt, since) };
}

async function open(ctx: Context<z.output<typeof config>>) {
  const api = createApi(ctx.fetch, ctx.config.url, async () => `Bearer ${ctx.config.token.reveal()}`);
  return { api, since: () => ctx.since() };
}

export default defineConnector({
  name: "template-desk",
  core: "^1.3",
  config,
  cursor: z.object({ after: z.int() }),
  limits: { requests: 10, perMs: 1_000, concurrency: 4 },
  open,
  async check({ api }, signal) {
    await api.get("api/v1/account", z.unknown(), { signal });
    return { ok: true };
  },
  close: async () => undefined,
  pull: {
    async *pages({ api, since }, from, signal) {
      for (let after = from?.after ?? 0, isFirst = from === null; ; isFirst = false) {
        const query = { after, limit: pageSize };
        const { messages } = await api.get("api/v1/messages", pageSchema, { query, signal });
        const start = await since();
        after = messages.at(-1)?.id ?? after;
        // The first page counts although it is empty: from then on the source is read.
        if (messages.length > 0 || isFirst)
          yield { events: messages.map((message) => toEvent(message, start)), cursor: { after } };
        if (messages.length < pageSize) return; // The core calls again in two seconds.
      }
    },
  },
  push: {
    verify({ headers, body }, { webhookSecret }) {
      const { "desk-signature": given, "desk-delivery": id = "", "desk-time": time = "" } = headers;
      const isGenuine = isSignedBy(webhookSecret.reveal(), [`${id}.${time}.`, body], given, {
        encoding: "hex",
        prefix: "sha256=",
      });
      if (!isGenuine) return { ok: false, reason: "the signature is missing or wrong" };
      return { ok: true, replay: { id, at: new Date(Number(time) * 1_000) } };
    },
    parse: async ({ since }, { body }) => [toEvent(parseJson(body), await since(), body)],
  },
  deliver: {
    as: "internal-note",
    async put({ api }, draft, signal) {
      const conversation = `api/v1/conversations/${encodeURIComponent(draft.ticket.threadId)}`;
      // What is ours is looked for first: an attempt before this one may have written it.
      const { notes } = await api.get(`${conversation}/notes`, notesSchema, { signal });
      const before = notes.find(({ html }) => html.includes(noteMarker(draft)));
      if (before) return { externalId: String(before.id), created: false };
      const query = { after: draft.message.externalId.slice("message-".length), author: "agent" };
      const later = await api.get(`${conversation}/messages`, pageSchema, { query, signal });
      if (later.messages.length > 0) return { skipped: "answered" };
      const { status } = await api.get(conversation, z.object({ status: z.string() }), { signal });
      if (status === "closed") return { skipped: "closed" };
      const json = { html: noteHtml(draft) };
      const note = await api.send("POST", `${conversation}/notes`, z.object({ id: z.int() }), {
        json,
        signal,
      });
      return { externalId: String(note.id), created: true };
    },
  },
});
