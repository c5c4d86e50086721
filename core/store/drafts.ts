/** Drafts: what they are written from, how they are kept, and how they are delivered. */
import type { SourceData } from "../../plugins/contract/events.ts";
import type { Runner } from "./database.ts";
import { type Claimant, isOpen, type Waiting } from "./progress.ts";

/** The most earlier entries of a ticket that a draft is written from. */
export const conversationLength = 12;

/** The beginning of each entry that a drafter reads, in characters: prompts are far shorter. */
const readLength = 10_000;

export interface ConversationRow {
  id: string;
  from: "requester" | "agent";
  name: string | null;
  text: string;
  at: string;
}

export interface DraftLabels {
  type: { label: string; confidence: number };
  priority: { label: string; confidence: number };
  department: { label: string; confidence: number };
}

/** A message in its ticket: what stays the same on its way. */
export interface MessageInTicket {
  id: string;
  company: string;
  connector: string;
  externalId: string;
  ticketId: string;
  threadId: string;
  subject: string | null;
  requester: { name: string | null; email: string | null; externalId: string | null };
  authorName: string | null;
  text: string;
  quoted: string | null;
  sourceData: SourceData | null;
  sentAt: Date;
}

export interface Labelled {
  language: string | null;
  labels: DraftLabels | null;
}

export interface Overtakable {
  /** Something has come after the message that makes a draft for it useless. */
  overtakenBy: "answered" | "superseded" | null;
}

/** Of message `m` and ticket `t`. */
export const inTicket = `
  m.id, m.company, m.connector, m.external_id AS "externalId", m.ticket_id AS "ticketId", t.thread_id AS "threadId",
  t.subject, json_build_object('name', t.requester_name, 'email', t.requester_email, 'externalId',
    t.requester_external_id) AS requester, m.author_name AS "authorName", m.text, m.quoted,
  m.source_data AS "sourceData", m.sent_at AS "sentAt"`;

// An automatic mail after the message (skipped at intake) does not make its draft useless; anything else from the requester does.
const overtakenBy = (ticket: string, message: string) => `
  CASE WHEN EXISTS (SELECT 1 FROM messages n WHERE n.ticket_id = ${ticket} AND n.id > ${message} AND n.sender = 'agent')
       THEN 'answered'
       WHEN EXISTS (SELECT 1 FROM messages n JOIN progress q ON q.message_id = n.id WHERE n.ticket_id = ${ticket}
         AND n.id > ${message} AND n.sender = 'requester' AND q.outcome IS DISTINCT FROM 'skipped')
       THEN 'superseded' END AS "overtakenBy"`;

const labelled = `c.language, c.detail AS labels, ${overtakenBy("m.ticket_id", "m.id")}`;

/** Of a message that has just moved, as `p`: whether it is the only one of its ticket, and what has overtaken it. */
export const moved = `
  p.message_id AS id, p.attempts, (extract(epoch FROM clock_timestamp() - p.received_at) * 1000)::float8 AS "ageMs",
  NOT EXISTS (SELECT 1 FROM messages o WHERE o.ticket_id = p.ticket_id AND o.id <> p.message_id) AS "isAlone",
  ${overtakenBy("p.ticket_id", "p.message_id")}`;

export type Moved = Waiting & Overtakable & { isAlone: boolean };

/** The newest entries of the ticket of message `m` up to the message itself, oldest first. */
export const conversationOf = `
  SELECT json_agg(e ORDER BY e.id) AS entries FROM (
    SELECT id, sender AS "from", author_name AS name, left(text, ${readLength}) AS text, iso(sent_at) AS at FROM messages n
    WHERE n.ticket_id = m.ticket_id AND n.id <= m.id ORDER BY n.id DESC LIMIT ${conversationLength}) AS e`;

export type MessageToDraft = MessageInTicket & Labelled & Overtakable & { conversation: ConversationRow[] };

/**
 * The conversation of a message that is the only one of its ticket, without a look at the database; undefined where the
 * text has to be cut for it, which the database does.
 */
export function conversationOfOne({
  id,
  authorName,
  text,
  sentAt,
}: MessageInTicket): ConversationRow[] | undefined {
  if (text.length > readLength) return undefined;
  return [{ id, from: "requester", name: authorName, text, at: sentAt.toISOString() }];
}

/** Messages with their conversation. */
export async function loadToDraft(runner: Runner, ids: string[]): Promise<MessageToDraft[]> {
  return runner.query<MessageToDraft & { id: string }>(
    "load-to-draft",
    `SELECT ${inTicket}, ${labelled}, talk.entries AS conversation
     FROM messages m JOIN tickets t ON t.id = m.ticket_id LEFT JOIN classifications c ON c.message_id = m.id
     CROSS JOIN LATERAL (${conversationOf}) AS talk
     WHERE m.id = ANY($1::uuid[])`,
    [ids],
  );
}

export interface DraftSource {
  title: string;
  path: string;
  url?: string;
}

export interface NewDraft {
  id: string;
  messageId: string;
  text: string;
  language: string | null;
  writtenBy: string;
  sources: DraftSource[];
  notes: string[];
  usage: unknown;
}

export type MessageToDeliver = MessageInTicket &
  Labelled &
  Overtakable & {
    draft: {
      id: string;
      text: string;
      language: string | null;
      writtenBy: string;
      sources: DraftSource[];
      notes: string[];
    };
  };

/**
 * Stores drafts and moves their messages on, in one statement, each with a claim for its delivery.
 * @returns those that moved
 */
export async function saveDrafts(
  runner: Runner,
  items: NewDraft[],
  { node, ms }: Claimant,
): Promise<Moved[]> {
  return runner.query<Moved & { id: string }>(
    "save-drafts",
    `WITH i AS MATERIALIZED (
       SELECT * FROM json_to_recordset($1::json) AS i(id uuid, "messageId" uuid, text text, language text,
         "writtenBy" text, sources jsonb, notes jsonb, usage jsonb)
     ), moved AS (
       UPDATE progress p SET stage = 'drafted', drafted_at = clock_timestamp(), attempts = 0, error = NULL,
         claimed_by = $2, claimed_until = clock_timestamp() + $3 * interval '1 ms'
       FROM i WHERE p.message_id = i."messageId" AND p.stage = 'classified' AND ${isOpen}
       RETURNING p.message_id, p.ticket_id, p.company, p.attempts, p.received_at
     ), stored AS (
       INSERT INTO drafts (id, message_id, ticket_id, company, text, language, written_by, sources, notes, usage)
       SELECT i.id, m.message_id, m.ticket_id, m.company, i.text, i.language, i."writtenBy", i.sources, i.notes, i.usage
       FROM moved m JOIN i ON i."messageId" = m.message_id
     )
     SELECT ${moved} FROM moved p`,
    [JSON.stringify(items), node, ms],
  );
}

export async function loadToDeliver(runner: Runner, ids: string[]): Promise<MessageToDeliver[]> {
  return runner.query<MessageToDeliver & { id: string }>(
    "load-to-deliver",
    `SELECT ${inTicket}, ${labelled}, json_build_object('id', d.id, 'text', d.text, 'language', d.language, 'writtenBy',
       d.written_by, 'sources', d.sources, 'notes', d.notes) AS draft
     FROM messages m JOIN tickets t ON t.id = m.ticket_id JOIN drafts d ON d.message_id = m.id
     LEFT JOIN classifications c ON c.message_id = m.id
     WHERE m.id = ANY($1::uuid[])`,
    [ids],
  );
}

export interface Delivery {
  messageId: string;
  /** The audit entry's id. */
  auditId: string;
  connector: string;
  externalId: string;
  /** False where the draft was found to be there already. */
  created: boolean;
}

/** A message that is delivered now. */
export interface DeliveredNow {
  id: string;
  /** An agent's reply has come in while the draft was on its way. */
  replied: boolean;
}

/** Marks messages as delivered and writes it down in the audit log, in one statement. @returns those that moved */
export async function saveDeliveries(runner: Runner, items: Delivery[]): Promise<DeliveredNow[]> {
  return runner.query<DeliveredNow & Record<string, unknown>>(
    "save-deliveries",
    `WITH i AS MATERIALIZED (
       SELECT * FROM json_to_recordset($1::json) AS i("messageId" uuid, "auditId" uuid, connector text,
         "externalId" text, created boolean)
     ), moved AS (
       UPDATE progress p SET stage = 'delivered', outcome = 'delivered', delivered_as = i."externalId", error = NULL,
         ended_at = clock_timestamp(), claimed_until = NULL
       FROM i WHERE p.message_id = i."messageId" AND p.stage = 'drafted' AND ${isOpen}
       RETURNING p.message_id, p.company, p.ticket_id
     ), noted AS (
       INSERT INTO audit_log (id, company, actor, action, subject, detail)
       SELECT i."auditId", m.company, 'hub', 'draft.delivered', m.message_id::text,
         jsonb_build_object('connector', i.connector, 'externalId', i."externalId", 'created', i.created)
       FROM moved m JOIN i ON i."messageId" = m.message_id
     )
     SELECT message_id AS id, EXISTS (SELECT 1 FROM messages n WHERE n.ticket_id = moved.ticket_id
       AND n.id > moved.message_id AND n.sender = 'agent') AS replied FROM moved`,
    [JSON.stringify(items)],
  );
}
