/** Trains a model of one head and judges it, the same way for every set. */
import type { HeadAnswer } from "../../ml-service/evaluate/answers.ts";
import { chooseThreshold } from "../../ml-service/evaluate/threshold.ts";
import type { Model } from "../../ml-service/model.ts";
import { softmax } from "../../ml-service/score.ts";
import { fitTemperature } from "../../ml-service/train/calibrate.ts";
import type { Example } from "../../ml-service/train/examples.ts";
import { createRandom, shuffle } from "../../ml-service/train/random.ts";
import { learner } from "../../ml-service/train/settings.ts";
import { scoreAll, type TrainOptions, train } from "../../ml-service/train/train.ts";
import { shippedVectors } from "../../ml-service/word-vectors.ts";
import { head } from "./sets.ts";

export type Settings = Omit<TrainOptions, "name" | "version" | "labels" | "languages">;

/** What a company's own model is trained with. */
export const usual: Settings = { ...learner, vectors: shippedVectors() };
/** The largest share of wrong labels among those applied that is promised, and the one that is let pass: promises are made by samples. */
export const promised = 0.05;
export const letPass = 0.055;

/** A text's right label, and what the model says of each one. */
export interface Scored {
  readonly right: string;
  readonly logits: Float64Array;
}

export interface Calibration {
  readonly temperature: number;
  /** Confidence from which on a label is applied. */
  readonly threshold: number;
}

export function labelsOf(examples: readonly Example[]): string[] {
  return [...new Set(examples.map(rightOf))].sort();
}

export function trainOn(examples: readonly Example[], settings: Settings = usual): Model {
  const labels = { [head]: labelsOf(examples) };
  return train(examples, { ...settings, labels, name: "bench", version: "0", languages: [] });
}

export function scoreBy(model: Model, examples: readonly Example[], { vectors }: Settings = usual): Scored[] {
  return scoreAll(model, examples, vectors).map(({ example, logits }) => ({
    right: rightOf(example),
    logits,
  }));
}

const rightOf = ({ labels }: Example): string => labels[head] ?? "";

/** Chooses temperature and threshold by texts that the model has not learnt from. */
export function calibrateBy(scored: readonly Scored[], labels: readonly string[]): Calibration {
  const judged = scored.map(({ right, logits }) => ({ logits, label: labels.indexOf(right), weight: 1 }));
  const temperature = fitTemperature(judged);
  const { threshold } = chooseThreshold(answersOf(scored, labels, { temperature, threshold: 0 }), {
    risk: promised,
  });
  return { temperature, threshold };
}

export function answersOf(
  scored: readonly Scored[],
  labels: readonly string[],
  { temperature, threshold }: Calibration,
): HeadAnswer[] {
  return scored.map(({ right, logits }) => {
    const chances = softmax(logits, temperature);
    const confidence = Math.max(...chances);
    const label = labels[chances.indexOf(confidence)] ?? "";
    return { head, right, label, confidence, abstained: confidence < threshold };
  });
}

/** The share (0 to 1) of texts whose likeliest label is right. */
export function shareRight(scored: readonly Scored[], labels: readonly string[]): number {
  const right = scored.filter(({ right, logits }) => labels[logits.indexOf(Math.max(...logits))] === right);
  return right.length / Math.max(1, scored.length);
}

/** Some of the items, each at most once; which ones depends on the seed alone. */
export function sample<T>(items: readonly T[], count: number, seed: number): T[] {
  return shuffle(createRandom(seed), [...items]).slice(0, count);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The standard deviation over samples; 0 for a single value. */
export function spreadOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1),
  );
}
