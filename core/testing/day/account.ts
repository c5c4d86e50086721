/** The account of a day: what people did, what the helpdesk shows, and what the history says, held against each other. */
import type { DayDesk, Happened } from "./desk.ts";
import type { DayHubs } from "./hubs.ts";
import type { Day } from "./life.ts";
import { keyPattern } from "./llm.ts";

export interface DayAccount {
  tickets: number;
  messages: number;
  /** Notes at the helpdesk. */
  notes: number;
  /** What became of messages in the history: delivered, or skipped for which reason. */
  ended: Record<string, number>;
  replies: number;
  outcomes: Record<string, number>;
  corrections: number;
  /** Each a sentence; there must be none. */
  faults: string[];
}

interface MessageRow extends Record<string, unknown> {
  id: string;
  externalId: string;
  text: string;
  ended: string | null;
  deliveredAs: string | null;
}

interface ReplyRow extends Record<string, unknown> {
  externalId: string;
  kind: string | null;
  /** The text of the message whose draft it came from. */
  answered: string | null;
}

const keyIn = (text: string | null) => text?.match(keyPattern)?.at(-1) ?? null;

/** Notes that should not be there: twice for a message, or after somebody was faster. */
function faultsIn(ticketId: string, happened: readonly Happened[]): string[] {
  const faults: string[] = [];
  const noted = new Set<string>();
  for (const [place, { kind, text }] of happened.entries()) {
    const key = kind === "note" ? keyIn(text) : null;
    if (key === null) continue;
    if (noted.has(key)) faults.push(`ticket ${ticketId}: two notes for ${key}`);
    noted.add(key);
    const asked = happened.findIndex((one) => one.kind === "customer" && one.text.includes(key));
    const between = happened.slice(asked + 1, place).filter((one) => one.kind !== "note");
    for (const one of between) faults.push(`ticket ${ticketId}: a note for ${key} after "${one.kind}"`);
  }
  return faults;
}

function count(values: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

const messagesSql = `
  SELECT m.id, m.external_id AS "externalId", m.text, p.delivered_as AS "deliveredAs",
    CASE p.outcome WHEN 'skipped' THEN p.reason WHEN 'delivered' THEN 'delivered' ELSE p.outcome END AS ended
  FROM messages m JOIN progress p ON p.message_id = m.id WHERE m.sender = 'requester'`;
const repliesSql = `
  SELECT r.external_id AS "externalId", o.kind, m.text AS answered FROM messages r
  LEFT JOIN outcomes o ON o.reply_id = r.id LEFT JOIN drafts d ON d.id = o.draft_id
  LEFT JOIN messages m ON m.id = d.message_id WHERE r.sender = 'agent'`;

function faultsOfMessages(
  day: Day,
  rows: readonly MessageRow[],
  notes: ReadonlyMap<string, string>,
): string[] {
  const faults: string[] = [];
  const stored = count(rows.map(({ externalId }) => externalId));
  for (const [key, id] of day.messages)
    if (stored[id] !== 1) faults.push(`the message ${key} is stored ${stored[id] ?? 0} times`);
  for (const { text, ended, deliveredAs } of rows) {
    const key = keyIn(text) ?? "";
    if (ended === null) faults.push(`the message ${key} has not come to its end`);
    if (ended === "dead") faults.push(`the message ${key} is dead`);
    if (ended === "delivered" && notes.get(key) !== deliveredAs)
      faults.push(
        `the message ${key} counts as delivered as ${deliveredAs}, and its note is ${notes.get(key)}`,
      );
    if (ended !== "delivered" && notes.has(key))
      faults.push(`the message ${key} counts as ${ended}, and has a note`);
  }
  return faults;
}

function faultsOfReplies(day: Day, rows: readonly ReplyRow[]): string[] {
  const faults: string[] = [];
  const byId = new Map(rows.map((row) => [row.externalId, row]));
  for (const { replyId, key, kind } of day.replies) {
    const row = byId.get(replyId);
    if (!row) faults.push(`the reply ${replyId} to ${key} is not in the history`);
    else if (kind !== null && (row.kind !== kind || keyIn(row.answered) !== key))
      faults.push(
        `the reply ${replyId} to ${key}: expected ${kind}, found ${row.kind} of ${keyIn(row.answered)}`,
      );
  }
  if (rows.length !== day.replies.length)
    faults.push(`${day.replies.length} replies were sent, and ${rows.length} are in the history`);
  return faults;
}

/** Holds the three against each other. */
export async function accountFor(desk: DayDesk, hubs: DayHubs, day: Day): Promise<DayAccount> {
  const tickets = [...day.tickets].map((id) => ({ id, happened: desk.happened(id) }));
  const notes = new Map<string, string>();
  let written = 0;
  for (const { happened } of tickets) {
    for (const { kind, text, id } of happened) {
      if (kind !== "note") continue;
      written++;
      notes.set(keyIn(text) ?? "", id);
    }
  }
  const messages = await hubs.query<MessageRow>(messagesSql);
  const replies = await hubs.query<ReplyRow>(repliesSql);
  const [corrections] = await hubs.query<{ n: number }>("SELECT count(*)::int AS n FROM corrections");
  return {
    tickets: tickets.length,
    messages: messages.length,
    notes: written,
    ended: count(messages.map(({ ended }) => ended ?? "open")),
    replies: replies.length,
    outcomes: count(replies.flatMap(({ kind }) => kind ?? [])),
    corrections: corrections?.n ?? 0,
    faults: [
      ...tickets.flatMap(({ id, happened }) => faultsIn(id, happened)),
      ...faultsOfMessages(day, messages, notes),
      ...faultsOfReplies(day, replies),
      ...desk.overwritten(),
      ...desk.violations(),
    ],
  };
}

const listed = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([name, n]) => `${name} ${n}`)
    .join(", ");

/** The account in words. */
export function describeDay(
  { account, day, llmCalls, seconds }: { account: DayAccount; day: Day; llmCalls: number; seconds: number },
  requests: { most: number; limit: number; all: number },
): string {
  return [
    `${account.tickets} tickets in ${seconds.toFixed(0)} s: ${listed(day.manners)}`,
    `${account.messages} messages of customers: ${listed(account.ended)}; ${account.notes} notes; ${llmCalls} LLM calls`,
    `${account.replies} replies of agents; of drafts: ${listed(account.outcomes)}; ${account.corrections} corrections of ${day.corrections}`,
    `${day.lostWebhooks} webhooks lost; ${requests.all} requests, at most ${requests.most} a period of ${requests.limit} allowed`,
    ...account.faults.slice(0, 40),
  ].join("\n");
}
