/** Agents' replies and corrections as they are read back, and what became of the drafts. */
import type { SourceData } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import type { Runner } from "./database.ts";

export interface NewReply {
  /** The id that it gets if it is new: made in the order of events, since ids tell what came after what. */
  id: string;
  company: string;
  connector: string;
  threadId: string;
  externalId: string;
  text: string;
  quoted: string | null;
  agentName: string | null;
  agentEmail: string | null;
  sentAt: string;
}

export interface StoredReply {
  messageId: string;
  ticketId: string;
  duplicate: boolean;
}

/**
 * Stores an agent's reply in its ticket, once. Run it in a transaction.
 * @returns null where there is no such ticket
 */
export async function insertReply(runner: Runner, reply: NewReply): Promise<StoredReply | null> {
  const { company, connector, externalId } = reply;
  const [ticket] = await runner.query<{ id: string }>(
    "touch-ticket",
    `UPDATE tickets SET updated_at = clock_timestamp()
     WHERE company = $1 AND connector = $2 AND thread_id = $3 RETURNING id`,
    [company, connector, reply.threadId],
  );
  if (!ticket) return null;
  const [inserted] = await runner.query<{ id: string }>(
    "insert-reply",
    `INSERT INTO messages (id, ticket_id, company, connector, external_id, sender, author_name, author_email, text, quoted,
       sent_at)
     VALUES ($1, $2, $3, $4, $5, 'agent', $6, $7, $8, $9, $10)
     ON CONFLICT (company, connector, external_id) DO NOTHING RETURNING id`,
    [
      reply.id,
      ticket.id,
      company,
      connector,
      externalId,
      reply.agentName,
      reply.agentEmail,
      reply.text,
      reply.quoted,
      reply.sentAt,
    ],
  );
  if (inserted) return { messageId: inserted.id, ticketId: ticket.id, duplicate: false };
  // A statement of its own: that of the insert cannot see what another transaction committed while it waited.
  const [stored] = await runner.query<{ messageId: string; ticketId: string }>(
    "find-stored-reply",
    `SELECT id AS "messageId", ticket_id AS "ticketId" FROM messages
     WHERE company = $1 AND connector = $2 AND external_id = $3`,
    [company, connector, externalId],
  );
  if (!stored) throw new Error(`reply ${externalId} was neither stored nor found`);
  return { ...stored, duplicate: true };
}

export interface FoundReply {
  ticketId: string;
  text: string;
  outcome: { draftId: string; kind: Outcome["kind"]; editDistance: number } | null;
}

/** An agent's reply as it was first recorded; null where there is none with this id, or it is a requester's message. */
export async function findReply(
  runner: Runner,
  { company, connector }: { company: string; connector: string },
  externalId: string,
): Promise<FoundReply | null> {
  const [row] = await runner.query<FoundReply & Record<string, unknown>>(
    "find-reply",
    `SELECT m.ticket_id AS "ticketId", m.text, CASE WHEN o.draft_id IS NOT NULL THEN
       json_build_object('draftId', o.draft_id, 'kind', o.kind, 'editDistance', o.edit_distance) END AS outcome
     FROM messages m LEFT JOIN outcomes o ON o.reply_id = m.id
     WHERE m.company = $1 AND m.connector = $2 AND m.external_id = $3 AND m.sender = 'agent'`,
    [company, connector, externalId],
  );
  return row ?? null;
}

/** A requester's message as a connector answers it. */
export interface AnsweredRow {
  id: string;
  externalId: string;
  text: string;
  quoted: string | null;
  sentAt: Date;
  sourceData: SourceData | null;
}

export interface OpenDraft {
  id: string;
  messageId: string;
  text: string;
  /** False for one that was on its way when it was last heard of: agents may have it all the same. */
  delivered: boolean;
}

/** The most drafts that a reply may come from. */
const mostOpen = 5;

/**
 * The drafts of a ticket, newest first, that no reply has used yet: those for messages before the reply, delivered or on
 * their way, or the one that is named. A named one may be anywhere: whoever names it has seen it.
 */
export async function findOpenDrafts(
  runner: Runner,
  { ticketId, messageId: replyId }: StoredReply,
  draftId: string | null,
): Promise<OpenDraft[]> {
  return runner.query<OpenDraft & Record<string, unknown>>(
    "find-open-drafts",
    `SELECT d.id, d.message_id AS "messageId", d.text, p.outcome IS NOT DISTINCT FROM 'delivered' AS delivered
     FROM drafts d JOIN progress p ON p.message_id = d.message_id
     WHERE d.ticket_id = $1 AND (d.id = $2 OR ($2::uuid IS NULL AND d.message_id < $3
         AND (p.outcome = 'delivered' OR (p.outcome IS NULL AND p.stage = 'drafted'))))
       AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.draft_id = d.id)
     ORDER BY d.id DESC LIMIT ${mostOpen}`,
    [ticketId, draftId, replyId],
  );
}

/** Waits until nobody is about to change how far a message has come. */
export async function settleProgress(runner: Runner, messageId: string): Promise<void> {
  await runner.query("settle-progress", "SELECT 1 FROM progress WHERE message_id = $1 FOR SHARE", [
    messageId,
  ]);
}

/** A delivered draft, and the first reply after its message that no draft is known for. */
export interface LateReply {
  draftId: string;
  draftText: string;
  company: string;
  ticketId: string;
  replyId: string;
  text: string;
  quoted: string | null;
  agent: string | null;
}

/** @returns null where the draft was not delivered or has its outcome, or there is no such reply */
export async function findLateReply(runner: Runner, messageId: string): Promise<LateReply | null> {
  const [row] = await runner.query<LateReply & Record<string, unknown>>(
    "find-late-reply",
    `SELECT d.id AS "draftId", d.text AS "draftText", d.company, d.ticket_id AS "ticketId", r.id AS "replyId", r.text,
       r.quoted, r.author_name AS agent
     FROM drafts d JOIN progress p ON p.message_id = d.message_id AND p.outcome = 'delivered' JOIN messages r ON r.ticket_id = d.ticket_id AND r.id > d.message_id AND r.sender = 'agent'
     WHERE d.message_id = $1 AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.draft_id = d.id)
       AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.reply_id = r.id)
     ORDER BY r.id LIMIT 1`,
    [messageId],
  );
  return row ?? null;
}

export interface Outcome {
  draftId: string;
  company: string;
  kind: "sent-unchanged" | "edited" | "not-used";
  replyId: string;
  editDistance: number;
}

/** @returns false where the draft had its outcome already */
export async function insertOutcome(runner: Runner, outcome: Outcome): Promise<boolean> {
  const rows = await runner.query(
    "insert-outcome",
    `INSERT INTO outcomes (draft_id, company, kind, reply_id, edit_distance) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (draft_id) DO NOTHING RETURNING draft_id`,
    [outcome.draftId, outcome.company, outcome.kind, outcome.replyId, outcome.editDistance],
  );
  return rows.length > 0;
}

export interface NewCorrection {
  company: string;
  connector: string;
  threadId: string;
  externalId: string;
  labels: Record<string, string>;
  agent: string | null;
  at: string;
}

/**
 * Stores a person's own choice of labels, once. A thread that is not known is passed over.
 * @returns the ticket where it was stored now
 */
export async function insertCorrection(
  runner: Runner,
  correction: NewCorrection,
): Promise<{ ticketId: string } | null> {
  const [row] = await runner.query<{ ticketId: string }>(
    "insert-correction",
    `INSERT INTO corrections (id, company, connector, external_id, ticket_id, labels, agent, at)
     SELECT $1, $2, $3, $5, t.id, $6::jsonb, $7, $8 FROM tickets t
     WHERE t.company = $2 AND t.connector = $3 AND t.thread_id = $4
     ON CONFLICT (company, connector, external_id) DO NOTHING RETURNING ticket_id AS "ticketId"`,
    [
      newId(),
      correction.company,
      correction.connector,
      correction.threadId,
      correction.externalId,
      JSON.stringify(correction.labels),
      correction.agent,
      correction.at,
    ],
  );
  return row ?? null;
}

/** The requester's newest message of a ticket that is not automatic, or else the newest one: what a reply answers. */
export async function findAnswered(runner: Runner, ticketId: string): Promise<AnsweredRow | null> {
  const [row] = await runner.query<AnsweredRow & Record<string, unknown>>(
    "find-answered",
    `SELECT m.id, m.external_id AS "externalId", m.text, m.quoted, m.sent_at AS "sentAt", m.source_data AS "sourceData"
     FROM messages m JOIN progress p ON p.message_id = m.id WHERE m.ticket_id = $1 AND m.sender = 'requester'
     ORDER BY (p.outcome = 'skipped' AND p.reason NOT IN ('answered', 'superseded', 'edited', 'closed')) IS TRUE, m.id DESC LIMIT 1`,
    [ticketId],
  );
  return row ?? null;
}
