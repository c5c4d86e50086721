/** History: what is stored, as other services read it, and agents' replies that are told through the API. */
import type { Context, ServiceSchema } from "moleculer";
import type { AgentReply } from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import type { Instances } from "../hosting/instances.ts";
import { NoOpenDraft, type RecordedReply, recordReply } from "../pipeline/replies.ts";
import { findAttachment } from "../store/conversations.ts";
import type { Database } from "../store/database.ts";
import { listDrafts, listTickets, readTicket, type TicketFilter, type TicketPage } from "../store/tickets.ts";

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

/** The reply as it was recorded; null where there is no such ticket; a reason where it was refused. */
export type ReplyResult = RecordedReply | { refused: string } | null;

interface ReplyParams {
  company: string;
  actor: string;
  ticketId: string;
  externalId: string;
  text: string;
  agent: AgentReply["agent"];
  draftId: string | null;
}

/** Records an approved reply and lets the connector bring it to the requester, where it can. */
async function addReply({ db, instances }: HistoryParts, params: ReplyParams): Promise<ReplyResult> {
  const { company, ticketId, draftId, actor } = params;
  const ticket = await readTicket(db, company, ticketId);
  if (!ticket) return null;
  const reply: AgentReply = {
    kind: "agent-reply",
    externalId: params.externalId,
    threadId: ticket.threadId,
    text: params.text,
    agent: params.agent,
    ...(draftId !== null && { draftId }),
  };
  const source = { company, connector: ticket.connector };
  let recorded: RecordedReply | null;
  try {
    recorded = await db.transaction((runner) => recordReply(runner, source, reply, actor));
  } catch (error) {
    if (error instanceof NoOpenDraft) return { refused: error.message };
    throw error;
  }
  // Also for a repeated reply: the first attempt may have failed between the commit and here.
  await send(instances, source, reply);
  return recorded;
}

async function send(instances: Instances, source: { company: string; connector: string }, reply: AgentReply) {
  const { spec, client, signal } = await instances.open(source.company, source.connector);
  await spec.deliver?.send?.(client, reply, signal);
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
      async file(ctx: Context<{ company: string; id: string }>): Promise<FileContent | null> {
        const found = await findAttachment(db, ctx.params.company, ctx.params.id, null);
        if (!found) return null;
        const content = Buffer.from(await blobs.get(found.blob)).toString("base64");
        return { name: found.name, mediaType: found.mediaType, content };
      },
    },
  };
}
