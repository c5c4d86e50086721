/** History: what is stored, as other services read it, and agents' replies that are told through the API. */
import type { Context, ServiceSchema } from "moleculer";
import type { OutgoingReply } from "../../plugins/contract/connector.ts";
import { describeError, kindOf } from "../../plugins/contract/errors.ts";
import type { AgentReply } from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import type { Instances } from "../hosting/instances.ts";
import { ticketCode } from "../lib/ids.ts";
import { NoOpenDraft, type RecordedReply, recordLateOutcomes, recordReply } from "../pipeline/replies.ts";
import type { Source } from "../pipeline/source.ts";
import { findAttachment } from "../store/conversations.ts";
import type { Database } from "../store/database.ts";
import { findRaw } from "../store/messages.ts";
import { listQuarantined } from "../store/quarantine.ts";
import { findAnswered, findReply } from "../store/replies.ts";
import {
  listDrafts,
  listTickets,
  readTicket,
  type Ticket,
  type TicketFilter,
  type TicketPage,
} from "../store/tickets.ts";

export interface HistoryParts {
  db: Database;
  blobs: Blobs;
  instances: Instances;
}

export interface FileContent {
  name: string;
  mediaType: string;
  /** Base64, since it may travel between nodes as JSON. */
  content: string;
}

/** An item of the quarantine as the API shows it. */
export interface QuarantineEntry {
  id: string;
  connector: string;
  externalId: string;
  reason: string;
  createdAt: Date;
  /** Whether `deskwire replay --quarantine` has something to read. */
  hasRaw: boolean;
}

/** Why a recorded reply did not reach the customer; `retryAfterMs` is null where another attempt would not help. */
export interface Unsent {
  message: string;
  retryAfterMs: number | null;
}

/** The reply as it was recorded; null where there is no such ticket; a reason where it was refused or not passed on. */
export type ReplyResult = RecordedReply | { refused: string; status: 409 | 422 } | { unsent: Unsent } | null;

interface ReplyParams {
  company: string;
  actor: string;
  ticketId: string;
  externalId: string;
  text: string;
  agent: AgentReply["agent"];
  draftId: string | null;
}

/** Records an agent's reply, once, and passes it on. */
async function addReply(parts: HistoryParts, params: ReplyParams): Promise<ReplyResult> {
  const { db } = parts;
  const { company, ticketId, draftId, actor } = params;
  const ticket = await readTicket(db, company, ticketId);
  if (!ticket) return null;
  const reply: AgentReply & { threadId: string } = {
    kind: "agent-reply",
    externalId: params.externalId,
    threadId: ticket.threadId,
    text: params.text,
    agent: params.agent,
    ...(draftId !== null && { draftId }),
  };
  const source = { company, connector: ticket.connector };
  let recorded: RecordedReply | null = null;
  try {
    const done = await db.transaction((runner) => recordReply(runner, source, reply, actor));
    if (done) {
      const { undecided, ...rest } = done;
      await recordLateOutcomes(db, undecided);
      recorded = rest;
    }
  } catch (error) {
    if (error instanceof NoOpenDraft) return { refused: error.message, status: 422 };
    throw error;
  }
  if (!recorded?.duplicate) return recorded && passOn(parts, source, ticket, reply, recorded);
  const first = await findReply(db, source, params.externalId);
  if (first?.ticketId !== ticketId)
    return { refused: "this externalId is another message's: give the reply one of its own", status: 409 };
  // The first attempt may have failed between the commit and the connector; what was recorded is what goes out.
  return passOn(
    parts,
    source,
    ticket,
    { ...reply, text: first.text },
    { ...recorded, outcome: first.outcome },
  );
}

/** What a connector needs to bring a reply to the requester; null where nobody wrote who could get one. */
async function toOutgoing(db: Database, ticket: Ticket, reply: AgentReply): Promise<OutgoingReply | null> {
  const message = await findAnswered(db, ticket.id);
  if (!message) return null;
  const { name, email, externalId } = ticket.requester;
  const { draftId } = reply;
  return {
    externalId: reply.externalId,
    text: reply.text,
    agent: reply.agent,
    ...(draftId !== undefined && { draftId }),
    ticket: {
      id: ticket.id,
      code: ticketCode(ticket.id),
      threadId: ticket.threadId,
      subject: ticket.subject,
      requester: { ...(name && { name }), ...(email && { email }), ...(externalId && { externalId }) },
    },
    message,
  };
}

/** Lets the connector bring the reply to the requester, where it can. Once per `externalId`: the connector sees to that. */
async function passOn(
  { db, instances }: HistoryParts,
  { company, connector }: Source,
  ticket: Ticket,
  reply: AgentReply,
  recorded: RecordedReply,
): Promise<ReplyResult> {
  try {
    const { spec, client, signal } = await instances.open(company, connector);
    const outgoing = spec.deliver?.send ? await toOutgoing(db, ticket, reply) : null;
    if (outgoing) await spec.deliver?.send?.(client, outgoing, signal);
    return recorded;
  } catch (error) {
    await instances.report(company, connector, error);
    const kind = kindOf(error);
    const again = kind !== "permanent" && kind !== "config";
    const retryAfterMs = again ? ((error as { retryAfterMs?: number }).retryAfterMs ?? 5_000) : null;
    return { unsent: { message: describeError(error), retryAfterMs } };
  }
}

interface QuarantineParams {
  company: string;
  connector: string | null;
  before: string | null;
  limit: number;
}

async function showQuarantine(db: Database, params: QuarantineParams): Promise<QuarantineEntry[]> {
  const { company, connector, before, limit } = params;
  const items = await listQuarantined(db, { company, connector, ids: null }, before, limit);
  return items.map(({ id, connector, externalId, reason, createdAt, blob }) => ({
    id,
    connector,
    externalId,
    reason,
    createdAt,
    hasRaw: blob !== null,
  }));
}

export function historyService(parts: HistoryParts): ServiceSchema {
  const { db, blobs } = parts;
  return {
    name: "history",
    actions: {
      tickets: (ctx: Context<{ company: string; filter: TicketFilter; page: TicketPage }>) =>
        listTickets(db, ctx.params.company, ctx.params.filter, ctx.params.page),
      ticket: (ctx: Context<{ company: string; id: string }>) =>
        readTicket(db, ctx.params.company, ctx.params.id),
      drafts: (
        ctx: Context<{ company: string; connector: string | null; after: string | null; limit: number }>,
      ) => {
        const { company, connector, after, limit } = ctx.params;
        return listDrafts(db, company, connector, after, limit);
      },
      reply: (ctx: Context<ReplyParams>) => addReply(parts, ctx.params),
      quarantine: (ctx: Context<QuarantineParams>) => showQuarantine(db, ctx.params),
      /** A message as its source had it, in base64. */
      async raw(ctx: Context<{ company: string; id: string }>): Promise<string | null> {
        const blob = await findRaw(db, ctx.params.company, ctx.params.id);
        return blob === null ? null : Buffer.from(await blobs.get(blob)).toString("base64");
      },
      async file(ctx: Context<{ company: string; id: string }>): Promise<FileContent | null> {
        const found = await findAttachment(db, ctx.params.company, ctx.params.id, null);
        if (!found) return null;
        const content = Buffer.from(await blobs.get(found.blob)).toString("base64");
        return { name: found.name, mediaType: found.mediaType, content };
      },
    },
  };
}
