/** Trains a whole model from examples: split, heads, quantising, calibration. Same examples and seed, same bytes. */
import { createHash } from "node:crypto";
import { copyFeatures, createExtractor, normalise } from "../features.ts";
import { headLabels } from "../labels.ts";
import { addStem, columnsOf, type Model, type ModelHead, score } from "../model.ts";
import { fitTemperature, fitThreshold, type Judged } from "./calibrate.ts";
import type { Example, Part } from "./examples.ts";
import { fit, type Point, quantise, type Vector } from "./fit.ts";
import { hashText } from "./random.ts";

export interface TrainOptions {
  readonly name: string;
  readonly version: string;
  readonly bits: number;
  readonly stemBits: number;
  readonly epochs: number;
  readonly rate: number;
  readonly l2: number;
  readonly seed: number;
  /** ISO 639-1 of the languages that the examples cover well. */
  readonly languages: readonly string[];
  /** Sources whose names begin so count tenfold in calibration: they are most like what a support desk gets. */
  readonly calibrateOn: string;
  /** Precision wanted of the answers that are given, by head. */
  readonly precision: Readonly<Record<string, number>>;
}

/** Which part a group belongs to: 8 in 10 train, 1 calibrates, 1 is kept for judging. */
export function partOf(group: string): Part {
  const share = hashText(`part ${group}`) % 10;
  return share === 0 ? "calibrate" : share === 1 ? "test" : "train";
}

/** SHA-256 over texts and labels, in order. */
export function hashExamples(examples: readonly Example[]): string {
  const hash = createHash("sha256");
  for (const { text, labels, weight } of examples) hash.update(`${JSON.stringify([text, labels, weight])}\n`);
  return hash.digest("hex");
}

/** Trains on the examples whose part is "train" and calibrates on those whose part is "calibrate". */
export function train(examples: readonly Example[], options: TrainOptions): Model {
  const extract = createExtractor(options.bits);
  const stems = new Uint8Array(2 ** options.stemBits / 8);
  const parts = { train: [] as Prepared[], calibrate: [] as Prepared[], test: [] as Prepared[] };
  for (const example of examples) {
    const part = partOf(example.group);
    const features = extract(normalise(null, example.text));
    // A stem that only small talk knows does not make a text familiar to the heads that matter.
    if (part === "train" && example.labels.scope !== "out") {
      for (let at = 0; at < features.stemCount; at += 1) addStem(stems, features.stems[at] as number);
    }
    parts[part].push({ example, vector: copyFeatures(features) });
  }
  const heads = Object.entries(headLabels).map(([name, labels], at) => {
    const points = pointsOf(parts.train, name, labels);
    const trained = fit(points, {
      buckets: 2 ** options.bits,
      labels: labels.length,
      epochs: options.epochs,
      rate: options.rate,
      l2: options.l2,
      seed: options.seed + at,
    });
    const { scale, rounded } = quantise(trained.weights, labels.length);
    const head: ModelHead = {
      name,
      labels: [...labels],
      temperature: 1,
      threshold: 0,
      bias: [...trained.bias],
      scale,
    };
    return { head, rounded };
  });
  const model = assemble(heads, stems, examples, options);
  return calibrate(model, parts.calibrate, options);
}

interface Prepared {
  readonly example: Example;
  readonly vector: Vector;
}

function pointsOf(prepared: readonly Prepared[], head: string, labels: readonly string[]): Point[] {
  return prepared.flatMap(({ example, vector }) => {
    const name = example.labels[head];
    if (name === undefined) return [];
    const label = labels.indexOf(name);
    if (label < 0) throw new Error(`"${name}" is not a label of ${head}: ${example.text.slice(0, 60)}`);
    return [{ vector, label, weight: example.weight }];
  });
}

/** Puts the heads' weights side by side, bucket by bucket. */
function assemble(
  heads: { head: ModelHead; rounded: Int8Array }[],
  stems: Uint8Array,
  examples: readonly Example[],
  options: TrainOptions,
): Model {
  const header = {
    name: options.name,
    version: options.version,
    languages: [...options.languages],
    dataHash: hashExamples(examples),
    bits: options.bits,
    stemBits: options.stemBits,
    bodyHash: "",
    heads: heads.map(({ head }) => head),
  };
  const columns = columnsOf(header);
  const weights = new Int8Array(2 ** options.bits * columns);
  let from = 0;
  for (const { head, rounded } of heads) {
    const width = head.labels.length;
    for (let bucket = 0; bucket < 2 ** options.bits; bucket += 1) {
      weights.set(rounded.subarray(bucket * width, (bucket + 1) * width), bucket * columns + from);
    }
    from += width;
  }
  return { header, weights, stems };
}

/** Calibrates on the rounded weights, so that the figures are those of the model that ships. */
function calibrate(model: Model, prepared: readonly Prepared[], options: TrainOptions): Model {
  const logits = new Float64Array(columnsOf(model.header));
  const judged = model.header.heads.map((): Judged[] => []);
  for (const { example, vector } of prepared) {
    score(model, { ...vector, count: vector.indices.length, stemCount: 0, stems: new Int32Array(0) }, logits);
    let from = 0;
    model.header.heads.forEach((head, at) => {
      const name = example.labels[head.name];
      if (name !== undefined) {
        judged[at]?.push({
          logits: logits.slice(from, from + head.labels.length),
          label: head.labels.indexOf(name),
          weight: example.source.startsWith(options.calibrateOn) ? 10 : 1,
        });
      }
      from += head.labels.length;
    });
  }
  const heads = model.header.heads.map((head, at) => {
    const temperature = fitTemperature(judged[at] ?? []);
    const threshold = fitThreshold(judged[at] ?? [], temperature, options.precision[head.name] ?? 0.8);
    return { ...head, temperature, threshold };
  });
  return { ...model, header: { ...model.header, heads } };
}
