/**
 * Fits the network of a model: "wide and deep" (Cheng et al. 2016), linear weights of each feature beside a layer of hidden units
 * that also see what words mean. The wide part knows exact words, the deep one what is alike.
 */
import { softmax } from "../score.ts";
import { createRandom, type Random, shuffle } from "./random.ts";

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

/** The weights as they are while they are fitted. */
export interface Network {
  readonly rows: number;
  readonly hidden: number;
  /** How many labels each head has. */
  readonly heads: readonly number[];
  /** By row: the hidden units' weights, then the labels'. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly fromWords: Float32Array;
  readonly fromHidden: Float32Array;
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

/** Hidden units begin on: where a text has no word that is known, nothing else would ever switch one on. */
const startingBias = 0.1;

/** A network that says nothing yet. @param dimensions of the word vectors, 0 where there are none */
export function createNetwork(
  rows: number,
  heads: readonly number[],
  { hidden, dimensions, seed }: { hidden: number; dimensions: number; seed: number },
): Network {
  const columns = heads.reduce((sum, labels) => sum + labels, 0);
  const random = createRandom(seed);
  // The rows start at zero: a feature that was seldom seen then says little, and nothing is noise.
  return {
    rows,
    hidden,
    heads,
    weights: new Float32Array(rows * (hidden + columns)),
    bias: new Float32Array(hidden + columns).fill(startingBias, 0, hidden),
    fromWords: Float32Array.from({ length: dimensions * hidden }, () => 0.3 * gauss(random)),
    fromHidden: Float32Array.from({ length: hidden * columns }, () => gauss(random) / Math.sqrt(hidden)),
  };
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

/** One look at one text, with the squares that AdaGrad keeps. */
function createStep(network: Network, options: FitOptions): Step {
  const { hidden, heads, weights, bias, fromWords, fromHidden } = network;
  const { featureDropout, hiddenDropout } = options;
  const width = bias.length;
  const columns = width - hidden;
  const dimensions = hidden === 0 ? 0 : fromWords.length / hidden;
  const deepSquares = new Float64Array(network.rows).fill(1e-3);
  const wideSquares = new Float64Array(network.rows).fill(1e-6);
  const wordSquares = new Float64Array(dimensions).fill(1e-3);
  const unitSquares = new Float64Array(hidden).fill(1e-3);
  const biasSquares = new Float64Array(width).fill(1e-3);
  const sums = new Float32Array(width);
  const units = new Float32Array(hidden);
  const gates = new Float32Array(hidden);
  /** The units that are on: in the deep part, all others have nothing to learn from this text. */
  const on = { count: 0, units: new Int32Array(hidden) };
  const slopes = new Float32Array(width);
  const kept = {
    count: 0,
    bases: new Int32Array(24_576),
    rows: new Int32Array(24_576),
    values: new Float32Array(24_576),
  };

  /** Leaves out some features, and makes up for them with the others. */
  const drop = ({ indices, values }: Vector, random: Random) => {
    kept.count = 0;
    for (let at = 0; at < indices.length; at += 1) {
      if (featureDropout > 0 && random() < featureDropout) continue;
      const row = indices[at] as number;
      kept.rows[kept.count] = row;
      kept.bases[kept.count] = row * width;
      kept.values[kept.count++] = (values[at] as number) / (1 - featureDropout);
    }
  };
  const forward = (meaning: Float32Array, random: Random) => {
    sums.set(bias);
    addWeighted(weights, kept, sums);
    for (let k = 0; k < dimensions; k += 1) {
      const value = meaning[k] as number;
      for (let j = 0, base = k * hidden; j < hidden; j += 1) {
        sums[j] = (sums[j] as number) + value * (fromWords[base + j] as number);
      }
    }
    on.count = 0;
    for (let j = 0; j < hidden; j += 1) {
      const isOn = (sums[j] as number) > 0 && !(hiddenDropout > 0 && random() < hiddenDropout);
      gates[j] = isOn ? 1 / (1 - hiddenDropout) : 0;
      units[j] = (sums[j] as number) * (gates[j] as number);
      if (!isOn) continue;
      on.units[on.count++] = j;
      for (let c = 0, base = j * columns; c < columns; c += 1) {
        sums[hidden + c] =
          (sums[hidden + c] as number) + (units[j] as number) * (fromHidden[base + c] as number);
      }
    }
  };
  const logits = heads.map((labels, head) => {
    const from = heads.slice(0, head).reduce((sum, count) => sum + count, 0);
    return { from, labels, values: new Float64Array(labels) };
  });
  /** How far each label's logit is off. @returns whether anything is */
  const compare = (point: Point, balance: Float64Array[] | null) => {
    slopes.fill(0);
    let any = false;
    logits.forEach(({ from, labels, values }, head) => {
      const right = point.labels[head] as number;
      if (right < 0 || labels < 2) return;
      any = true;
      for (let c = 0; c < labels; c += 1) values[c] = sums[hidden + from + c] as number;
      const chances = softmax(values, 1);
      const factor = point.weight * (balance?.[head]?.[right] ?? 1);
      for (let c = 0; c < labels; c += 1) {
        slopes[hidden + from + c] = factor * ((chances[c] as number) - (c === right ? 1 : 0));
      }
    });
    return any;
  };
  /** From the labels back to the hidden units, and the step of the weights between them. */
  const backward = (rate: number, squares: number) => {
    for (let at = 0; at < on.count; at += 1) {
      const j = on.units[at] as number;
      const unit = units[j] as number;
      const square = (unitSquares[j] as number) + unit * unit * squares;
      unitSquares[j] = square;
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
  };

  return (point, pace, balance, random) => {
    drop(point.vector, random);
    forward(point.vector.meaning, random);
    if (!compare(point, balance)) return;
    const deepRate = pace * options.deepRate;
    const wideRate = pace * options.wideRate;
    const wide = meanSquare(slopes, hidden, width);
    backward(deepRate, wide);
    const deep = meanSquare(slopes, 0, hidden);
    for (let at = 0; at < kept.count; at += 1) {
      const row = kept.rows[at] as number;
      const value = kept.values[at] as number;
      const deepSquare = (deepSquares[row] as number) + value * value * deep;
      const wideSquare = (wideSquares[row] as number) + value * value * wide;
      deepSquares[row] = deepSquare;
      wideSquares[row] = wideSquare;
      const base = row * width;
      stepUnits(weights, base, slopes, on, (deepRate * value) / Math.sqrt(deepSquare));
      stepRow(weights, base, slopes, hidden, width, (wideRate * value) / Math.sqrt(wideSquare));
    }
    for (let k = 0; k < dimensions; k += 1) {
      const value = point.vector.meaning[k] as number;
      const square = (wordSquares[k] as number) + value * value * deep;
      wordSquares[k] = square;
      stepUnits(fromWords, k * hidden, slopes, on, (deepRate * value) / Math.sqrt(square));
    }
    for (let at = 0; at < width; at += 1) {
      const slope = slopes[at] as number;
      const square = (biasSquares[at] as number) + slope * slope;
      biasSquares[at] = square;
      bias[at] = (bias[at] as number) - (deepRate * slope) / Math.sqrt(square);
    }
  };
}

function meanSquare(values: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 1) sum += (values[at] as number) * (values[at] as number);
  return to > from ? sum / (to - from) : 0;
}

/** Four rows at a time: a quarter of the reads and writes of the sums. */
function addWeighted(
  weights: Float32Array,
  { count, bases, values }: { count: number; bases: Int32Array; values: Float32Array },
  sums: Float32Array,
): void {
  const width = sums.length;
  let at = 0;
  for (; at + 4 <= count; at += 4) {
    const [a, b] = [bases[at] as number, bases[at + 1] as number];
    const [c, d] = [bases[at + 2] as number, bases[at + 3] as number];
    const [p, q] = [values[at] as number, values[at + 1] as number];
    const [r, s] = [values[at + 2] as number, values[at + 3] as number];
    for (let j = 0; j < width; j += 1) {
      sums[j] =
        (sums[j] as number) +
        p * (weights[a + j] as number) +
        q * (weights[b + j] as number) +
        r * (weights[c + j] as number) +
        s * (weights[d + j] as number);
    }
  }
  for (; at < count; at += 1) {
    const base = bases[at] as number;
    const value = values[at] as number;
    for (let j = 0; j < width; j += 1) sums[j] = (sums[j] as number) + value * (weights[base + j] as number);
  }
}

function stepRow(
  weights: Float32Array,
  base: number,
  slopes: Float32Array,
  from: number,
  to: number,
  stride: number,
): void {
  for (let j = from; j < to; j += 1) {
    weights[base + j] = (weights[base + j] as number) - stride * (slopes[j] as number);
  }
}

function stepUnits(
  weights: Float32Array,
  base: number,
  slopes: Float32Array,
  { count, units }: { count: number; units: Int32Array },
  stride: number,
): void {
  for (let at = 0; at < count; at += 1) {
    const j = units[at] as number;
    weights[base + j] = (weights[base + j] as number) - stride * (slopes[j] as number);
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

/** Of mean 0 and variance 1, by Box and Muller. */
function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** What one step of the weights as bytes is worth for each column, and the rounded weights. */
export function quantise(weights: Float32Array, width: number): { scales: Float32Array; rounded: Int8Array } {
  const highest = new Float64Array(width);
  for (let base = 0; base < weights.length; base += width) {
    for (let at = 0; at < width; at += 1) {
      const size = Math.abs(weights[base + at] as number);
      if (size > (highest[at] as number)) highest[at] = size;
    }
  }
  const scales = Float32Array.from(highest, (value) => (value > 0 ? value / 127 : 1));
  const rounded = new Int8Array(weights.length);
  for (let base = 0; base < weights.length; base += width) {
    for (let at = 0; at < width; at += 1) {
      rounded[base + at] = Math.round((weights[base + at] as number) / (scales[at] as number));
    }
  }
  return { scales, rounded };
}
