/** Scores texts with a model: the part that every message goes through. */
import type { Features } from "./features.ts";
import { type Model, type ModelHead, sizesOf } from "./model.ts";
import { arenaOf } from "./model-arrays.ts";
import { ModelError } from "./model-error.ts";
import type { WordVectors } from "./word-vectors.ts";

/**
 * Makes a scorer. Those of one model share its arena, and each is done with it before it returns.
 * @param vectors the word vectors that the model was trained with; null where it was trained without
 * @returns a function from features (and the normalised text that they are of) to logits, one for each label of each head, before the temperature, valid until its next call
 * @throws ModelError where the model was trained with other word vectors
 */
export function createScorer(
  model: Model,
  vectors: WordVectors | null,
): (features: Features, text: string) => Float64Array {
  const { header } = model;
  if (header.vectors && header.vectors.hash !== vectors?.hash) {
    throw new ModelError(
      `the model ${header.name} was trained with other word vectors or another encoder: train it again`,
    );
  }
  const sizes = sizesOf(header);
  const { hidden, columns, dimensions } = sizes;
  const { arrays, kernels } = arenaOf(model, sizes);
  const { weights, scales, bias, fromWords, fromHidden, places, values, sums, meaning } = arrays;
  const width = hidden + columns;
  const placeOf = new Int32Array(2 ** header.bits).fill(-1);
  model.buckets.forEach((bucket, row) => {
    placeOf[bucket] = row * width;
  });
  const known = { count: 0, rows: places, values };
  const words = { count: dimensions, rows: arrays.meaningPlaces, values: meaning };
  const sumsOfLabels = sums.subarray(hidden);
  const logits = new Float64Array(columns);
  const add = (place: number, value: number) => {
    places[known.count] = place;
    values[known.count++] = value;
  };

  return (features, text) => {
    known.count = 0;
    for (let at = 0; at < features.count; at += 1) {
      const place = placeOf[features.indices[at] as number] as number;
      if (place >= 0) add(place, features.values[at] as number);
    }
    kernels.sumByteRows(weights, known, width, sums);
    for (let at = 0; at < width; at += 1) {
      sums[at] = (sums[at] as number) * (scales[at] as number) + (bias[at] as number);
    }
    if (header.vectors && vectors) {
      vectors.embed(features, meaning, text);
      kernels.addRows(fromWords, words, hidden, sums);
    }
    known.count = 0;
    for (let unit = 0; unit < hidden; unit += 1) {
      if ((sums[unit] as number) > 0) add(unit * columns, sums[unit] as number);
    }
    kernels.addRows(fromHidden, known, columns, sumsOfLabels);
    for (let c = 0; c < columns; c += 1) logits[c] = sumsOfLabels[c] as number;
    return logits;
  };
}

/** @returns calibrated probabilities of one head's labels; they add up to 1 */
export function probabilities(logits: Float64Array, from: number, head: ModelHead): Float64Array {
  return softmax(logits.subarray(from, from + head.labels.length), head.temperature);
}

/** Softmax of logits divided by the temperature. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < logits.length; at += 1) {
    if ((logits[at] as number) > highest) highest = logits[at] as number;
  }
  let sum = 0;
  const result = new Float64Array(logits.length);
  for (let at = 0; at < logits.length; at += 1) {
    const value = Math.exp(((logits[at] as number) - highest) / temperature);
    result[at] = value;
    sum += value;
  }
  for (let at = 0; at < result.length; at += 1) result[at] = (result[at] as number) / sum;
  return result;
}

/**
 * How much a text looks like what the heads know: the sum of their free energies (Liu et al. 2020, "Energy-based
 * out-of-distribution detection"). It says more than the highest confidence does, which is high for some texts of no kind at all.
 */
export function familiarityOf(logits: Float64Array, heads: readonly ModelHead[]): number {
  let total = 0;
  let from = 0;
  for (const { labels } of heads) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let at = from; at < from + labels.length; at += 1) highest = Math.max(highest, logits[at] as number);
    let sum = 0;
    for (let at = from; at < from + labels.length; at += 1) sum += Math.exp((logits[at] as number) - highest);
    total += highest + Math.log(sum);
    from += labels.length;
  }
  return total;
}

/** @returns the share (0 to 1) of the texts that the quantiles are of that look more familiar than this */
export function outsideness(familiarity: number, quantiles: readonly number[]): number {
  const above = quantiles.findIndex((quantile) => quantile > familiarity);
  if (above === 0) return 1;
  if (above < 0) return 0;
  const [low = 0, high = 0] = quantiles.slice(above - 1, above + 1);
  const place = above - 1 + (familiarity - low) / Math.max(high - low, 1e-9);
  return 1 - place / (quantiles.length - 1);
}

/** @returns the share (0 to 1) of a text's words that the model has seen in training, by their first letters */
export function knownShare(model: Pick<Model, "stems">, features: Features): number {
  if (features.stemCount === 0) return 0;
  let known = 0;
  for (let at = 0; at < features.stemCount; at += 1) {
    if (hasStem(model.stems, features.stems[at] as number)) known += 1;
  }
  return known / features.stemCount;
}

/** Adds a word stem to a set of known ones; the set's size must be a power of two. */
export function addStem(stems: Uint8Array, hash: number): void {
  const bit = (hash >>> 0) & (stems.length * 8 - 1);
  stems[bit >>> 3] = (stems[bit >>> 3] as number) | (1 << (bit & 7));
}

function hasStem(stems: Uint8Array, hash: number): boolean {
  const bit = (hash >>> 0) & (stems.length * 8 - 1);
  return (((stems[bit >>> 3] as number) >>> (bit & 7)) & 1) === 1;
}
