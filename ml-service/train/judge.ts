/** Judges a model on examples it has not learnt from. */

import { createExtractor, normalise } from "../features.ts";
import { columnsOf, type Model, probabilities, score } from "../model.ts";
import type { Example } from "./examples.ts";
import { type Answer, type Figures, measure } from "./metrics.ts";

/** Figures by head, then by data set ("all" for all together). */
export type Judgement = Record<string, Record<string, Figures>>;

/** The model's bare word, without rules and without the check for unknown words. */
export function judge(model: Model, examples: readonly Example[]): Judgement {
  const extract = createExtractor(model.header.bits);
  const logits = new Float64Array(columnsOf(model.header));
  const answers = new Map<string, Map<string, Answer[]>>();
  for (const example of examples) {
    score(model, extract(normalise(null, example.text)), logits);
    let from = 0;
    for (const head of model.header.heads) {
      const right = example.labels[head.name];
      if (right !== undefined) {
        const chances = probabilities(logits, from, head);
        const confidence = Math.max(...chances);
        const label = head.labels[chances.indexOf(confidence)] ?? "";
        const abstained = confidence < head.threshold;
        const answer = { right: [right], label, confidence, abstained, group: example.group };
        for (const source of ["all", example.source]) push(answers, head.name, source, answer);
      }
      from += head.labels.length;
    }
  }
  return Object.fromEntries(
    [...answers].map(([head, bySource]) => [
      head,
      Object.fromEntries([...bySource].map(([source, list]) => [source, measure(list)])),
    ]),
  );
}

function push(
  answers: Map<string, Map<string, Answer[]>>,
  head: string,
  source: string,
  answer: Answer,
): void {
  const bySource = answers.get(head) ?? new Map<string, Answer[]>();
  answers.set(head, bySource);
  const list = bySource.get(source) ?? [];
  bySource.set(source, list);
  list.push(answer);
}
