/** The network of a model while it is fitted, and how it becomes bytes. */
import { maxFeatures } from "../features.ts";
import { type Arena, createArena, type Plan } from "../kernels/arena.ts";
import { createRandom, type Random } from "./random.ts";

function planOf(rows: number, hidden: number, columns: number, dimensions: number) {
  const width = hidden + columns;
  return {
    // By row: the hidden units' weights, then the labels'.
    weights: ["f32", rows * width],
    bias: ["f32", width],
    fromWords: ["f32", dimensions * hidden],
    fromHidden: ["f32", hidden * columns],
    // What a look at a text leaves behind: its features, ...
    kept: ["i32", maxFeatures],
    keptPlaces: ["i32", maxFeatures],
    keptValues: ["f32", maxFeatures],
    meaning: ["f32", dimensions],
    meaningRows: ["i32", dimensions],
    meaningPlaces: ["i32", dimensions],
    // ... the hidden units that are on, ...
    on: ["i32", hidden],
    onPlaces: ["i32", hidden],
    onValues: ["f32", hidden],
    onSlopes: ["f32", hidden],
    // ... and sums of units, then of labels, and how far each of them is off.
    sums: ["f32", width],
    slopes: ["f32", width],
    // Of slopes, for AdaGrad.
    deepSquares: ["f64", rows],
    wideSquares: ["f64", rows],
    wordSquares: ["f64", dimensions],
    unitSquares: ["f64", hidden],
    biasSquares: ["f64", width],
  } as const satisfies Plan;
}

/** A network while it is fitted. */
export interface Network extends Arena<ReturnType<typeof planOf>> {
  readonly hidden: number;
  /** How many labels each head has. */
  readonly heads: readonly number[];
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
  const arena = createArena(planOf(rows, hidden, columns, dimensions));
  const { bias, fromWords, fromHidden, meaningRows, meaningPlaces, ...others } = arena.arrays;
  // The rows stay at zero: a feature that was seldom seen then says little, and nothing is noise.
  bias.fill(startingBias, 0, hidden);
  for (let at = 0; at < fromWords.length; at += 1) fromWords[at] = 0.3 * gauss(random);
  for (let at = 0; at < fromHidden.length; at += 1) fromHidden[at] = gauss(random) / Math.sqrt(hidden);
  for (let at = 0; at < dimensions; at += 1) {
    meaningRows[at] = at;
    meaningPlaces[at] = at * hidden;
  }
  others.wideSquares.fill(1e-6);
  for (const name of ["deepSquares", "wordSquares", "unitSquares", "biasSquares"] as const) {
    others[name].fill(1e-3);
  }
  return { ...arena, hidden, heads };
}

/** Of mean 0 and variance 1, by Box and Muller. */
function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** What has been fitted: its weights are laid out as a model's. */
export interface Fitted {
  readonly hidden: number;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly fromWords: Float32Array;
  readonly fromHidden: Float32Array;
}

/**
 * Makes one network that says what several say on average: their hidden units stand side by side. They are taken one by one, since
 * each may have a hundred megabytes.
 * @param networkOf makes one and fits it
 */
export function joinNetworks(count: number, networkOf: (member: number) => Network): Fitted {
  // A variable of this function would keep its network until all others are fitted.
  const take = (member: number, before: Fitted | null): Fitted => {
    const network = networkOf(member);
    const joined = before ?? roomFor(network, count);
    addNetwork(joined, network, member, count);
    return joined;
  };
  let joined = take(0, null);
  for (let member = 1; member < count; member += 1) joined = take(member, joined);
  return joined;
}

function roomFor(
  { hidden, arrays: { bias, fromHidden, fromWords, weights } }: Network,
  count: number,
): Fitted {
  const width = bias.length + hidden * (count - 1);
  return {
    hidden: hidden * count,
    weights: new Float32Array((weights.length / bias.length) * width),
    bias: new Float32Array(width),
    fromWords: new Float32Array(fromWords.length * count),
    fromHidden: new Float32Array(fromHidden.length * count),
  };
}

function addNetwork(joined: Fitted, { hidden, arrays }: Network, member: number, count: number): void {
  const width = arrays.bias.length;
  const columns = width - hidden;
  /** Puts a row of units and labels where it belongs. */
  const put = (from: Float32Array, into: Float32Array, row: number) => {
    const [start, end] = [row * width, row * joined.bias.length];
    into.set(from.subarray(start, start + hidden), end + member * hidden);
    for (let c = 0; c < columns; c += 1) {
      const at = end + joined.hidden + c;
      into[at] = (into[at] as number) + (from[start + hidden + c] as number) / count;
    }
  };
  for (let row = 0; row * width < arrays.weights.length; row += 1) put(arrays.weights, joined.weights, row);
  put(arrays.bias, joined.bias, 0);
  for (let k = 0; k < arrays.meaning.length; k += 1) {
    const from = arrays.fromWords.subarray(k * hidden, (k + 1) * hidden);
    joined.fromWords.set(from, k * joined.hidden + member * hidden);
  }
  const fromHidden = arrays.fromHidden.map((weight) => weight / count);
  joined.fromHidden.set(fromHidden, member * hidden * columns);
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
