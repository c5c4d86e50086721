/** Classify: labels for a whole batch of messages in one call of the model. */
import type { ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import type { Handler, QueueItem } from "../queue/queue.ts";
import { loadUnclassified, type NewClassification, saveClassifications } from "../store/classifications.ts";
import { createStepFailures, type StepParts } from "./step.ts";

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

export function createClassifyHandler(parts: ClassifyParts): Handler {
  const { db, queue, metrics, classify } = parts;
  const failures = createStepFailures("classify", parts);

  const work = async (items: QueueItem[]) => {
    const started = performance.now();
    const messages = await loadUnclassified(
      db,
      items.map((item) => item.id),
    );
    if (messages.length === 0) return;
    let results: NewClassification[];
    try {
      const request = messages.map(({ id, company, subject, text }) => ({
        id,
        company,
        subject,
        text: text.slice(0, readLength).toWellFormed(),
      }));
      results = (await classify(request)).results.map(toClassification);
    } catch (error) {
      await Promise.all(messages.map((message) => failures.add(message, error)));
      return;
    }
    const moved = new Set(await saveClassifications(db, results));
    metrics.time("deskwire.step.time", performance.now() - started, { step: "classify" });
    await queue.publish(
      "draft",
      items.filter((item) => moved.has(item.id)),
    );
  };

  return (items) => {
    const batch = work(items);
    return items.map(() => batch);
  };
}
