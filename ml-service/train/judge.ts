/** Judges a model on examples it has not learnt from. */
import type { Model } from "../model.ts";
import { probabilities } from "../score.ts";
import type { WordVectors } from "../word-vectors.ts";
import type { Example } from "./examples.ts";
import { type Answer, type Figures, measure } from "./metrics.ts";
import { scoreAll } from "./train.ts";

/** Figures by head, then by data set ("all" for all together). */
export type Judgement = Record<string, Record<string, Figures>>;

/** The model's bare word, without rules and without the check for unknown words. */
export function judge(model: Model, examples: readonly Example[], vectors: WordVectors | null): Judgement {
  const answers = new Map<string, Map<string, Answer[]>>();
  for (const { example, logits } of scoreAll(model, examples, vectors)) {
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
