/**
 * Fits the network of a model: "wide and deep" (Cheng et al. 2016), linear weights of each feature beside a layer of hidden units
 * that also see what words mean. The wide part knows exact words, the deep one what is alike.
 */
import { maxTextLength } from "../features.ts";
import { softmax } from "../score.ts";
import type { WordVectors } from "../word-vectors.ts";
import type { Network } from "./network.ts";
import { createRandom, type Random, shuffle } from "./random.ts";

/** What a text is to the fit. */
export interface Vector {
  /** Rows of the model, not buckets. */
  readonly indices: Int32Array;
  readonly values: Float32Array;
  /** The mean of its words' vectors; of no entries where the model has none. */
  readonly meaning: Float32Array;
  /** Of those words that are known; see `WordVectors`. */
  readonly words: Int32Array;
}

export interface Point {
  readonly vector: Vector;
  /** Index of the right label of each head; -1 where it is not known. */
  readonly labels: Int16Array;
  readonly weight: number;
}

export interface FitOptions {
  readonly epochs: number;
  readonly seed: number;
  /** Step of the deep part, and of the wide one; both fall to almost nothing until the end. */
  readonly deepRate: number;
  readonly wideRate: number;
  /** Share of the features that are left out at each look at a text: no single one may decide. */
  readonly featureDropout: number;
  readonly hiddenDropout: number;
  /** Share of the words that are left out of the mean of their vectors. */
  readonly wordDropout: number;
  readonly vectors: Pick<WordVectors, "embedWords"> | null;
  /** Whether rare labels count more, by the root of how rare they are: half way between frequency and equality. */
  readonly balance: boolean;
}

/**
 * Fits in place, by AdaGrad with one rate for each row. The order of the points and what is left out depend on the seed; the
 * result depends on nothing else.
 */
export function fit(network: Network, points: readonly Point[], options: FitOptions): void {
  const learn = createStep(network, options);
  const balance = options.balance ? balancesOf(points, network.heads) : null;
  const random = createRandom(options.seed);
  const order = points.map((_, at) => at);
  const steps = options.epochs * points.length;
  let step = 0;
  for (let epoch = 0; epoch < options.epochs; epoch += 1) {
    for (const at of shuffle(random, order)) {
      learn(points[at] as Point, Math.max(0.02, 1 - step / steps), balance, random);
      step += 1;
    }
  }
}

type Step = (point: Point, pace: number, balance: Float64Array[] | null, random: Random) => void;

function createStep(network: Network, options: FitOptions): Step {
  const { arrays, kernels, hidden, heads } = network;
  const { weights, fromWords, fromHidden, meaning, slopes } = arrays;
  const width = slopes.length;
  const kept = { count: 0, rows: arrays.kept, values: arrays.keptValues };
  const words = { count: meaning.length, rows: arrays.meaningRows, values: meaning };
  const on = { count: 0, rows: arrays.on, values: arrays.onValues };
  const labelSlopes = slopes.subarray(hidden);
  const logits = heads.map((labels) => new Float64Array(labels));
  const understand = createMeaning(meaning);

  return (point, pace, balance, random) => {
    kept.count = drop(arrays, point.vector, options.featureDropout, random);
    understand(point.vector, options, random);
    on.count = forward(network, kept.count, options.hiddenDropout, random);
    if (!compare(network, point, balance, logits)) return;
    const rate = pace * options.deepRate;
    const wide = meanSquare(labelSlopes);
    const unitPace = { squares: arrays.unitSquares, mean: wide, rate };
    kernels.backRows(fromHidden, on, labelSlopes, arrays.onSlopes, unitPace);
    for (let at = 0; at < on.count; at += 1) {
      const slope = (arrays.onSlopes[at] as number) / (1 - options.hiddenDropout);
      slopes[on.rows[at] as number] = slope;
    }
    const deep = { mean: meanSquare(slopes.subarray(0, hidden)), rate };
    const deepPace = { ...deep, squares: arrays.deepSquares };
    kernels.stepRows(weights, width, kept, slopes, 0, hidden, deepPace);
    const widePace = { squares: arrays.wideSquares, mean: wide, rate: pace * options.wideRate };
    kernels.stepRows(weights, width, kept, slopes, hidden, width, widePace);
    const wordPace = { ...deep, squares: arrays.wordSquares };
    kernels.stepRows(fromWords, hidden, words, slopes, 0, hidden, wordPace);
    stepBias(arrays, rate);
  };
}

/** Leaves out some features, and makes up for them with the others. @returns how many are left */
function drop(
  { kept, keptPlaces, keptValues, sums }: Network["arrays"],
  { indices, values }: Vector,
  share: number,
  random: Random,
): number {
  let count = 0;
  for (let at = 0; at < indices.length; at += 1) {
    if (share > 0 && random() < share) continue;
    const row = indices[at] as number;
    kept[count] = row;
    keptPlaces[count] = row * sums.length;
    keptValues[count++] = (values[at] as number) / (1 - share);
  }
  return count;
}

/** Makes a function that says what a text means by some of its words. @param into receives it */
function createMeaning(into: Float32Array) {
  const chosen = new Int32Array(maxTextLength);
  return ({ words, meaning }: Vector, { wordDropout, vectors }: FitOptions, random: Random): void => {
    into.set(meaning);
    if (wordDropout === 0 || !vectors || words.length === 0) return;
    let count = 0;
    for (let at = 0; at < words.length; at += 1) {
      if (random() >= wordDropout) chosen[count++] = words[at] as number;
    }
    // One at least: without any a text would mean nothing.
    if (count === 0) chosen[count++] = words[Math.floor(random() * words.length)] as number;
    vectors.embedWords(chosen, count, into);
  };
}

/** @returns how many units are on: all others have nothing to learn from this text */
function forward(
  { arrays, kernels, hidden }: Network,
  features: number,
  dropout: number,
  random: Random,
): number {
  const { sums, on, onPlaces, onValues } = arrays;
  const columns = sums.length - hidden;
  sums.set(arrays.bias);
  const kept = { count: features, rows: arrays.keptPlaces, values: arrays.keptValues };
  kernels.addRows(arrays.weights, kept, sums.length, sums);
  const words = { count: arrays.meaning.length, rows: arrays.meaningPlaces, values: arrays.meaning };
  kernels.addRows(arrays.fromWords, words, hidden, sums);
  let count = 0;
  for (let unit = 0; unit < hidden; unit += 1) {
    const sum = sums[unit] as number;
    if (sum <= 0 || (dropout > 0 && random() < dropout)) continue;
    on[count] = unit;
    onPlaces[count] = unit * columns;
    onValues[count++] = sum / (1 - dropout);
  }
  const units = { count, rows: onPlaces, values: onValues };
  kernels.addRows(arrays.fromHidden, units, columns, sums.subarray(hidden));
  return count;
}

/** How far each label's logit is off. @returns whether anything is known of the text */
function compare(
  { hidden, arrays: { sums, slopes } }: Network,
  point: Point,
  balance: Float64Array[] | null,
  logits: readonly Float64Array[],
): boolean {
  slopes.fill(0);
  let any = false;
  let from = hidden;
  logits.forEach((values, head) => {
    const right = point.labels[head] as number;
    const first = from;
    from += values.length;
    if (right < 0 || values.length < 2) return;
    any = true;
    for (let c = 0; c < values.length; c += 1) values[c] = sums[first + c] as number;
    const chances = softmax(values, 1);
    const factor = point.weight * (balance?.[head]?.[right] ?? 1);
    for (let c = 0; c < values.length; c += 1) {
      slopes[first + c] = factor * ((chances[c] as number) - (c === right ? 1 : 0));
    }
  });
  return any;
}

function stepBias({ bias, biasSquares, slopes }: Network["arrays"], rate: number): void {
  for (let at = 0; at < bias.length; at += 1) {
    const slope = slopes[at] as number;
    const square = (biasSquares[at] as number) + slope * slope;
    biasSquares[at] = square;
    bias[at] = (bias[at] as number) - (rate * slope) / Math.sqrt(square);
  }
}

/** The mean of the squares, 0 for none. */
function meanSquare(values: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum += (values[at] as number) * (values[at] as number);
  return values.length > 0 ? sum / values.length : 0;
}

function balancesOf(points: readonly Point[], heads: readonly number[]): Float64Array[] {
  return heads.map((labels, head) => {
    const sums = new Float64Array(labels);
    let total = 0;
    for (const point of points) {
      const label = point.labels[head] as number;
      if (label < 0) continue;
      sums[label] = (sums[label] as number) + point.weight;
      total += point.weight;
    }
    return sums.map((sum) => (sum > 0 ? Math.sqrt(total / (labels * sum)) : 1));
  });
}
