/** The fake account as a day's helpdesk: what people do there, and what can be read off it afterwards. */
import type { DayDesk, Happened } from "../../../core/testing/day/desk.ts";
import { createChance } from "../../../core/testing/day/random.ts";
import { anyMarker } from "../../../plugins/toolkit/note.ts";
import { externalIdOf } from "../map.ts";
import type { FakeAudit } from "./fake-model.ts";
import { startFakeZendesk } from "./fake-zendesk.ts";
import { configFor } from "./zendesk-world.ts";

const limit = { requests: 20_000, perMs: 60_000 };

/** Changes of ours to a field after a person had chosen its value. */
function overwrittenIn(audits: readonly FakeAudit[], me: number): string[] {
  const chosen = new Set<string>();
  const faults: string[] = [];
  for (const { author_id, ticket_id, events } of audits) {
    for (const { type, field_name = "" } of events) {
      if (type !== "Change" || field_name === "status") continue;
      if (author_id !== me) chosen.add(field_name);
      else if (chosen.has(field_name))
        faults.push(`ticket ${ticket_id}: ${field_name} was changed over a person's choice`);
    }
  }
  return faults;
}

export async function startZendeskDay(): Promise<DayDesk> {
  const fake = await startFakeZendesk({ limit, exportLagMs: 1_000 });
  const { account } = fake;
  const chance = createChance(7);
  const closed = new Map<number, number>();
  let part = 0;
  fake.fault = ({ method, path }) => {
    if (part === 0 || path === "/oauth/tokens" || !chance.in(part)) return null;
    if (method === "PUT" && chance.in(0.5)) return "drop";
    return chance.in(0.03) ? 429 : 503;
  };
  const happened = (ticketId: string): Happened[] => {
    const ticket = account.find(Number(ticketId));
    return ticket.audits.flatMap(({ events }) =>
      events.flatMap((event): Happened[] => {
        if (event.field_name === "status" && event.value === "solved")
          return [{ kind: "closed", id: "", text: "" }];
        const comment = ticket.comments.find(({ id }) => id === event.id);
        if (!comment) return [];
        const role = account.users.get(comment.author_id)?.role;
        const own = !comment.public && anyMarker.test(comment.html_body);
        const kind = own ? "note" : role === "end-user" ? "customer" : "agent";
        return [{ kind, id: externalIdOf(comment.id), text: comment.body ?? "" }];
      }),
    );
  };
  return {
    connector: {
      plugin: "zendesk",
      ...configFor(fake.url),
      pollSeconds: 8,
      fields: [{ field: "priority", from: "priority", minConfidence: 0 }],
    },
    customerWrites({ text, subject, ticketId }) {
      const written = account.customerWrites({
        text,
        subject,
        ...(ticketId !== undefined && { ticketId: Number(ticketId) }),
      });
      return { ticketId: String(written.ticketId), id: externalIdOf(written.commentId) };
    },
    agentReplies: (ticketId, text) => externalIdOf(account.agentReplies(Number(ticketId), text)),
    agentCloses(ticketId) {
      closed.set(Number(ticketId), Date.now());
      account.agentSets(Number(ticketId), { status: "solved" });
    },
    agentChooses: (ticketId, label) => account.agentSets(Number(ticketId), { priority: label }),
    happened,
    overwritten: () =>
      [...account.tickets.values()].flatMap(({ audits }) => overwrittenIn(audits, account.bot.id)),
    violations: () => [...fake.violations, ...fake.leaks.map((path) => `credentials went to ${path}`)],
    webhook(ticketId) {
      const body = fake.webhookBody("ticket.comment_added", Number(ticketId));
      return { body, headers: fake.sign(body) };
    },
    fail(share) {
      part = share;
    },
    expireTokens: () => fake.tokens.expire(),
    requests: () => ({ most: fake.limits.most(), limit: limit.requests, all: fake.requests.length }),
    close: () => fake.close(),
  };
}
