/** The fake account as a day's helpdesk: what people do there, and what can be read off it afterwards. */
import type { DayDesk, Happened } from "../../../core/testing/day/desk.ts";
import { createChance } from "../../../core/testing/day/random.ts";
import { htmlToPlain } from "../../../plugins/toolkit/html-text.ts";
import { isByPerson } from "../ticket.ts";
import { type FakeHubspot, startFakeHubspot } from "./fake-hubspot.ts";
import type { FakeTicket } from "./fake-store.ts";
import { configOf, hintsOf } from "./hubspot-world.ts";

const hub = "https://hub.example.com";
const limits = { burst: { requests: 4_000, perMs: 10_000 }, search: { requests: 5, perMs: 1_000 } };
const stages = { open: "1", closed: "4" };
const priorities: Record<string, string> = { urgent: "URGENT", high: "HIGH", normal: "MEDIUM", low: "LOW" };

type Timed = Happened & { at: number };

/** What stands in the ticket's conversation. */
function saidIn(fake: FakeHubspot, { id }: FakeTicket): Timed[] {
  return fake.thread(id).messages.flatMap((message): Timed[] => {
    const { direction, id: messageId, text, createdAt } = message;
    const kind = direction === "INCOMING" ? "customer" : "agent";
    return [{ kind, id: `message:${messageId}`, text: String(text), at: Date.parse(String(createdAt)) }];
  });
}

function notedOn(fake: FakeHubspot, ticket: FakeTicket): Timed[] {
  return ticket.notes.flatMap((id): Timed[] => {
    const note = fake.store.notes.get(id);
    if (!note || note.archived) return [];
    return [{ kind: "note", id, text: htmlToPlain(note.properties.hs_note_body ?? ""), at: note.createdAt }];
  });
}

const closings = ({ history }: FakeTicket): Timed[] =>
  (history.hs_pipeline_stage ?? [])
    .filter(({ value }) => value === stages.closed)
    .map(({ timestamp }) => ({ kind: "closed", id: "", text: "", at: Date.parse(timestamp) }));

/** A value of ours that stands over a person's choice: one that came in the moment of our write is put back at once. */
function overwrittenIn({ id, history }: FakeTicket): string[] {
  const [newest, ...older] = history.hs_ticket_priority ?? [];
  const chosen = older.find((entry) => isByPerson({ ...entry, timestamp: new Date(entry.timestamp) }));
  const isOver =
    newest?.sourceType === "INTEGRATION" && chosen !== undefined && chosen.value !== newest.value;
  return isOver ? [`ticket ${id}: the priority ${newest.value} stands over a person's ${chosen.value}`] : [];
}

export async function startHubspotDay(): Promise<DayDesk> {
  const fake = await startFakeHubspot(limits);
  fake.store.searchLagMs = 1_000;
  const chance = createChance(11);
  const threads = new Map<string, string>();
  let part = 0;
  let count = 0;
  fake.fault = (operation) => {
    if (part === 0 || operation === "token" || !chance.in(part)) return null;
    if (operation === "create-note" && chance.in(0.5)) return "drop";
    return chance.in(0.03) ? 429 : 503;
  };
  const ticketOf = (id: string) => fake.ticket(id);
  return {
    connector: {
      plugin: "hubspot",
      ...configOf(fake, { oauth: true }),
      publicUrl: hub,
      pollSeconds: 5,
      overlapSeconds: 30,
      fields: { priority: { minConfidence: 0 } },
    },
    customerWrites({ text, subject, ticketId }) {
      const thread = ticketId === undefined ? undefined : threads.get(ticketId);
      const key = `c${++count}`;
      const placed = fake.customerWrites({ key, text, subject, ...(thread !== undefined && { thread }) });
      if (thread === undefined) threads.set(placed.ticketId, key);
      // As most accounts have it: a message opens its ticket again.
      if (ticketOf(placed.ticketId).properties.hs_pipeline_stage === stages.closed)
        fake.agentSets(placed.ticketId, "hs_pipeline_stage", stages.open, {
          sourceType: "AUTOMATION_PLATFORM",
        });
      return { ticketId: placed.ticketId, id: `message:${placed.messageId}` };
    },
    agentReplies: (ticketId, text) => `message:${fake.agentReplies(ticketId, text)}`,
    agentCloses: (ticketId) => fake.agentMoves(ticketId, stages.closed),
    agentChooses: (ticketId, label) =>
      fake.agentSets(ticketId, "hs_ticket_priority", priorities[label] ?? "LOW"),
    happened(ticketId) {
      const ticket = ticketOf(ticketId);
      const all = [...saidIn(fake, ticket), ...notedOn(fake, ticket), ...closings(ticket)];
      return all.sort((a, b) => a.at - b.at);
    },
    overwritten: () => [...fake.store.tickets.values()].flatMap(overwrittenIn),
    violations: () => [
      ...fake.violations,
      ...fake.fileHost.credentials.map((one) => `credentials went astray: ${one}`),
    ],
    webhook(ticketId) {
      const { id, messages } = fake.thread(ticketId);
      const hints = hintsOf(ticketId, id, String(messages.at(-1)?.id));
      const body = new TextEncoder().encode(JSON.stringify(hints));
      const { headers } = fake.webhook(body, new Date(), `${hub}/connect/acme/desk`);
      return { body, headers: headers as Record<string, string> };
    },
    fail(share) {
      part = share;
    },
    expireTokens: () => fake.oauth.accessTokens.clear(),
    requests: () => ({ most: fake.most().burst, limit: limits.burst.requests, all: fake.requests.length }),
    close: () => fake.close(),
  };
}
