/** What the fake answers, address by address. Each request is checked for all that the API's documents say, and for no more. */
import { z } from "zod";
import { customFieldId, groups } from "./fake-account.ts";
import { exportRoutes } from "./fake-exports.ts";
import {
  type Call,
  type Handler,
  json,
  notFound,
  type Reply,
  type Route,
  type RouteParts,
  Violation,
} from "./fake-route.ts";
import { none, ordered, paged, paging, shownComment, shownTicket } from "./fake-shapes.ts";
import { updateRoutes } from "./fake-updates.ts";

function ticketRoutes(parts: RouteParts): Route[] {
  const { account } = parts;
  const ticketOf = (id: string | undefined) => account.tickets.get(Number(id));
  const comments: Handler = (call, [id]) => {
    const ticket = ticketOf(id);
    if (!ticket) return notFound;
    const { some, next_page } = paged(ordered(ticket.comments, call.query), call, parts.origin());
    const authors = new Set(some.map(({ author_id }) => author_id));
    const users = [...authors].map((one) => account.users.get(one) ?? null);
    return json({
      comments: some.map((one) => shownComment(parts.origin(), one)),
      users,
      next_page,
      count: ticket.comments.length,
    });
  };

  const audits: Handler = (call, [id]) => {
    const ticket = ticketOf(id);
    if (!ticket) return notFound;
    const { some, next_page } = paged(ordered(ticket.audits, call.query), call, parts.origin());
    return json({ audits: some, next_page, count: ticket.audits.length });
  };

  return [
    {
      method: "GET",
      path: /^\/api\/v2\/tickets\/(\d+)$/,
      query: none,
      handle: (_, [id]) => {
        const ticket = ticketOf(id);
        return ticket ? json({ ticket: shownTicket(ticket) }) : notFound;
      },
    },
    {
      method: "GET",
      path: /^\/api\/v2\/tickets\/(\d+)\/comments$/,
      query: z.strictObject({
        ...paging,
        include: z.literal("users").optional(),
        include_inline_images: z.enum(["true", "false"]).optional(),
      }),
      handle: comments,
    },
    {
      method: "GET",
      path: /^\/api\/v2\/tickets\/(\d+)\/audits$/,
      query: z.strictObject({ page: paging.page, sort_order: paging.sort_order }),
      handle: audits,
    },
  ];
}

/** The custom field that the account has. */
const customField = {
  id: customFieldId,
  type: "tagger",
  title: "Kind",
  custom_field_options: [
    { name: "Complaint", value: "complaint" },
    { name: "Question", value: "question" },
  ],
};

function accountRoutes(parts: RouteParts): Route[] {
  const { account } = parts;
  const usersMany: Handler = ({ query }) => {
    const ids = (query.ids ?? "").split(",");
    if (ids.length > 100) throw new Violation("show_many: more than 100 ids");
    return json({ users: ids.flatMap((id) => account.users.get(Number(id)) ?? []) });
  };

  const suspended: Handler = (call) => {
    const { some, next_page } = paged(ordered(account.suspended, call.query), call, parts.origin());
    return json({ suspended_tickets: some, next_page, count: account.suspended.length });
  };

  return [
    { method: "GET", path: /^\/api\/v2\/users\/me$/, query: none, handle: () => json({ user: account.bot }) },
    {
      method: "GET",
      path: /^\/api\/v2\/users\/show_many$/,
      query: z.strictObject({ ids: z.string().regex(/^\d+(,\d+)*$/) }),
      handle: usersMany,
    },
    {
      method: "GET",
      path: /^\/api\/v2\/oauth\/tokens\/current$/,
      query: none,
      handle: () => {
        const scopes = parts.scopes();
        return scopes ? json({ token: { id: 1, scopes } }) : notFound;
      },
    },
    {
      method: "GET",
      path: /^\/api\/v2\/groups\/(\d+)$/,
      query: none,
      handle: (_, [id]) =>
        Object.values(groups).includes(Number(id))
          ? json({ group: { id: Number(id), name: "A group", deleted: parts.isDeletedGroup(Number(id)) } })
          : notFound,
    },
    {
      method: "GET",
      path: /^\/api\/v2\/ticket_fields\/(\d+)$/,
      query: none,
      handle: (_, [id]) => (Number(id) === customFieldId ? json({ ticket_field: customField }) : notFound),
    },
    {
      method: "GET",
      path: /^\/api\/v2\/deleted_tickets$/,
      query: z.strictObject({ ...paging, sort_by: z.enum(["id", "deleted_at", "created_at"]).optional() }),
      handle: (call) => {
        const all = ordered(account.deleted, call.query);
        const { some, next_page } = paged(all, call, parts.origin());
        return json({ deleted_tickets: some, next_page, count: all.length });
      },
    },
    {
      method: "GET",
      path: /^\/api\/v2\/suspended_tickets$/,
      query: z.strictObject({
        ...paging,
        sort_by: z.enum(["author_email", "cause", "created_at", "subject"]).optional(),
      }),
      handle: suspended,
    },
  ];
}

export function createRoutes(parts: RouteParts): (call: Call) => Reply {
  const routes = [
    ...exportRoutes(parts),
    ...ticketRoutes(parts),
    ...updateRoutes(parts),
    ...accountRoutes(parts),
  ];
  return (call) => {
    const route = routes.find(({ method, path }) => method === call.method && path.test(call.path));
    if (!route) throw new Violation(`there is no ${call.method} ${call.path}`);
    const query = route.query.safeParse(call.query);
    if (!query.success) throw new Violation(`${call.method} ${call.path}: ${z.prettifyError(query.error)}`);
    return route.handle(call, route.path.exec(call.path)?.slice(1) ?? []);
  };
}
