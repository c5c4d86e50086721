/** Draft: a reply for each message, written from the ticket's conversation. */
import { newId } from "../lib/ids.ts";
import type { Drafter, DraftRequest } from "../llm/drafter.ts";
import type { Handler } from "../queue/queue.ts";
import {
  type DraftLabels,
  loadToDraft,
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

function toRequest(message: MessageToDraft, companyName: string): DraftRequest {
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

export function createDraftHandler(parts: DraftParts): Handler {
  const { db, claims, directory, drafterOf, signal } = parts;
  // A draft has cost an LLM call: while the database is away it waits here.
  const saves = createCommits<NewDraft, void>(
    async (drafts) => {
      await passOn("deliver", parts, await saveDrafts(db, drafts, claims.claimant));
      return drafts.map(() => undefined);
    },
    { patience: signal },
  );

  return handleClaimed<MessageToDraft & Attempted>(
    "draft",
    parts,
    (ids) => loadToDraft(db, ids),
    async (message) => {
      const company = companyOf(directory, message.company);
      const drafter = await drafterOf(company.id);
      const result = await drafter.draft(toRequest(message, company.name), signal);
      await saves.add({ id: newId(), messageId: message.id, ...result });
    },
  );
}
