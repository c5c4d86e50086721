/** Agents' replies: stored in the ticket, and matched to the draft that they came from. */
import { distance } from "fastest-levenshtein";
import type { AgentReply } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import { audit } from "../store/audit.ts";
import type { Database, Runner } from "../store/database.ts";
import {
  findLateReply,
  findOpenDrafts,
  insertOutcome,
  insertReply,
  type OpenDraft,
  type Outcome,
  type StoredReply,
  settleProgress,
} from "../store/replies.ts";
import type { Source } from "./source.ts";

/** Texts longer than this are compared by their beginnings, since the distance costs time with the square of the length. */
const comparedLength = 5_000;
/** A reply that has less than this share of its draft's text in common was not made from it. */
const leastInCommon = 0.3;

const normalise = (text: string): string => text.replace(/\s+/g, " ").trim();

/** The number of characters changed between two texts, of which the beginnings are compared. */
function changed(was: string, is: string): number {
  return was === is ? 0 : distance(was.slice(0, comparedLength), is.slice(0, comparedLength));
}

/**
 * What became of a draft, by the text that the customer got. The distance counts changed characters.
 * @param reply `quoted`: what was taken off the reply's text. A draft's own closing may be among it.
 */
export function compareReply(
  draft: string,
  reply: { text: string; quoted?: string | undefined },
  named: boolean,
): Pick<Outcome, "kind" | "editDistance"> {
  const [was, is] = [normalise(draft), normalise(reply.text)];
  const whole = normalise(`${reply.text}\n${reply.quoted ?? ""}`).slice(0, Math.max(was.length, is.length));
  const editDistance = Math.min(changed(was, is), changed(was, whole.trim()));
  if (editDistance === 0) return { kind: "sent-unchanged", editDistance };
  const common =
    1 - editDistance / Math.max(Math.min(was.length, comparedLength), Math.min(is.length, comparedLength), 1);
  return { kind: named || common >= leastInCommon ? "edited" : "not-used", editDistance };
}

/** The draft that a reply names is not there, not of this ticket, or has its outcome already. */
export class NoOpenDraft extends Error {
  constructor() {
    super("this ticket has no open draft with this draftId");
    this.name = "NoOpenDraft";
  }
}

/**
 * The draft that a reply came from. One that is not known to have arrived counts only where the reply's words tell that
 * the agent has had it: the hub may have stopped between the note and its own record of it.
 */
function chooseDraft(drafts: readonly OpenDraft[], reply: AgentReply) {
  for (const draft of drafts) {
    const compared = compareReply(draft.text, reply, reply.draftId !== undefined);
    if (draft.delivered || compared.kind !== "not-used") return { draft, compared };
  }
  return undefined;
}

export interface RecordedReply extends StoredReply {
  outcome: Pick<Outcome, "draftId" | "kind" | "editDistance"> | null;
}

export interface JustRecorded extends RecordedReply {
  /** Messages whose drafts were on their way, if nothing else was found that it came from. See `recordLateOutcomes`. */
  undecided: string[];
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
): Promise<JustRecorded | null> {
  const stored = await insertReply(runner, {
    ...source,
    id,
    threadId: reply.threadId,
    externalId: reply.externalId,
    text: reply.text,
    quoted: reply.quoted ?? null,
    agentName: reply.agent.name ?? null,
    agentEmail: reply.agent.email ?? null,
    sentAt: (reply.sentAt ?? new Date()).toISOString(),
  });
  if (!stored) return null;
  if (stored.duplicate) return { ...stored, outcome: null, undecided: [] };
  const open = await findOpenDrafts(runner, stored, reply.draftId ?? null);
  const chosen = chooseDraft(open, reply);
  if (!chosen && strict && reply.draftId !== undefined) throw new NoOpenDraft();
  let outcome: RecordedReply["outcome"] = null;
  if (chosen) {
    const { draft, compared } = chosen;
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
  return { ...stored, outcome, undecided: chosen ? [] : open.map(({ messageId }) => messageId) };
}

/**
 * Gives drafts their outcomes where an agent has answered before their delivery was recorded: the notes were there, and
 * what the connector still had to do took longer than the agent. Both sides call it once they have committed, the delivery
 * and the reply: neither can see what the other has not committed yet.
 * @param messageIds of two in one ticket the newer one counts: a reply came from one draft
 */
export async function recordLateOutcomes(db: Database, messageIds: string[]): Promise<void> {
  for (const id of messageIds.toSorted().reverse()) {
    await settleProgress(db, id);
    await recordLateOutcome(db, id);
  }
}

async function recordLateOutcome(db: Database, messageId: string): Promise<void> {
  await db.transaction(async (runner) => {
    const late = await findLateReply(runner, messageId);
    if (!late) return;
    const { company, draftId, draftText, replyId, ticketId, text, quoted, agent } = late;
    const compared = compareReply(draftText, { text, quoted: quoted ?? undefined }, false);
    if (!(await insertOutcome(runner, { company, draftId, replyId, ...compared }))) return;
    const detail = { ticketId, outcome: { draftId, ...compared } };
    const actor = `agent:${agent ?? "unknown"}`;
    await audit(runner, [{ company, actor, action: "reply.recorded", subject: replyId, detail }]);
  });
}
