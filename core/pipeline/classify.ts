/** Classify: labels for a whole batch of messages in one call of the model. */
import type { Classified, ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import { isConnectorError } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import { Unavailable } from "../lib/unavailable.ts";
import type { Labeller } from "../llm/labeller.ts";
import type { Handler, QueueItem } from "../queue/queue.ts";
import {
  loadUnclassified,
  type NewClassification,
  saveClassifications,
  type UnclassifiedMessage,
} from "../store/classifications.ts";
import { isDataError } from "../store/database.ts";
import { conversationOfOne, loadToDraft, type MessageToDraft, type Moved } from "../store/drafts.ts";
import { saveEach, whileAway } from "./commits.ts";
import type { Attempted } from "./failures.ts";
import { createLlmLabels, type LabelDetail } from "./llm-labels.ts";
import { createStepFailures, passOn, type StepParts } from "./step.ts";

/** The beginning of a message that the model reads, in characters: labels are decided long before. */
const readLength = 8_000;

export interface ClassifyParts extends StepParts {
  classify(items: ClassifyItem[]): Promise<ClassifyResponse>;
  /** The LLM that a company has asked for labels where the classifier abstains; undefined where none is to be asked. */
  labellerOf(companyId: string): Promise<Labeller> | undefined;
}

/** What the classifier gets of a message. @param text of any length: it is cut */
export function toClassifyItem(message: ClassifyItem & { ticketId?: string }): ClassifyItem {
  const { id, company, subject, text, requester, ticketId } = message;
  const from = requester && { requester: { email: requester.email } };
  const ticket = ticketId === undefined ? {} : { ticket: ticketId };
  return { id, company, subject, text: text.slice(0, readLength).toWellFormed(), ...ticket, ...from };
}

/** The labels as they are kept beside a message. */
type Kept = NewClassification & { detail: LabelDetail };

function toClassification(result: Classified): Kept {
  const { id, type, priority, department, language, outOfScope, model } = result;
  return {
    messageId: id,
    type: type.label,
    priority: priority.label,
    department: department.label,
    detail: { type, priority, department },
    language,
    outOfScope,
    model,
  };
}

function withDetail(kept: Kept, detail: LabelDetail): Kept {
  return { ...kept, type: detail.type.label, department: detail.department.label, detail };
}

/** What the draft works on, where the message is the only one of its ticket. */
function toDraft(message: UnclassifiedMessage, { language, detail }: Kept, now: Moved) {
  const conversation = now.isAlone ? conversationOfOne(message) : undefined;
  return conversation && { ...message, language, labels: detail, conversation, ...now };
}

/** A failure that may lie with one message of the batch: no word of the classifier as a whole. */
function isOfOneMessage(error: unknown): boolean {
  if (error instanceof Unavailable) return false;
  return !isConnectorError(error) || error.kind === "permanent" || error.kind === "transient";
}

export function createClassifyHandler(parts: ClassifyParts): Handler {
  const { db, claims, metrics, classify, signal } = parts;
  const failures = createStepFailures("classify", parts);
  const llmLabels = createLlmLabels(parts);

  /** A batch that fails is tried by halves, so that one message the model cannot take does not take others with it. */
  const ask = async (messages: UnclassifiedMessage[]): Promise<Kept[]> => {
    try {
      const { results } = await untilAborted(classify(messages.map(toClassifyItem)), signal);
      const asked = new Map(messages.map((message) => [message.id, message]));
      const known = results.filter(({ id }) => asked.delete(id)).map(toClassification);
      const forgotten = new Error("the classifier gave no answer for this message");
      await Promise.all([...asked.values()].map((message) => failures.add(message, forgotten)));
      return known;
    } catch (error) {
      if (messages.length === 1 || signal.aborted || !isOfOneMessage(error)) {
        await Promise.all(messages.map((message) => failures.add(message, error)));
        return [];
      }
    }
    const half = Math.ceil(messages.length / 2);
    return [...(await ask(messages.slice(0, half))), ...(await ask(messages.slice(half)))];
  };

  /** @returns those that moved: with what the draft works on, or to be loaded */
  const save = async (messages: Map<string, UnclassifiedMessage>, results: Kept[]) => {
    const saved = await saveEach(results, async (some) => {
      const rows = await whileAway(() => saveClassifications(db, some, claims.claimant), signal);
      const moved = new Map(rows.map((row) => [row.id, row]));
      return some.map(({ messageId }) => moved.get(messageId) ?? null);
    });
    const ready: Array<MessageToDraft & Attempted> = [];
    const others = new Map<string, Moved>();
    for (const [index, result] of results.entries()) {
      const outcome = saved[index];
      const message = messages.get(result.messageId);
      if (!outcome || !message) continue;
      if ("error" in outcome) {
        // The database being away says nothing of the message: it is handed over again.
        if (!isDataError(outcome.error)) throw outcome.error;
        await failures.add(message, outcome.error);
      } else if (outcome.result) {
        const alone = toDraft(message, result, outcome.result);
        if (alone) ready.push(alone);
        else others.set(message.id, outcome.result);
      }
    }
    return { ready, others };
  };

  /** Loads messages with what else stands in their tickets; they stay claimed, however long the database is away meanwhile. */
  const loadClaimed = async (moved: Map<string, Moved>): Promise<Array<MessageToDraft & Attempted>> => {
    const ids = [...moved.keys()];
    if (ids.length === 0) return [];
    claims.hold("draft", ids);
    try {
      const loaded = await whileAway(() => loadToDraft(db, ids), signal);
      return loaded.map((one) => ({ ...one, ...(moved.get(one.id) as Moved) }));
    } finally {
      for (const id of ids) claims.drop("draft", id);
    }
  };

  /** What intake has handed over needs no loading. */
  const load = async (items: QueueItem[]) => {
    const carried = items.flatMap((item) => (item.carried ? [item.carried as UnclassifiedMessage] : []));
    const ids = items.flatMap((item) => (item.carried ? [] : [item.id]));
    return ids.length > 0 ? [...carried, ...(await loadUnclassified(db, ids))] : carried;
  };

  /** Stores labels and passes their messages on. @param onSaved called between the two */
  const finish = async (
    messages: Map<string, UnclassifiedMessage>,
    results: Kept[],
    onSaved?: () => void,
  ) => {
    if (results.length === 0) return;
    const { ready, others } = await save(messages, results);
    onSaved?.();
    await Promise.all([
      passOn("draft", parts, ready),
      loadClaimed(others).then((loaded) => passOn("draft", parts, loaded)),
    ]);
  };

  /** Each message that an LLM is asked about goes on by itself, so that the others of its batch need not wait. */
  const work = async (items: QueueItem[]) => {
    const started = performance.now();
    const loaded = await load(items);
    const messages = new Map(loaded.map((message) => [message.id, message]));
    const results = loaded.length > 0 ? await ask(loaded) : [];
    const asked = new Map<string, Promise<void>>();
    const settled = results.filter((kept) => {
      const message = messages.get(kept.messageId);
      const labels = message && llmLabels.ask(message, kept.detail);
      if (labels)
        asked.set(
          kept.messageId,
          labels.then((detail) => finish(messages, [withDetail(kept, detail)])),
        );
      return !labels;
    });
    const timed = () => metrics.time("deskwire.step.time", performance.now() - started, { step: "classify" });
    return { asked, others: finish(messages, settled, timed) };
  };

  return (items) => {
    const batch = work(items);
    return items.map(async ({ id }) => {
      const { asked, others } = await batch;
      await (asked.get(id) ?? others);
    });
  };
}
