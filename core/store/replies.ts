/** Agents' replies and corrections as they are read back, and what became of the drafts. */
import { newId } from "../lib/ids.ts";
import type { Runner } from "./database.ts";

export interface NewReply {
  company: string;
  connector: string;
  threadId: string;
  externalId: string;
  text: string;
  agentName: string | null;
  agentEmail: string | null;
  sentAt: string;
}

export interface StoredReply {
  messageId: string;
  ticketId: string;
  duplicate: boolean;
}

/** Stores an agent's reply in its ticket. @returns null where there is no such ticket */
export async function insertReply(runner: Runner, reply: NewReply): Promise<StoredReply | null> {
  const [row] = await runner.query<StoredReply & Record<string, unknown>>(
    "insert-reply",
    `WITH ticket AS (
       UPDATE tickets SET updated_at = clock_timestamp()
       WHERE company = $2 AND connector = $3 AND thread_id = $4 RETURNING id
     ), message AS (
       INSERT INTO messages (id, ticket_id, company, connector, external_id, sender, author_name, author_email, text, sent_at)
       SELECT $1, t.id, $2, $3, $5, 'agent', $6, $7, $8, $9 FROM ticket t
       ON CONFLICT (company, connector, external_id) DO NOTHING RETURNING id, ticket_id
     )
     SELECT id AS "messageId", ticket_id AS "ticketId", false AS duplicate FROM message
     UNION ALL
     SELECT m.id, m.ticket_id, true FROM messages m
     WHERE m.company = $2 AND m.connector = $3 AND m.external_id = $5 AND EXISTS (SELECT 1 FROM ticket)`,
    [
      newId(),
      reply.company,
      reply.connector,
      reply.threadId,
      reply.externalId,
      reply.agentName,
      reply.agentEmail,
      reply.text,
      reply.sentAt,
    ],
  );
  return row ?? null;
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

export interface OpenDraft {
  id: string;
  text: string;
}

/** The newest delivered draft of a ticket that no reply has used yet, or the one that is named. */
export async function findOpenDraft(
  runner: Runner,
  ticketId: string,
  draftId: string | null,
): Promise<OpenDraft | null> {
  const [row] = await runner.query<OpenDraft & Record<string, unknown>>(
    "find-open-draft",
    `SELECT d.id, d.text FROM drafts d
     WHERE d.ticket_id = $1 AND ($2::uuid IS NULL OR d.id = $2)
       AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.draft_id = d.id)
     ORDER BY d.id DESC LIMIT 1`,
    [ticketId, draftId],
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

/** Stores a person's own choice of labels, once. A thread that is not known is passed over. */
export async function insertCorrection(runner: Runner, correction: NewCorrection): Promise<void> {
  await runner.query(
    "insert-correction",
    `INSERT INTO corrections (id, company, connector, external_id, ticket_id, labels, agent, at)
     SELECT $1, $2, $3, $5, t.id, $6::jsonb, $7, $8 FROM tickets t
     WHERE t.company = $2 AND t.connector = $3 AND t.thread_id = $4
     ON CONFLICT (company, connector, external_id) DO NOTHING`,
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
}
