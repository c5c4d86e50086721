/**
 * Fits the network of a model: "wide and deep" (Cheng et al. 2016), linear weights of each feature beside a layer of hidden units
 * that also see what words mean. The wide part knows exact words, the deep one what is alike.
 */
import { softmax } from "../score.ts";
import type { Network } from "./network.ts";
import { createRandom, type Random, shuffle } from "./random.ts";
import { addWeighted, meanSquare, type Places, stepRow, stepUnits, type WeightedRows } from "./row-steps.ts";

/** What a text is to the fit. */
export interface Vector {
  /** Rows of the model, not buckets. */
  readonly indices: Int32Array;
  readonly values: Float32Array;
  /** The mean of its words' vectors; of no entries where the model has none. */
  readonly meaning: Float32Array;
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

/** As many features as a text can have. */
const mostFeatures = 24_576;

/** What one look at a text leaves behind; the arrays are reused. */
interface Pass {
  /** The features that were not left out. */
  readonly kept: WeightedRows & { count: number; readonly rows: Int32Array };
  /** Of the hidden units, then of the labels. */
  readonly sums: Float32Array;
  readonly units: Float32Array;
  /** What a unit's sum was multiplied by. */
  readonly gates: Float32Array;
  /** The units that are on: in the deep part, all others have nothing to learn from this text. */
  readonly on: Places & { count: number };
  /** How far each sum is off. */
  readonly slopes: Float32Array;
}

/** The sums of squares that AdaGrad divides by. */
interface Squares {
  readonly deep: Float64Array;
  readonly wide: Float64Array;
  readonly words: Float64Array;
  readonly units: Float64Array;
  readonly bias: Float64Array;
}

function createStep(network: Network, options: FitOptions): Step {
  const { hidden, heads } = network;
  const width = network.bias.length;
  const pass: Pass = {
    kept: {
      count: 0,
      bases: new Int32Array(mostFeatures),
      rows: new Int32Array(mostFeatures),
      values: new Float32Array(mostFeatures),
    },
    sums: new Float32Array(width),
    units: new Float32Array(hidden),
    gates: new Float32Array(hidden),
    on: { count: 0, units: new Int32Array(hidden) },
    slopes: new Float32Array(width),
  };
  const squares: Squares = {
    deep: new Float64Array(network.rows).fill(1e-3),
    wide: new Float64Array(network.rows).fill(1e-6),
    words: new Float64Array(hidden === 0 ? 0 : network.fromWords.length / hidden).fill(1e-3),
    units: new Float64Array(hidden).fill(1e-3),
    bias: new Float64Array(width).fill(1e-3),
  };
  const logits = heads.map((labels) => new Float64Array(labels));

  return (point, pace, balance, random) => {
    const rates = { deep: pace * options.deepRate, wide: pace * options.wideRate };
    drop(pass, point.vector, options.featureDropout, random);
    forward(network, pass, point.vector.meaning, options.hiddenDropout, random);
    if (!compare(network, pass, point, balance, logits)) return;
    const wide = meanSquare(pass.slopes, hidden, width);
    backward(network, pass, squares, rates.deep, wide);
    const deep = meanSquare(pass.slopes, 0, hidden);
    stepFeatures(network, pass, squares, rates, { deep, wide });
    stepWords(network, pass, squares, rates.deep, deep, point.vector.meaning);
    stepBias(network, pass, squares, rates.deep);
  };
}

/** Leaves out some features, and makes up for them with the others. */
function drop({ kept, sums }: Pass, { indices, values }: Vector, share: number, random: Random): void {
  kept.count = 0;
  for (let at = 0; at < indices.length; at += 1) {
    if (share > 0 && random() < share) continue;
    const row = indices[at] as number;
    kept.rows[kept.count] = row;
    kept.bases[kept.count] = row * sums.length;
    kept.values[kept.count++] = (values[at] as number) / (1 - share);
  }
}

function forward(network: Network, pass: Pass, meaning: Float32Array, dropout: number, random: Random): void {
  const { hidden, fromWords, fromHidden } = network;
  const { sums, units, gates, on } = pass;
  const columns = sums.length - hidden;
  sums.set(network.bias);
  addWeighted(network.weights, pass.kept, sums);
  for (let k = 0; hidden > 0 && k < meaning.length; k += 1) {
    const value = meaning[k] as number;
    for (let j = 0, base = k * hidden; j < hidden; j += 1) {
      sums[j] = (sums[j] as number) + value * (fromWords[base + j] as number);
    }
  }
  on.count = 0;
  for (let j = 0; j < hidden; j += 1) {
    const isOn = (sums[j] as number) > 0 && !(dropout > 0 && random() < dropout);
    gates[j] = isOn ? 1 / (1 - dropout) : 0;
    units[j] = (sums[j] as number) * (gates[j] as number);
    if (!isOn) continue;
    on.units[on.count++] = j;
    for (let c = 0, base = j * columns; c < columns; c += 1) {
      sums[hidden + c] =
        (sums[hidden + c] as number) + (units[j] as number) * (fromHidden[base + c] as number);
    }
  }
}

/** How far each label's logit is off. @returns whether anything is known of the text */
function compare(
  { hidden }: Network,
  { sums, slopes }: Pass,
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

/** From the labels back to the hidden units, and the step of the weights between them. */
function backward(network: Network, pass: Pass, squares: Squares, rate: number, wide: number): void {
  const { hidden, fromHidden } = network;
  const { units, gates, on, slopes } = pass;
  const columns = slopes.length - hidden;
  for (let at = 0; at < on.count; at += 1) {
    const j = on.units[at] as number;
    const unit = units[j] as number;
    const square = (squares.units[j] as number) + unit * unit * wide;
    squares.units[j] = square;
    const stride = (rate * unit) / Math.sqrt(square);
    let slope = 0;
    for (let c = 0, base = j * columns; c < columns; c += 1) {
      const weight = fromHidden[base + c] as number;
      const off = slopes[hidden + c] as number;
      slope += weight * off;
      fromHidden[base + c] = weight - stride * off;
    }
    slopes[j] = slope * (gates[j] as number);
  }
}

function stepFeatures(
  { hidden, weights }: Network,
  { kept, on, slopes }: Pass,
  squares: Squares,
  rates: { deep: number; wide: number },
  means: { deep: number; wide: number },
): void {
  for (let at = 0; at < kept.count; at += 1) {
    const row = kept.rows[at] as number;
    const value = kept.values[at] as number;
    const deep = (squares.deep[row] as number) + value * value * means.deep;
    const wide = (squares.wide[row] as number) + value * value * means.wide;
    squares.deep[row] = deep;
    squares.wide[row] = wide;
    const base = row * slopes.length;
    stepUnits(weights, base, slopes, on, (rates.deep * value) / Math.sqrt(deep));
    stepRow(weights, base, slopes, hidden, slopes.length, (rates.wide * value) / Math.sqrt(wide));
  }
}

function stepWords(
  { hidden, fromWords }: Network,
  { on, slopes }: Pass,
  { words }: Squares,
  rate: number,
  mean: number,
  meaning: Float32Array,
): void {
  for (let k = 0; k < words.length; k += 1) {
    const value = meaning[k] as number;
    const square = (words[k] as number) + value * value * mean;
    words[k] = square;
    stepUnits(fromWords, k * hidden, slopes, on, (rate * value) / Math.sqrt(square));
  }
}

function stepBias({ bias }: Network, { slopes }: Pass, squares: Squares, rate: number): void {
  for (let at = 0; at < bias.length; at += 1) {
    const slope = slopes[at] as number;
    const square = (squares.bias[at] as number) + slope * slope;
    squares.bias[at] = square;
    bias[at] = (bias[at] as number) - (rate * slope) / Math.sqrt(square);
  }
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
