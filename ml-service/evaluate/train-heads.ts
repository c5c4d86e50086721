/** Trains a head for each label that examples carry, from nothing and with any labels: what a learning curve is made of. */
import { copyFeatures, createExtractor, normalise } from "../features.ts";
import { softmax } from "../model.ts";
import { fit, type Vector } from "../train/fit.ts";
import { groupBy, type HeadAnswer } from "./answers.ts";
import type { TrainAndAnswer } from "./learning-curve.ts";

export interface LabelledText {
  readonly subject: string | null;
  readonly text: string;
  /** Label by head. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface HeadOptions {
  readonly bits: number;
  readonly epochs: number;
  readonly rate: number;
  readonly l2: number;
}

/**
 * Logistic regression over the same features as the model's. Nothing is calibrated: only whether a label is right counts. A
 * label that is not among those learnt is answered wrongly.
 */
export function createHeadTrainer<E extends LabelledText>(options: HeadOptions): TrainAndAnswer<E> {
  const extract = createExtractor(options.bits);
  // The same texts come again with each size and repeat.
  const vectors = new Map<E, Vector>();
  const vectorOf = (example: E): Vector => {
    const known = vectors.get(example);
    if (known) return known;
    const vector = copyFeatures(extract(normalise(example.subject, example.text)));
    vectors.set(example, vector);
    return vector;
  };
  return (train, test, seed) => {
    const labelled = (examples: readonly E[]) =>
      examples.flatMap((example) =>
        Object.entries(example.labels).map(([head, label]) => ({ head, label, vector: vectorOf(example) })),
      );
    const learnt = groupBy(labelled(train), ({ head }) => head);
    return [...groupBy(labelled(test), ({ head }) => head)].flatMap(([head, asked]) => {
      const predict = trainHead(learnt.get(head) ?? [], options, seed);
      return asked.map(({ label, vector }) => ({ head, right: label, abstained: false, ...predict(vector) }));
    });
  };
}

type Predict = (vector: Vector) => Pick<HeadAnswer, "label" | "confidence">;

function trainHead(
  points: readonly { label: string; vector: Vector }[],
  options: HeadOptions,
  seed: number,
): Predict {
  const labels = [...new Set(points.map(({ label }) => label))].sort();
  const places = new Map(labels.map((label, at) => [label, at]));
  const { weights, bias } = fit(
    points.map(({ label, vector }) => ({ vector, label: places.get(label) ?? 0, weight: 1 })),
    { ...options, buckets: 2 ** options.bits, labels: labels.length, seed },
  );
  return ({ indices, values }) => {
    const logits = bias.slice();
    indices.forEach((bucket, at) => {
      const value = values[at] ?? 0;
      for (let label = 0; label < labels.length; label += 1) {
        logits[label] = (logits[label] ?? 0) + value * (weights[bucket * labels.length + label] ?? 0);
      }
    });
    const chances = softmax(logits, 1);
    const confidence = Math.max(0, ...chances);
    return { label: labels[chances.indexOf(confidence)] ?? "", confidence };
  };
}
