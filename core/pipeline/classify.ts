/** Classify: labels for a whole batch of messages in one call of the model. */
import type { ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import { isConnectorError } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import { Unavailable } from "../lib/unavailable.ts";
import type { Handler, QueueItem } from "../queue/queue.ts";
import {
  loadUnclassified,
  type NewClassification,
  saveClassifications,
  type UnclassifiedMessage,
} from "../store/classifications.ts";
import { isDataError } from "../store/database.ts";
import type { MessageToDraft } from "../store/drafts.ts";
import { saveEach, whileAway } from "./commits.ts";
import type { Attempted } from "./failures.ts";
import { createStepFailures, passOn, type StepParts } from "./step.ts";

/** The beginning of a message that the model reads, in characters: labels are decided long before. */
const readLength = 8_000;

export interface ClassifyParts extends StepParts {
  classify(items: ClassifyItem[]): Promise<ClassifyResponse>;
}

function toClassification(result: ClassifyResponse["results"][number]): NewClassification {
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

/** A failure that may lie with one message of the batch: no word of the classifier as a whole. */
function isOfOneMessage(error: unknown): boolean {
  if (error instanceof Unavailable) return false;
  return !isConnectorError(error) || error.kind === "permanent" || error.kind === "transient";
}

export function createClassifyHandler(parts: ClassifyParts): Handler {
  const { db, claims, metrics, classify, signal } = parts;
  const failures = createStepFailures("classify", parts);

  /** A batch that fails is tried by halves, so that one message the model cannot take does not take others with it. */
  const ask = async (messages: UnclassifiedMessage[]): Promise<NewClassification[]> => {
    try {
      const request = messages.map(({ id, company, subject, text }) => ({
        id,
        company,
        subject,
        text: text.slice(0, readLength).toWellFormed(),
      }));
      const { results } = await untilAborted(classify(request), signal);
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

  const save = async (messages: UnclassifiedMessage[], results: NewClassification[]) => {
    const saved = await saveEach(results, async (some) => {
      const rows = await whileAway(() => saveClassifications(db, some, claims.claimant), signal);
      const moved = new Map(rows.map((row) => [row.id, row]));
      return some.map(({ messageId }) => moved.get(messageId) ?? null);
    });
    const moved: Array<MessageToDraft & Attempted> = [];
    for (const [index, { messageId }] of results.entries()) {
      const outcome = saved[index];
      if (outcome && "result" in outcome && outcome.result) moved.push(outcome.result);
      const message = messages.find(({ id }) => id === messageId);
      if (!outcome || !("error" in outcome) || !message) continue;
      // The database being away says nothing of the message: it is handed over again.
      if (!isDataError(outcome.error)) throw outcome.error;
      await failures.add(message, outcome.error);
    }
    return moved;
  };

  const work = async (items: QueueItem[]) => {
    const started = performance.now();
    const messages = await loadUnclassified(
      db,
      items.map((item) => item.id),
    );
    if (messages.length === 0) return;
    const results = await ask(messages);
    if (results.length === 0) return;
    const moved = await save(messages, results);
    metrics.time("deskwire.step.time", performance.now() - started, { step: "classify" });
    await passOn("draft", parts, moved);
  };

  return (items) => {
    const batch = work(items);
    return items.map(() => batch);
  };
}
