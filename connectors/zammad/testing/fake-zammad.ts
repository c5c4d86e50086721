/** A Zammad for tests, as far as its connector speaks to it: it keeps tickets, and objects to every request that is not documented. */
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { connectorId, createState, type FakeDraft, peopleOf, type State } from "./state.ts";

/** What Zammad's own form sends, and one more field, since it takes and keeps any. */
const newArticle = z.strictObject({
  type: z.enum(["email", "note", "phone", "sms", "telegram personal-message", "whatsapp message"]),
  to: z.string().optional(),
  cc: z.string().optional(),
  subject: z.string().optional(),
  in_reply_to: z.string().optional(),
  body: z.string().min(1),
  content_type: z.enum(["text/html", "text/plain"]),
  internal: z.boolean(),
  deskwire: z.string().optional(),
});
const draftBody = z.strictObject({
  form_id: z.string().optional(),
  new_article: newArticle,
  ticket_attributes: z.strictObject({
    state_id: z.string().optional(),
    owner_id: z.string().optional(),
  }),
});

const count = z.string().regex(/^[1-9]\d{0,5}$/);
const expand = z.literal("true").optional();
const searchQuery = z.strictObject({
  "condition[ticket.updated_at][operator]": z.literal("after (absolute)"),
  "condition[ticket.updated_at][value]": z.iso.datetime(),
  sort_by: z.literal("updated_at,id"),
  order_by: z.literal("asc,asc"),
  // Without it the answer has another form.
  expand: z.literal("true"),
  page: count,
  per_page: count.refine((value) => Number(value) <= 200),
});

type Answer = readonly [status: number, body: unknown];
const missing: Answer = [404, { error: "Couldn't find Ticket" }];

interface Call {
  query: Record<string, string>;
  body: unknown;
  id: number;
}

function sharedDraft(draft: FakeDraft | undefined): Answer {
  if (!draft) return [200, { shared_draft_id: null, assets: null }];
  const assets = { TicketSharedDraftZoom: { [draft.id]: draft }, User: {}, Ticket: {} };
  return [200, { shared_draft_id: draft.id, assets }];
}

/** Method and path, `:id` for a number, with what each takes and answers. A ZodError is a violation. */
function routesOf({ tickets, articles, drafts, saveDraft }: State) {
  const none = z.strictObject({});
  const routes: Record<string, (call: Call) => Answer> = {
    "GET /users/me": ({ query }) => {
      none.parse(query);
      return [200, { id: connectorId, login: "deskwire@example.com", active: true }];
    },
    "GET /tickets": ({ query }) => {
      const { per_page } = z.strictObject({ page: count.optional(), per_page: count }).parse(query);
      return [200, [...tickets.values()].slice(0, Number(per_page))];
    },
    "GET /tickets/search": ({ query }) => {
      const { page, per_page, ...condition } = searchQuery.parse(query);
      const since = condition["condition[ticket.updated_at][value]"];
      const found = [...tickets.values()]
        .filter(({ updated_at }) => updated_at >= since)
        .sort((a, b) => (a.updated_at === b.updated_at ? a.id - b.id : a.updated_at < b.updated_at ? -1 : 1));
      const start = (Number(page) - 1) * Number(per_page);
      return [200, found.slice(start, start + Number(per_page))];
    },
    "GET /tickets/:id": ({ query, id }) => {
      z.strictObject({ expand: z.literal("true") }).parse(query);
      const ticket = tickets.get(id);
      return ticket ? [200, ticket] : missing;
    },
    "GET /ticket_articles/by_ticket/:id": ({ query, id }) => {
      z.strictObject({ expand }).parse(query);
      return tickets.has(id) ? [200, articles.filter(({ ticket_id }) => ticket_id === id)] : missing;
    },
    "GET /tickets/:id/shared_draft": ({ query, id }) => {
      none.parse(query);
      return tickets.has(id) ? sharedDraft(drafts.get(id)) : missing;
    },
    "PUT /tickets/:id/shared_draft": ({ query, id, body }) => {
      none.parse(query);
      const { new_article, ticket_attributes } = draftBody.parse(body);
      if (!tickets.has(id)) return missing;
      saveDraft(id, connectorId, { new_article, ticket_attributes });
      return sharedDraft(drafts.get(id));
    },
  };
  return routes;
}

interface Door {
  token: string;
  violations: string[];
  /** Statuses that the next requests of a path's end are answered with. */
  refusals: Map<string, number>;
}

async function answer(
  request: IncomingMessage,
  routes: ReturnType<typeof routesOf>,
  door: Door,
): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const violate = (what: string, status: number): Answer => {
    door.violations.push(`${request.method} ${url.pathname}${url.search}: ${what}`);
    return [status, { error: what }];
  };
  const sent = await text(request);
  if (request.headers.authorization !== `Token token=${door.token}`)
    return [401, { error: "Invalid token!" }];
  const path = url.pathname.replace(/^\/api\/v1(?=\/)/, "");
  const [, before = "", id = "", part = ""] =
    /^(\/tickets|\/ticket_articles\/by_ticket)\/([^/]+)(\/\w+)?$/.exec(path) ?? [];
  const route = routes[`${request.method} ${path}`] ?? routes[`${request.method} ${before}/:id${part}`];
  if (!route || path === url.pathname) return violate("no route matches", 404);
  const refusal = [...door.refusals].find(([end]) => url.pathname.endsWith(end));
  if (refusal) return [refusal[1], { error: "Not authorized" }];
  const isJson = request.headers["content-type"] === "application/json";
  if (sent !== "" && (request.method === "GET" || !isJson)) return violate("an unexpected body", 400);
  const query = Object.fromEntries(url.searchParams);
  try {
    return route({ query, id: Number(id), body: sent === "" ? undefined : JSON.parse(sent) });
  } catch (error) {
    if (error instanceof z.ZodError) return violate(z.prettifyError(error), 422);
    throw error;
  }
}

/** Starts it on a free port. Close it, and look at `violations` before: they should be none. */
export async function startFakeZammad() {
  const state = createState();
  const door: Door = { token: "a-token-of-zammad", violations: [], refusals: new Map() };
  const routes = routesOf(state);
  const server = createServer(async (request, response) => {
    const [status, body] = await answer(request, routes, door);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const webhookSecret = "a-secret-of-its-webhooks";
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    webhookSecret,
    ...state,
    ...door,
    ...peopleOf(state),
    /** The headers of a webhook with this body. */
    signed: (body: Uint8Array) => ({
      "content-type": "application/json",
      "x-zammad-trigger": "Deskwire",
      "x-zammad-delivery": "6e6e9be8-6f0d-4f33-9a6b-2e1ba0a86b5d",
      "x-hub-signature": `sha1=${createHmac("sha1", webhookSecret).update(body).digest("hex")}`,
    }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type FakeZammad = Awaited<ReturnType<typeof startFakeZammad>>;
