/** Zammad: customers' articles by polling and by webhook, a draft as the ticket's shared draft. */
import { z } from "zod";
import { type Context, defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import { type ConnectorEventInput, maxTextLength } from "../../plugins/contract/events.ts";
import { secret } from "../../plugins/contract/secret.ts";
import { createApi, orGone } from "../../plugins/toolkit/api-client.ts";
import { type ChangesCursor, changes, changesCursor } from "../../plugins/toolkit/changes.ts";
import { htmlToPlain } from "../../plugins/toolkit/html-text.ts";
import { historySkip, parseJson, rejected } from "../../plugins/toolkit/items.ts";
import { isSealed, sealOf, textToHtml } from "../../plugins/toolkit/note.ts";
import { createPatience, noPatience } from "../../plugins/toolkit/patience.ts";
import { personOf } from "../../plugins/toolkit/person.ts";
import { cut, manyLines, oneLine } from "../../plugins/toolkit/plain.ts";
import { isSignedBy, xHubSignature } from "../../plugins/toolkit/signature.ts";

const config = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe("Zammad's address, such as https://help.example.com."),
  token: secret().describe("An access token of an agent, with the permission ticket.agent."),
  webhookSecret: secret(8).optional().describe("The webhook's HMAC SHA1 Signature Token, if there is one."),
  closedStates: z.array(z.string()).default(["closed", "merged"]).describe("States without drafts."),
});
/** Zammad's own names end here. An item is an article with its ticket, as a webhook has them. */
const text = z.string().catch("");
const replySchema = z.object({ id: z.int(), sender: z.string(), type: z.string(), internal: z.boolean() });
const lines = { from: text, reply_to: text, message_id: text, content_type: text, body: z.string() };
const more = { created_at: z.iso.datetime({ offset: true }), preferences: z.looseObject({}).catch({}) };
const ticketSchema = z.object({ id: z.int(), title: text, updated_at: z.iso.datetime({ offset: true }) });
const itemSchema = z.object({ ticket: ticketSchema, article: replySchema.extend({ ...lines, ...more }) });
const sharedSchema = z.object({ shared_draft_id: z.int().nullable(), assets: z.any() });
const isReply = ({ sender, internal, type }: z.output<typeof replySchema>) =>
  sender === "Agent" && !internal && type !== "note";
/** One event; none for notes, for what is internal, and for what Zammad has sent by itself. */
function toEvents(item: unknown, since: Date, raw: unknown = item): ConnectorEventInput[] {
  const { success, data, error } = itemSchema.safeParse(item);
  if (!success) return [rejected("article:", (item as { article?: unknown } | null)?.article, error, raw)];
  const { ticket, article } = data;
  const isHtml = article.content_type.includes("html");
  const plain = (part: string) => cut(isHtml ? htmlToPlain(part) : manyLines(part).trim(), maxTextLength);
  const [fresh = "", rest = ""] = article.body.split(/<span class="js-signatureMarker">(.*)/s).map(plain);
  const words = { text: fresh || plain(article.body) || "(no text)", quoted: fresh && rest };
  const sentAt = new Date(article.created_at);
  const base = { externalId: `article:${article.id}`, threadId: `${ticket.id}`, ...words, sentAt };
  const requester = personOf(article.from);
  if (isReply(article)) return [{ kind: "agent-reply", ...base, agent: requester }];
  if (article.sender !== "Customer" || article.internal) return [];
  const skip = article.preferences["is-auto-response"] ? { skip: "automatic" } : historySkip(sentAt, since);
  const to = personOf(article.reply_to).email ?? requester.email ?? "";
  const sourceData = { type: to ? "email" : article.type, to, in_reply_to: article.message_id };
  return [{ kind: "message", ...base, subject: oneLine(ticket.title, 500), requester, sourceData, ...skip }];
}
async function open(ctx: Context<z.output<typeof config>>) {
  const api = createApi(ctx.fetch, ctx.config.url, async () => `Token token=${ctx.config.token.reveal()}`);
  return { api, closedStates: ctx.config.closedStates, since: () => ctx.since(), patience: createPatience() };
}
type Client = Awaited<ReturnType<typeof open>>;
const pageSize = 50;
const hasty = (client: Client): Client => ({ ...client, patience: noPatience });
/** By a condition, which asks Zammad's database: a query asks its search index, which lags behind or is not there. */
const when = "condition[ticket.updated_at]";
const changed = `api/v1/tickets/search?${when}[operator]=after (absolute)&${when}[value]=`;
const order = { sort_by: "updated_at,id", order_by: "asc,asc", expand: true, per_page: pageSize };
const articlesAt = (id: string | number) => `api/v1/ticket_articles/by_ticket/${encodeURIComponent(id)}`;
/** A ticket's events; it goes to quarantine where it is too large, or where it alone is refused for ten minutes. */
async function eventsOf(client: Client, ticket: { id: number }, since: Date, signal?: AbortSignal) {
  try {
    const all = await client.api.get(articlesAt(ticket.id), z.array(z.unknown()), { maxBytes: 1e8, signal });
    client.patience.had("ticket", ticket.id);
    return all.flatMap((article) => toEvents({ ticket, article }, since));
  } catch (error) {
    if (!isConnectorError(error) || (error.kind !== "permanent" && error.status !== 403)) throw error;
    if (!error.status || client.patience.isOver("ticket", ticket.id, true))
      return [rejected("ticket:", ticket, error)];
    throw new ConnectorError("transient", error.message);
  }
}
/** Pages of the events of tickets that have changed. @param all whether older messages want drafts, too */
async function* follow(client: Client, from: ChangesCursor | Date | null, signal: AbortSignal, all = false) {
  const start = all ? new Date(0) : await client.since();
  const load = (at: Date, page: number) =>
    client.api.get(changed + at.toISOString(), z.array(ticketSchema), { query: { ...order, page }, signal });
  const timeOf = ({ updated_at }: z.output<typeof ticketSchema>) => updated_at;
  for await (const { items, cursor } of changes({ from: from ?? start, load, timeOf, pageSize })) {
    const events = items.map((ticket) => eventsOf(client, ticket, start, signal));
    yield { events: (await Promise.all(events)).flat(), cursor };
  }
}

export const zammad = defineConnector({
  name: "zammad",
  core: "^1.3",
  config,
  cursor: changesCursor,
  limits: { requests: 20, perMs: 1_000, concurrency: 4 },
  open,
  async check({ api }, signal) {
    const { login } = await api.get("api/v1/users/me", z.object({ login: z.string() }), { signal });
    await api.get("api/v1/tickets?per_page=1", z.array(z.unknown()), { signal });
    return { ok: true, detail: `signed in as ${login}` };
  },
  close: async () => undefined,
  pull: {
    pages: follow,
    async *backfill(client, { since, path, only }, signal) {
      if (path !== null) throw new ConnectorError("config", "Zammad has no export files: leave the path out");
      for await (const { events } of follow(hasty(client), since ?? new Date(0), signal, !only))
        yield { events: events.filter((one) => !("sentAt" in one && since) || Number(one.sentAt) >= +since) };
    },
    reread: async (_client, raw) => toEvents(parseJson(raw), new Date(0), raw),
  },
  push: {
    verify({ headers: { "x-hub-signature": given }, body }, { webhookSecret }) {
      const isGenuine = isSignedBy(webhookSecret?.reveal() ?? "", [body], given, xHubSignature);
      return isGenuine ? { ok: true } : { ok: false, reason: "the signature is missing or wrong" };
    },
    async parse(client, { body }) {
      const [item, since] = [parseJson(body), await client.since()];
      const own = toEvents(item, since, body);
      const ticket = itemSchema.safeParse(item).data?.ticket;
      const all = ticket ? await eventsOf(hasty(client), ticket, since) : own;
      return all.some(({ externalId }) => externalId === own[0]?.externalId) ? all : own;
    },
  },
  deliver: {
    as: "draft",
    async put({ api, closedStates }, draft, signal) {
      const ticket = `api/v1/tickets/${encodeURIComponent(draft.ticket.threadId)}`;
      const looking = Promise.all([
        api.get(articlesAt(draft.ticket.threadId), z.array(replySchema), { maxBytes: 1e8, signal }),
        api.get(`${ticket}?expand=true`, z.object({ state: text }), { signal }),
        api.get(`${ticket}/shared_draft`, sharedSchema, { signal }),
      ]);
      const looked = await orGone(looking);
      if (!looked) throw new ConnectorError("permanent", "the ticket is gone, or not ours to change");
      const [articles, { state }, { shared_draft_id: id, assets }] = looked;
      const answered = Number(draft.message.externalId.slice("article:".length));
      if (articles.some((one) => one.id > answered && isReply(one))) return { skipped: "answered" };
      if (closedStates.includes(state)) return { skipped: "closed" };
      const there = assets?.TicketSharedDraftZoom?.[String(id)]?.new_article;
      if (id !== null && !isSealed(there?.deskwire ?? "", there?.body ?? "")) return { skipped: "edited" };
      const html = { body: textToHtml(draft.text), content_type: "text/html", internal: false };
      const deskwire = sealOf(draft, html.body);
      if (there?.deskwire === deskwire) return { externalId: String(id), created: false };
      const json = { new_article: { ...draft.message.sourceData, ...html, deskwire }, ticket_attributes: {} };
      const made = await api.send("PUT", `${ticket}/shared_draft`, sharedSchema, { json, signal });
      return { externalId: String(made.shared_draft_id), created: true };
    },
  },
});
