/** Multinomial logistic regression over sparse vectors, by AdaGrad with L2; one head at a time. */
import { softmax } from "../model.ts";
import { createRandom, shuffle } from "./random.ts";

export interface Vector {
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

export interface Point {
  readonly vector: Vector;
  /** Index of the right label. */
  readonly label: number;
  readonly weight: number;
}

export interface FitOptions {
  readonly buckets: number;
  readonly labels: number;
  readonly epochs: number;
  readonly rate: number;
  readonly l2: number;
  readonly seed: number;
}

/** Weights as `buckets` rows of `labels` columns. */
export interface Fit {
  readonly weights: Float32Array;
  readonly bias: Float64Array;
}

/** Trains one head. The order of the points is shuffled by the seed; the result depends on nothing else. */
export function fit(points: readonly Point[], options: FitOptions): Fit {
  const { labels, epochs, rate, l2 } = options;
  const weights = new Float32Array(options.buckets * labels);
  const squares = new Float32Array(options.buckets * labels);
  const bias = new Float64Array(labels);
  const biasSquares = new Float64Array(labels);
  const logits = new Float64Array(labels);
  const random = createRandom(options.seed);
  const order = points.map((_, at) => at);
  const balance = balanceOf(points, labels);
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (const at of shuffle(random, order)) {
      const { vector, label, weight } = points[at] as Point;
      scoreInto(weights, bias, vector, logits);
      const gradient = softmax(logits, 1);
      gradient[label] = (gradient[label] as number) - 1;
      const factor = weight * (balance[label] as number);
      for (let c = 0; c < labels; c += 1) gradient[c] = (gradient[c] as number) * factor;
      step(weights, squares, vector, gradient, rate, l2);
      for (let c = 0; c < labels; c += 1) {
        const slope = gradient[c] as number;
        biasSquares[c] = (biasSquares[c] as number) + slope * slope;
        bias[c] = (bias[c] as number) - (rate * slope) / (Math.sqrt(biasSquares[c] as number) + 1e-8);
      }
    }
  }
  return { weights, bias };
}

function step(
  weights: Float32Array,
  squares: Float32Array,
  vector: Vector,
  gradient: Float64Array,
  rate: number,
  l2: number,
): void {
  const labels = gradient.length;
  for (let at = 0; at < vector.indices.length; at += 1) {
    const base = (vector.indices[at] as number) * labels;
    const value = vector.values[at] as number;
    for (let c = 0; c < labels; c += 1) {
      const slot = base + c;
      const slope = (gradient[c] as number) * value + l2 * (weights[slot] as number);
      const square = (squares[slot] as number) + slope * slope;
      squares[slot] = square;
      weights[slot] = (weights[slot] as number) - (rate * slope) / (Math.sqrt(square) + 1e-6);
    }
  }
}

function scoreInto(weights: Float32Array, bias: Float64Array, vector: Vector, logits: Float64Array): void {
  const labels = logits.length;
  logits.set(bias);
  for (let at = 0; at < vector.indices.length; at += 1) {
    const base = (vector.indices[at] as number) * labels;
    const value = vector.values[at] as number;
    for (let c = 0; c < labels; c += 1) {
      logits[c] = (logits[c] as number) + value * (weights[base + c] as number);
    }
  }
}

/** Rare labels count more, by the root of how rare they are: half way between frequency and equality. */
function balanceOf(points: readonly Point[], labels: number): Float64Array {
  const sums = new Float64Array(labels);
  let total = 0;
  for (const { label, weight } of points) {
    sums[label] = (sums[label] as number) + weight;
    total += weight;
  }
  return sums.map((sum) => (sum > 0 ? Math.sqrt(total / (labels * sum)) : 1));
}

/** What one step of the int8 weights is worth for each label, and the rounded weights. */
export function quantise(weights: Float32Array, labels: number): { scale: number[]; rounded: Int8Array } {
  const highest = new Float64Array(labels);
  for (let at = 0; at < weights.length; at += 1) {
    const size = Math.abs(weights[at] as number);
    const label = at % labels;
    if (size > (highest[label] as number)) highest[label] = size;
  }
  const scale = Array.from(highest, (value) => (value > 0 ? value / 127 : 1));
  const rounded = new Int8Array(weights.length);
  for (let at = 0; at < weights.length; at += 1) {
    rounded[at] = Math.round((weights[at] as number) / (scale[at % labels] as number));
  }
  return { scale, rounded };
}
