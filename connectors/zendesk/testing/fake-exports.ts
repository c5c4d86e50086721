/** The fake's exports: changed tickets by cursor, and events by time; both keep back what is too new. */
import { z } from "zod";
import { type Handler, json, type Route, type RouteParts, Violation } from "./fake-route.ts";
import { count, shownTicket } from "./fake-shapes.ts";

/** Tickets in the order of their last changes. */
function visible({ account, exportLagMs }: RouteParts) {
  return [...account.tickets.values()]
    .filter(({ changedAt }) => changedAt <= Date.now() - exportLagMs)
    .sort((a, b) => a.change - b.change);
}

function exportTickets(parts: RouteParts): Handler {
  return ({ query }) => {
    if ((query.cursor === undefined) === (query.start_time === undefined))
      throw new Violation("export: expected either start_time or cursor");
    const isLate = query.start_time !== undefined && Number(query.start_time) > Date.now() / 1_000 - 60;
    if (isLate) return json({ error: "StartTimeTooRecent" }, 422);
    const from = query.cursor === undefined ? -1 : Number(Buffer.from(query.cursor, "base64").toString());
    if (!Number.isInteger(from)) throw new Violation(`export: the cursor ${query.cursor} is none of ours`);
    const startMs = Number(query.start_time ?? 0) * 1_000;
    const all = visible(parts).filter(({ change, changedAt }) => change > from && changedAt >= startMs);
    const some = all.slice(0, parts.exportPage);
    const last = some.at(-1)?.change ?? Math.max(from, 0);
    const after_cursor = Buffer.from(String(last)).toString("base64");
    const after_url = `${parts.origin()}/api/v2/incremental/tickets/cursor?cursor=${after_cursor}`;
    return json({
      tickets: some.map(shownTicket),
      after_cursor,
      after_url,
      end_of_stream: some.length === all.length,
    });
  };
}

function exportEvents({ account, exportLagMs }: RouteParts): Handler {
  return ({ query }) => {
    const start = Number(query.start_time);
    const audits = [...account.tickets.values()].flatMap((ticket) =>
      ticket.audits.map((audit) => ({ audit, ticket })),
    );
    const at = (audit: { created_at: string }) => new Date(audit.created_at).getTime();
    const there = audits
      .filter(({ audit }) => at(audit) >= start * 1_000 && at(audit) <= Date.now() - exportLagMs)
      .sort((a, b) => a.audit.id - b.audit.id);
    const shown = there.map(({ audit, ticket }) => ({
      id: audit.id,
      ticket_id: ticket.id,
      timestamp: at(audit) / 1_000,
      event_type: "Audit",
      child_events: audit.events.map((event) => {
        const comment = ticket.comments.find(({ id }) => id === event.id);
        if (!comment) return { id: event.id, event_type: event.type };
        const { author_id, created_at, public: isPublic, body, via } = comment;
        return {
          id: event.id,
          event_type: "Comment",
          type: "Comment",
          author_id,
          created_at,
          public: isPublic,
          body,
          via,
        };
      }),
    }));
    const end_time = Math.max(start, ...there.map(({ audit }) => at(audit) / 1_000));
    return json({
      ticket_events: shown,
      count: shown.length,
      end_of_stream: true,
      end_time,
      next_page: null,
    });
  };
}

export function exportRoutes(parts: RouteParts): Route[] {
  return [
    {
      method: "GET",
      path: /^\/api\/v2\/incremental\/tickets\/cursor$/,
      query: z.strictObject({ start_time: count.optional(), cursor: z.string().optional() }),
      handle: exportTickets(parts),
    },
    {
      method: "GET",
      path: /^\/api\/v2\/incremental\/ticket_events$/,
      query: z.strictObject({ start_time: count, include: z.literal("comment_events").optional() }),
      handle: exportEvents(parts),
    },
  ];
}
