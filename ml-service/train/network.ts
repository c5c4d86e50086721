/** The network of a model while it is fitted, and how it becomes bytes. */
import { createRandom, type Random } from "./random.ts";

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
