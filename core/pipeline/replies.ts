/** Agents' replies: stored in the ticket, and matched to the draft that they came from. */
import { distance } from "fastest-levenshtein";
import type { AgentReply } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import { audit } from "../store/audit.ts";
import type { Runner } from "../store/database.ts";
import {
  findOpenDraft,
  insertOutcome,
  insertReply,
  type Outcome,
  type StoredReply,
} from "../store/replies.ts";
import type { Source } from "./source.ts";

/** Texts longer than this are compared by their beginnings, since the distance costs time with the square of the length. */
const comparedLength = 5_000;
/** A reply that has less than this share of its draft's text in common was not made from it. */
const leastInCommon = 0.3;

function normalise(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, comparedLength);
}

/** What became of a draft, by the text that the customer got. The distance counts changed characters. */
export function compareReply(
  draft: string,
  reply: string,
  named: boolean,
): Pick<Outcome, "kind" | "editDistance"> {
  const [was, is] = [normalise(draft), normalise(reply)];
  const editDistance = was === is ? 0 : distance(was, is);
  if (editDistance === 0) return { kind: "sent-unchanged", editDistance };
  const common = 1 - editDistance / Math.max(was.length, is.length, 1);
  return { kind: named || common >= leastInCommon ? "edited" : "not-used", editDistance };
}

/** The draft that a reply names is not there, not of this ticket, or has its outcome already. */
export class NoOpenDraft extends Error {
  constructor() {
    super("this ticket has no open draft with this draftId");
    this.name = "NoOpenDraft";
  }
}

export interface RecordedReply extends StoredReply {
  outcome: Pick<Outcome, "draftId" | "kind" | "editDistance"> | null;
}

/**
 * Stores a reply, once, with the outcome of the draft that it used. Run it in a transaction.
 * @param options `id`: see `NewReply`; `strict`: false where the customer has the reply already, so that it must be
 *   stored whatever became of the draft that it names
 * @returns null where the thread is not known
 * @throws NoOpenDraft where the reply names a draft that is not open, and `strict` is not false
 */
export async function recordReply(
  runner: Runner,
  source: Source,
  reply: AgentReply & { threadId: string },
  actor: string,
  { id = newId(), strict = true }: { id?: string; strict?: boolean } = {},
): Promise<RecordedReply | null> {
  const stored = await insertReply(runner, {
    ...source,
    id,
    threadId: reply.threadId,
    externalId: reply.externalId,
    text: reply.text,
    agentName: reply.agent.name ?? null,
    agentEmail: reply.agent.email ?? null,
    sentAt: (reply.sentAt ?? new Date()).toISOString(),
  });
  if (!stored) return null;
  if (stored.duplicate) return { ...stored, outcome: null };
  const draft = await findOpenDraft(runner, stored, reply.draftId ?? null);
  if (!draft && strict && reply.draftId !== undefined) throw new NoOpenDraft();
  let outcome: RecordedReply["outcome"] = null;
  if (draft) {
    const compared = compareReply(draft.text, reply.text, reply.draftId !== undefined);
    const noted = await insertOutcome(runner, {
      draftId: draft.id,
      company: source.company,
      replyId: stored.messageId,
      ...compared,
    });
    if (noted) outcome = { draftId: draft.id, ...compared };
  }
  await audit(runner, [
    {
      company: source.company,
      actor,
      action: "reply.recorded",
      subject: stored.messageId,
      detail: { ticketId: stored.ticketId, outcome },
    },
  ]);
  return { ...stored, outcome };
}
