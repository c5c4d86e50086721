/** The history as it is read: pages of tickets, and one ticket whole. */
import type { Database, Runner } from "./database.ts";
import type { Stage } from "./progress.ts";

export interface TicketFilter {
  stage?: Stage | undefined;
  type?: string | undefined;
  priority?: string | undefined;
  department?: string | undefined;
  connector?: string | undefined;
  /** Words that a message of the ticket, or its subject, must hold (all of them; the last one may be a beginning). */
  text?: string | undefined;
}

export interface TicketPage {
  /** The last id of the page before; tickets come newest first. */
  before?: string | undefined;
  /** 1 to 100. */
  limit: number;
}

export interface TicketSummary {
  id: string;
  /** Its short name in subject lines. */
  code: string;
  connector: string;
  threadId: string;
  subject: string | null;
  requester: { name: string | null; email: string | null; externalId: string | null };
  createdAt: Date;
  updatedAt: Date;
  /** Of the requester's newest message. */
  stage: Stage | null;
  labels: { type: string; priority: string; department: string } | null;
  preview: string | null;
}

const requester = `json_build_object('name', t.requester_name, 'email', t.requester_email,
  'externalId', t.requester_external_id) AS requester`;

// As `ticketCode` makes it.
const code = "right(t.id::text, 10) AS code";

/**
 * Words for PostgreSQL's full-text search: each must occur, the last one may go on. Null where there is no word. A number
 * may stand after a hyphen (ORD-12345), which PostgreSQL reads as its sign.
 */
export function wordsQuery(text: string): string | null {
  const words = text.normalize("NFKC").match(/[\p{L}\p{N}]+/gu);
  if (!words) return null;
  return words
    .slice(0, 16)
    .map((word, index, all) => {
      const end = index === all.length - 1 ? ":*" : "";
      return /^\d+$/.test(word) ? `(${word}${end} | '-${word}'${end})` : `${word}${end}`;
    })
    .join(" & ");
}

/**
 * A page of a company's tickets, newest first, by keyset: pages stay the same while new tickets come in.
 * @returns up to `limit` tickets
 */
export async function listTickets(
  db: Database,
  company: string,
  filter: TicketFilter,
  page: TicketPage,
): Promise<TicketSummary[]> {
  const { build } = db;
  const query = build("tickets as t")
    .select(
      "t.id",
      build.raw(code),
      "t.connector",
      build.raw('t.thread_id AS "threadId"'),
      "t.subject",
      build.raw(requester),
      build.raw('t.created_at AS "createdAt"'),
      build.raw('t.updated_at AS "updatedAt"'),
      build.raw("coalesce(newest.outcome, newest.stage) AS stage"),
      build.raw(`CASE WHEN c.message_id IS NOT NULL THEN
        json_build_object('type', c.type, 'priority', c.priority, 'department', c.department) END AS labels`),
      build.raw("left(newest.text, 200) AS preview"),
    )
    .joinRaw(
      `LEFT JOIN LATERAL (SELECT m.id, m.text, p.stage, p.outcome FROM messages m JOIN progress p ON p.message_id = m.id
        WHERE m.ticket_id = t.id ORDER BY m.id DESC LIMIT 1) AS newest ON true`,
    )
    .joinRaw("LEFT JOIN classifications c ON c.message_id = newest.id")
    .where("t.company", company)
    .orderBy("t.id", "desc")
    .limit(page.limit);
  if (page.before) query.where("t.id", "<", page.before);
  if (filter.connector) query.where("t.connector", filter.connector);
  for (const label of ["type", "priority", "department"] as const) {
    const value = filter[label];
    if (value) query.where(`c.${label}`, value);
  }
  if (filter.stage) query.whereRaw("coalesce(newest.outcome, newest.stage) = ?", [filter.stage]);
  if (filter.text !== undefined) {
    const words = wordsQuery(filter.text);
    if (words === null) return [];
    // The text as a whole too: addresses, links and the like are single words to PostgreSQL.
    const wanted = "(plainto_tsquery('simple', ?) || to_tsquery('simple', ?))";
    query.whereRaw(
      `t.id IN (SELECT ticket_id FROM messages WHERE company = ? AND to_tsvector('simple', left(text, 50000)) @@ ${wanted}
        UNION SELECT id FROM tickets WHERE company = ? AND to_tsvector('simple', subject) @@ ${wanted})`,
      [company, filter.text, words, company, filter.text, words],
    );
  }
  return db.run<TicketSummary>(query);
}

export interface Ticket {
  id: string;
  code: string;
  /** Tickets that are linked with it, in either direction: a stranger's message named one of their messages. */
  related: string[];
  connector: string;
  threadId: string;
  subject: string | null;
  requester: TicketSummary["requester"];
  createdAt: Date;
  updatedAt: Date;
  messages: unknown[];
}

/** One message with all that became of it; times as ISO 8601 in UTC with milliseconds. */
const wholeMessage = `
  json_build_object(
    'id', m.id, 'externalId', m.external_id, 'from', m.sender,
    'author', json_build_object('name', m.author_name, 'email', m.author_email, 'externalId', m.author_external_id),
    'text', m.text, 'quoted', m.quoted, 'html', m.html, 'hasRaw', m.raw IS NOT NULL, 'sentAt', iso(m.sent_at), 'receivedAt', iso(m.received_at),
    'attachments', coalesce((SELECT json_agg(json_build_object('id', a.id, 'name', a.name, 'mediaType', a.media_type,
      'bytes', a.bytes, 'contentId', a.content_id) ORDER BY a.id) FROM attachments a WHERE a.message_id = m.id), '[]'),
    'progress', CASE WHEN p.message_id IS NOT NULL THEN json_build_object('stage', coalesce(p.outcome, p.stage),
      'reason', p.reason, 'error', p.error, 'attempts', p.attempts, 'receivedAt', iso(p.received_at),
      'classifiedAt', iso(p.classified_at), 'draftedAt', iso(p.drafted_at), 'endedAt', iso(p.ended_at)) END,
    'classification', CASE WHEN c.message_id IS NOT NULL THEN (c.detail || jsonb_build_object('language', c.language,
      'outOfScope', c.out_of_scope, 'model', c.model, 'at', iso(c.created_at))) END,
    'draft', CASE WHEN d.id IS NOT NULL THEN json_build_object('id', d.id, 'text', d.text, 'language', d.language,
      'writtenBy', d.written_by, 'sources', d.sources, 'notes', d.notes, 'usage', d.usage,
      'externalId', p.delivered_as, 'createdAt', iso(d.created_at),
      'deliveredAt', CASE WHEN p.outcome = 'delivered' THEN iso(p.ended_at) END,
      'outcome', CASE WHEN o.draft_id IS NOT NULL THEN json_build_object('kind', o.kind, 'replyId', o.reply_id,
        'editDistance', o.edit_distance, 'at', iso(o.created_at)) END) END)`;

/** The longest history that is shown at once: the newest messages of a ticket. */
const shownMessages = 500;

/** One ticket with all its messages, labels, drafts and outcomes; null where the company has no such ticket. */
export async function readTicket(runner: Runner, company: string, id: string): Promise<Ticket | null> {
  const [ticket] = await runner.query<Ticket & Record<string, unknown>>(
    "read-ticket",
    `SELECT t.id, ${code}, t.connector, t.thread_id AS "threadId", t.subject, ${requester}, t.created_at AS "createdAt",
       t.updated_at AS "updatedAt", (
         SELECT coalesce(json_agg(linked.id ORDER BY linked.id), '[]') FROM (
           SELECT related_id AS id FROM related_tickets WHERE ticket_id = t.id
           UNION SELECT ticket_id FROM related_tickets WHERE related_id = t.id) AS linked) AS related, (
         SELECT coalesce(json_agg(whole.entry ORDER BY whole.id), '[]') FROM (
           SELECT m.id, ${wholeMessage} AS entry
           FROM messages m LEFT JOIN progress p ON p.message_id = m.id
           LEFT JOIN classifications c ON c.message_id = m.id
           LEFT JOIN drafts d ON d.message_id = m.id LEFT JOIN outcomes o ON o.draft_id = d.id
           WHERE m.ticket_id = t.id ORDER BY m.id DESC LIMIT ${shownMessages}) AS whole) AS messages
     FROM tickets t WHERE t.company = $1 AND t.id = $2`,
    [company, id],
  );
  return ticket ?? null;
}

export interface WaitingDraft {
  id: string;
  ticketId: string;
  threadId: string;
  messageId: string;
  messageExternalId: string;
  text: string;
  language: string | null;
  writtenBy: string;
  sources: unknown[];
  notes: string[];
  labels: unknown;
  createdAt: Date;
}

/**
 * Delivered drafts of one connector, oldest first, for systems that fetch them.
 * @param after the last draft's id of the page before
 */
export async function listDrafts(
  runner: Runner,
  company: string,
  connector: string | null,
  after: string | null,
  limit: number,
): Promise<WaitingDraft[]> {
  return runner.query<WaitingDraft & Record<string, unknown>>(
    "list-drafts",
    `SELECT d.id, d.ticket_id AS "ticketId", t.thread_id AS "threadId", d.message_id AS "messageId",
       m.external_id AS "messageExternalId", d.text, d.language, d.written_by AS "writtenBy", d.sources, d.notes,
       c.detail AS labels, d.created_at AS "createdAt"
     FROM drafts d JOIN progress p ON p.message_id = d.message_id AND p.outcome = 'delivered'
     JOIN messages m ON m.id = d.message_id JOIN tickets t ON t.id = d.ticket_id
     LEFT JOIN classifications c ON c.message_id = d.message_id
     WHERE d.company = $1 AND ($2::text IS NULL OR m.connector = $2)
       AND d.id > coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')
       AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.draft_id = d.id)
     ORDER BY d.id LIMIT $4`,
    [company, connector, after, limit],
  );
}
