/** Where a model's numbers lie, and what a scorer writes beside them. */
import { maxFeatures } from "./features.ts";
import { type Arena, createArena, type Plan, spare } from "./kernels/arena.ts";

/** How large a model is. */
export interface ModelSizes {
  /** Buckets with weights. */
  readonly rows: number;
  readonly hidden: number;
  /** Of the word vectors; 0 where there are none. */
  readonly dimensions: number;
  /** Labels of all heads together. */
  readonly columns: number;
  readonly stemBits: number;
}

/**
 * Each row has `hidden` weights of the hidden units, then one for each label of each head, side by side, so that one feature
 * touches one stretch of memory. A text's logits are what its rows say of the labels, and what the hidden units make of its rows
 * and of its words' vectors.
 */
export interface ModelArrays {
  /** The buckets that have rows, rising. */
  readonly buckets: Int32Array;
  readonly weights: Int8Array;
  /** What one step of a weight is worth, by column. */
  readonly scales: Float32Array;
  /** Added to each column. */
  readonly bias: Float32Array;
  /** From the word vector's dimensions to the hidden units. */
  readonly fromWords: Float32Array;
  /** From the hidden units to the labels. */
  readonly fromHidden: Float32Array;
  readonly stems: Uint8Array;
}

/** In the order of a model's file. */
export const arrayNames = [
  ...(["buckets", "weights", "scales", "bias", "fromWords", "fromHidden", "stems"] as const),
];

function planOf({ rows, hidden, dimensions, columns, stemBits }: ModelSizes) {
  const width = hidden + columns;
  return {
    buckets: ["i32", rows],
    weights: ["i8", rows * width],
    scales: ["f32", width],
    bias: ["f32", width],
    fromWords: ["f32", dimensions * hidden],
    fromHidden: ["f32", hidden * columns],
    stems: ["u8", 2 ** stemBits / 8],
    // What a text makes of them; a scorer's own until it has answered.
    places: ["i32", maxFeatures],
    values: ["f32", maxFeatures],
    sums: ["f32", width + spare],
    meaning: ["f32", dimensions],
    meaningPlaces: ["i32", dimensions],
  } as const satisfies Plan;
}

export type ModelArena = Arena<ReturnType<typeof planOf>>;

/** How long a model's file is behind its header, in bytes. */
export function byteLengthOf(sizes: ModelSizes): number {
  const plan = planOf(sizes);
  const widths = { i32: 4, f32: 4, i8: 1, u8: 1 };
  return arrayNames.reduce((sum, name) => sum + widths[plan[name][0]] * plan[name][1], 0);
}

const arenas = new WeakMap<Int8Array, ModelArena>();

/** Room for a model. */
export function createModelArena(sizes: ModelSizes): ModelArena {
  const arena = createArena(planOf(sizes));
  const { weights, meaningPlaces } = arena.arrays;
  for (let at = 0; at < sizes.dimensions; at += 1) meaningPlaces[at] = at * sizes.hidden;
  arenas.set(weights, arena);
  return arena;
}

/** Where a model lies, or a copy of it, if it was just trained or came from another thread. */
export function arenaOf(model: ModelArrays, sizes: ModelSizes): ModelArena {
  const there = arenas.get(model.weights);
  if (there && arrayNames.every((name) => there.arrays[name] === model[name])) return there;
  const arena = createModelArena(sizes);
  for (const name of arrayNames) arena.arrays[name].set(model[name]);
  return arena;
}
