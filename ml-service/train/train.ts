/** Trains a model from examples: features, network, rounding, calibration. Same examples and seed, same bytes. */
import { createHash } from "node:crypto";
import { copyFeatures, createExtractor, normalise } from "../features.ts";
import type { Model, ModelHead } from "../model.ts";
import { addStem, createScorer, familiarityOf } from "../score.ts";
import type { WordVectors } from "../word-vectors.ts";
import { fitTemperature, fitThreshold, type Judged } from "./calibrate.ts";
import type { Example, Part } from "./examples.ts";
import { type FitOptions, fit, type Point, type Vector } from "./fit.ts";
import { createNetwork, type Fitted, joinNetworks, type Network, quantise } from "./network.ts";
import { hashText } from "./random.ts";

export interface TrainOptions extends Omit<FitOptions, "epochs" | "vectors"> {
  readonly name: string;
  readonly version: string;
  /** The heads and their labels, in the order in which the model keeps them. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly bits: number;
  readonly stemBits: number;
  /** Hidden units of each member. */
  readonly hidden: number;
  /** So many networks are fitted, from one seed after the other, and answer together (default 1). */
  readonly members?: number;
  /** Default: see `epochsFor`. */
  readonly epochs?: number;
  /** A feature that fewer texts have gets no weights. Default: 2, and 1 where there are few texts. */
  readonly leastTexts?: number;
  readonly vectors: WordVectors | null;
  /** ISO 639-1 of the languages that the examples cover well; empty for any. */
  readonly languages: readonly string[];
  /** A model with the same labels to learn on from, instead of from nothing. */
  readonly start?: Model;
}

export interface CalibrateOptions {
  readonly vectors: WordVectors | null;
  /** Precision wanted of the answers that are given, by head. */
  readonly precision: Readonly<Record<string, number>>;
  /** How much an example counts. Default: all the same. */
  weightOf?(example: Example): number;
}

/** With fewer texts than this, a feature of one text counts too. */
const fewTexts = 2_000;

/** Which part a group belongs to: 8 in 10 train, 1 calibrates, 1 is kept for judging. */
export function partOf(group: string): Part {
  const share = hashText(`part ${group}`) % 10;
  return share === 0 ? "calibrate" : share === 1 ? "test" : "train";
}

/** SHA-256 over texts and labels, in order. */
export function hashExamples(examples: readonly Example[]): string {
  const hash = createHash("sha256");
  for (const { subject, text, labels, weight } of examples) {
    hash.update(`${JSON.stringify([subject ?? null, text, labels, weight])}\n`);
  }
  return hash.digest("hex");
}

/** Many looks at few texts, few looks at many; networks that answer together need two thirds of them each. */
export function epochsFor(texts: number, members: number): number {
  const looks = Math.min(20, Math.max(5, Math.round(100_000 / Math.max(1, texts))));
  return members === 1 ? looks : Math.round((looks * 2) / 3);
}

/**
 * Trains on all the examples. The model is not calibrated: temperature 1, threshold 0.
 * @throws Error where an example has a label that is not among those of its head
 */
export function train(examples: readonly Example[], options: TrainOptions): Model {
  const { vectors, labels, start } = options;
  const read = readTexts(examples, options);
  const leastTexts = options.leastTexts ?? (examples.length < fewTexts ? 1 : 2);
  const kept = bucketsOf(read.vectors, 2 ** options.bits, leastTexts, start);
  const points = examples.map((example, at) => pointOf(example, labels, read.vectors[at] as Raw, kept.rowOf));
  const heads = Object.values(labels).map((names) => names.length);
  const dimensions = vectors?.dimensions ?? 0;
  const hidden = start?.header.hidden ?? options.hidden;
  const members = start ? 1 : (options.members ?? 1);
  const epochs = options.epochs ?? epochsFor(points.length, members);
  const fitted = joinNetworks(members, (member) => {
    const seed = options.seed + member;
    const network = createNetwork(kept.buckets.length, heads, { hidden, dimensions, seed });
    if (start) resume(network, kept.rowOf, start);
    fit(network, points, { ...options, epochs, seed });
    return network;
  });
  return toModel(fitted, kept.buckets, read.stems, hashExamples(examples), options);
}

/** What a text has, by buckets; its arrays become those of a `Vector`. */
interface Raw {
  readonly indices: Int32Array;
  readonly values: Float32Array;
  readonly meaning: Float32Array;
  readonly words: Int32Array;
}

function readTexts(examples: readonly Example[], { bits, stemBits, vectors }: TrainOptions) {
  const extract = createExtractor(bits);
  const stems = new Uint8Array(2 ** stemBits / 8);
  const raw = examples.map(({ subject, text, labels }): Raw => {
    const normal = normalise(subject ?? null, text);
    const features = extract(normal);
    // A stem that only small talk knows does not make a text familiar to the heads that matter.
    if (labels.scope !== "out") {
      for (let at = 0; at < features.stemCount; at += 1) addStem(stems, features.stems[at] as number);
    }
    const meaning = new Float32Array(vectors?.dimensions ?? 0);
    vectors?.embed(features, meaning, normal);
    const words = vectors?.wordsOf(features) ?? new Int32Array();
    return { ...copyFeatures(features), meaning, words };
  });
  return { vectors: raw, stems };
}

/** The buckets that get weights: those of features that enough texts have. */
function bucketsOf(vectors: readonly Raw[], count: number, leastTexts: number, start: Model | undefined) {
  const texts = new Uint32Array(count);
  for (const bucket of start?.buckets ?? []) texts[bucket] = leastTexts;
  for (const { indices } of vectors) {
    for (const bucket of indices) texts[bucket] = (texts[bucket] as number) + 1;
  }
  const rowOf = new Int32Array(count).fill(-1);
  const buckets: number[] = [];
  texts.forEach((seen, bucket) => {
    if (seen < leastTexts) return;
    rowOf[bucket] = buckets.length;
    buckets.push(bucket);
  });
  return { buckets: Int32Array.from(buckets), rowOf };
}

/** Takes over what a model has learnt, as far as bytes have kept it. Its labels must be the same. */
function resume(network: Network, rowOf: Int32Array, start: Model): void {
  const { weights, bias, fromWords, fromHidden } = network.arrays;
  const width = bias.length;
  start.buckets.forEach((bucket, from) => {
    const row = rowOf[bucket] as number;
    for (let at = 0; at < width; at += 1) {
      const steps = start.weights[from * width + at] as number;
      weights[row * width + at] = steps * (start.scales[at] as number);
    }
  });
  bias.set(start.bias);
  fromWords.set(start.fromWords);
  fromHidden.set(start.fromHidden);
}

function pointOf(example: Example, labels: TrainOptions["labels"], raw: Raw, rowOf: Int32Array): Point {
  const right = Object.entries(labels).map(([head, names]) => {
    const name = example.labels[head];
    const at = name === undefined ? -1 : names.indexOf(name);
    if (name !== undefined && at < 0) {
      throw new Error(`"${name}" is not a label of ${head}: ${example.text.slice(0, 60)}`);
    }
    return at;
  });
  return { vector: toRows(raw, rowOf), labels: Int16Array.from(right), weight: example.weight };
}

/** Puts rows in the place of buckets, and leaves out those without one. In the same arrays: of many texts, a copy would be gigabytes. */
function toRows({ indices, values, ...others }: Raw, rowOf: Int32Array): Vector {
  let count = 0;
  for (let at = 0; at < indices.length; at += 1) {
    const row = rowOf[indices[at] as number] as number;
    if (row < 0) continue;
    indices[count] = row;
    values[count] = values[at] as number;
    count += 1;
  }
  return { indices: indices.subarray(0, count), values: values.subarray(0, count), ...others };
}

function toModel(
  { hidden, weights, bias, fromWords, fromHidden }: Fitted,
  buckets: Int32Array,
  stems: Uint8Array,
  dataHash: string,
  options: TrainOptions,
): Model {
  const { name, version, languages, bits, stemBits, vectors, start } = options;
  start?.stems.forEach((byte, at) => {
    stems[at] = (stems[at] as number) | byte;
  });
  const { scales, rounded } = quantise(weights, bias.length);
  const heads = Object.entries(options.labels).map(
    ([name, labels]): ModelHead => ({ name, labels: [...labels], temperature: 1, threshold: 0, blend: 0 }),
  );
  return {
    header: {
      ...{ name, version, languages: [...languages], dataHash, bits, stemBits },
      ...{ rows: buckets.length, hidden, familiarity: [], bodyHash: "", heads },
      vectors: vectors && { hash: vectors.hash, dimensions: vectors.dimensions },
    },
    ...{ buckets, weights: rounded, scales, bias, fromWords, fromHidden, stems },
  };
}

/** Texts and their logits, by a model: what calibration and judging start from. */
export function scoreAll(
  model: Model,
  examples: readonly Example[],
  vectors: WordVectors | null,
): { example: Example; logits: Float64Array }[] {
  const extract = createExtractor(model.header.bits);
  const score = createScorer(model, vectors);
  return examples.map((example) => {
    const normal = normalise(example.subject ?? null, example.text);
    return { example, logits: score(extract(normal), normal).slice() };
  });
}

/**
 * Sets the heads' temperatures and thresholds and what is familiar, by examples that the model has not learnt from. It works
 * on the rounded weights, so that the figures are those of the model that serves.
 */
export function calibrate(model: Model, examples: readonly Example[], options: CalibrateOptions): Model {
  const { header } = model;
  const scored = scoreAll(model, examples, options.vectors);
  let from = 0;
  const heads = header.heads.map((head) => {
    const judged = scored.flatMap(({ example, logits }): Judged[] => {
      const name = example.labels[head.name];
      if (name === undefined) return [];
      const own = logits.slice(from, from + head.labels.length);
      return [{ logits: own, label: head.labels.indexOf(name), weight: options.weightOf?.(example) ?? 1 }];
    });
    from += head.labels.length;
    if (judged.length === 0) return head;
    const temperature = fitTemperature(judged);
    const threshold = fitThreshold(judged, temperature, options.precision[head.name] ?? 0.8);
    return { ...head, temperature, threshold };
  });
  const inside = scored.filter(({ example }) => example.labels.scope !== "out");
  const familiarity = quantilesOf(inside.map(({ logits }) => familiarityOf(logits, header.heads)));
  return { ...model, header: { ...header, heads, familiarity } };
}

/** The lowest, the highest, and 49 values between that share the values evenly; none where there are too few. */
export function quantilesOf(values: readonly number[]): number[] {
  if (values.length < 50) return [];
  const sorted = values.toSorted((a, b) => a - b);
  return Array.from({ length: 51 }, (_, at) => {
    const value = sorted[Math.round((at * (sorted.length - 1)) / 50)] as number;
    return Math.round(value * 10_000) / 10_000;
  });
}
