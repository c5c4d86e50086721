/** Draft: a reply for each message, written from the ticket's conversation. */
import { newId } from "../lib/ids.ts";
import type { Drafter, DraftRequest } from "../llm/drafter.ts";
import type { Handler } from "../queue/queue.ts";
import {
  type DraftLabels,
  loadToDraft,
  type MessageToDeliver,
  type MessageToDraft,
  type NewDraft,
  saveDrafts,
} from "../store/drafts.ts";
import { createCommits } from "./commits.ts";
import type { Attempted } from "./failures.ts";
import { companyOf, handleClaimed, passOn, type StepParts } from "./step.ts";

export interface DraftParts extends StepParts {
  /** The drafter of a company, as its config has it now. */
  drafterOf(companyId: string): Promise<Drafter>;
}

/** The labels as drafters and connectors know them. */
export function labelsOf(labels: DraftLabels | null) {
  if (!labels) return null;
  const label = ({ label, confidence }: { label: string; confidence: number }) => ({
    value: label,
    confidence,
  });
  return { type: label(labels.type), priority: label(labels.priority), department: label(labels.department) };
}

/** What a draft is written from. */
export type DraftInput = Pick<
  MessageToDraft,
  "company" | "conversation" | "subject" | "language" | "labels"
> & { requester: { name: string | null } };

/** What the drafter gets of a message. @param companyName the name that customers know */
export function toRequest(message: DraftInput, companyName: string): DraftRequest {
  return {
    company: message.company,
    companyName,
    conversation: message.conversation.map(({ from, name, text, at }) => ({
      from,
      name,
      text,
      at: new Date(at),
    })),
    subject: message.subject,
    requesterName: message.requester.name,
    language: message.language,
    labels: labelsOf(message.labels),
  };
}

type Message = MessageToDraft & Attempted;

/** What the delivery works on: the draft in place of the conversation that it was written from. */
function toDeliver(
  { conversation: _, ...message }: Message,
  { id, text, language, writtenBy, sources, notes }: NewDraft,
): MessageToDeliver {
  return { ...message, draft: { id, text, language, writtenBy, sources, notes } };
}

export function createDraftHandler(parts: DraftParts): Handler {
  const { db, claims, directory, drafterOf, signal } = parts;
  // A draft has cost an LLM call: while the database is away it waits here.
  const saves = createCommits<{ message: Message; draft: NewDraft }, { passed: Promise<void> }>(
    async (written) => {
      const drafts = written.map(({ draft }) => draft);
      const moved = new Map((await saveDrafts(db, drafts, claims.claimant)).map((one) => [one.id, one]));
      const outgoing = written.flatMap(({ message, draft }) => {
        const now = moved.get(message.id);
        return now ? [{ ...toDeliver(message, draft), ...now }] : [];
      });
      // Not waited for here: the next drafts are saved meanwhile.
      const passed = passOn("deliver", parts, outgoing);
      return written.map(() => ({ passed }));
    },
    { patience: signal },
  );

  return handleClaimed<Message>(
    "draft",
    parts,
    (ids) => loadToDraft(db, ids),
    async (message) => {
      const company = companyOf(directory, message.company);
      const drafter = await drafterOf(company.id);
      const result = await drafter.draft(toRequest(message, company.name), signal);
      const draft = { id: newId(), messageId: message.id, ...result };
      const { passed } = await saves.add({ message, draft });
      await passed;
    },
  );
}
