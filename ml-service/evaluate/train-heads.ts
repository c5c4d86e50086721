/** Trains a model of whatever labels examples carry, from nothing: what a learning curve is made of. */
import { probabilities } from "../score.ts";
import type { Example } from "../train/examples.ts";
import { scoreAll, type TrainOptions, train } from "../train/train.ts";
import { groupBy, type HeadAnswer } from "./answers.ts";
import type { TrainAndAnswer } from "./learning-curve.ts";

export interface LabelledText {
  readonly subject: string | null;
  readonly text: string;
  /** Label by head. */
  readonly labels: Readonly<Record<string, string>>;
}

export type HeadOptions = Omit<TrainOptions, "name" | "version" | "labels" | "languages" | "seed">;

/**
 * Nothing is calibrated: only whether a label is right counts. A label that is not among those learnt is answered wrongly, and a
 * head of which nothing was learnt with an empty label.
 */
export function createHeadTrainer<E extends LabelledText>(options: HeadOptions): TrainAndAnswer<E> {
  return (learnt, asked, seed) => {
    const named = learnt.flatMap(({ labels }) => Object.entries(labels));
    const labels = Object.fromEntries(
      [...groupBy(named, ([head]) => head)].map(([head, pairs]) => [
        head,
        [...new Set(pairs.map(([, label]) => label))].sort(),
      ]),
    );
    const model = train(learnt.map(toExample), {
      ...options,
      name: "curve",
      version: "0",
      labels,
      languages: [],
      seed,
    });
    return scoreAll(model, asked.map(toExample), options.vectors).flatMap(({ example, logits }) => {
      const answers = new Map<string, Pick<HeadAnswer, "label" | "confidence">>();
      let from = 0;
      for (const head of model.header.heads) {
        const chances = probabilities(logits, from, head);
        const confidence = Math.max(0, ...chances);
        answers.set(head.name, { label: head.labels[chances.indexOf(confidence)] ?? "", confidence });
        from += head.labels.length;
      }
      return Object.entries(example.labels).map(([head, right]): HeadAnswer => {
        const answer = answers.get(head) ?? { label: "", confidence: 0 };
        return { head, right, abstained: false, ...answer };
      });
    });
  };
}

function toExample({ subject, text, labels }: LabelledText): Example {
  return { subject, text, labels, group: "", source: "", weight: 1 };
}
