/** What words mean, as a general text knows it: a table of vectors that comes with the code, for English. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Features, maxTextLength } from "./features.ts";
import { createArena, spare } from "./kernels/arena.ts";
import { ModelError } from "./model-error.ts";

const magic = "DWV1";
const preamble = 12;
/** As of a model. */
const mostDimensions = 1_024;
/** The table that comes with the code; `train/word-vectors.ts` says how it is made. */
const path = join(import.meta.dirname, "models", "words-en.bin");

export interface WordVectors {
  readonly dimensions: number;
  /** Tells one table from another: a model is of use with the one that it was trained with only. */
  readonly hash: string;
  /**
   * The mean of a text's words, of length 1, or of length 0 where it has none that is known.
   * @param into receives `dimensions` numbers
   * @param text the text, normalised
   */
  embed(features: Features, into: Float32Array, text: string): void;
  /** Those of a text's words that are known, as `embedWords` takes them. */
  wordsOf(features: Features): Int32Array;
  /** Does for the first `count` of these words what `embed` does for all of a text, and leaves alone what is not theirs. */
  embedWords(words: Int32Array, count: number, into: Float32Array): void;
  /** Whether all is there that a normalised text's vector is made of. Where it is missing, always. */
  reads?(text: string): boolean;
}

/**
 * The bytes of a table: magic, count and dimensions, then hashes of the words, what a step of each row is worth, and the rows.
 * @param rows of `dimensions` numbers each, such that a plain sum over a text's words makes sense
 */
export function encodeVectors(hashes: Int32Array, rows: readonly Float32Array[], dimensions: number): Buffer {
  const start = Buffer.alloc(preamble);
  start.write(magic, "latin1");
  start.writeUInt32LE(hashes.length, 4);
  start.writeUInt32LE(dimensions, 8);
  const scales = Float32Array.from(rows, (row) => Math.max(...row.map(Math.abs), 1e-12) / 127);
  const body = Buffer.alloc(rows.length * dimensions);
  rows.forEach((row, at) => {
    row.forEach((value, dimension) => {
      body.writeInt8(Math.round(value / (scales[at] as number)), at * dimensions + dimension);
    });
  });
  return Buffer.concat([start, Buffer.from(hashes.buffer), Buffer.from(scales.buffer), body]);
}

/** @throws ModelError where the bytes are no whole table */
export function decodeVectors(bytes: Buffer, origin: string): WordVectors {
  const isTable = bytes.length >= preamble && bytes.toString("latin1", 0, 4) === magic;
  const count = isTable ? bytes.readUInt32LE(4) : 0;
  const dimensions = isTable ? bytes.readUInt32LE(8) : 0;
  if (
    dimensions === 0 ||
    dimensions > mostDimensions ||
    bytes.length !== preamble + count * (8 + dimensions)
  ) {
    throw new ModelError(`${origin} is no whole table of word vectors: install Deskwire again`);
  }
  const copy = (from: number, length: number) => new Uint8Array(bytes.subarray(from, from + length)).buffer;
  const hashes = new Int32Array(copy(preamble, count * 4));
  const scales = new Float32Array(copy(preamble + count * 4, count * 4));
  const { arrays, kernels } = createArena({
    rows: ["i8", count * dimensions],
    places: ["i32", maxTextLength],
    values: ["f32", maxTextLength],
    sums: ["f32", dimensions + spare],
  });
  const { rows, places, values, sums } = arrays;
  rows.set(bytes.subarray(preamble + count * 8));
  const known = { count: 0, rows: places, values };
  const find = createFinder(hashes);
  const know = (row: number) => {
    places[known.count] = row * dimensions;
    values[known.count++] = scales[row] as number;
  };
  /** The mean of the known words. */
  const average = (into: Float32Array) => {
    kernels.sumByteRows(rows, known, dimensions, sums);
    let squares = 0;
    for (let k = 0; k < dimensions; k += 1) squares += (sums[k] as number) * (sums[k] as number);
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let k = 0; k < dimensions; k += 1) into[k] = (sums[k] as number) * factor;
  };
  return {
    dimensions,
    hash: createHash("sha256").update(bytes).digest("hex").slice(0, 16),
    embed({ words, wordCount }, into) {
      known.count = 0;
      for (let at = 0; at < wordCount; at += 1) {
        const row = find(words[at] as number);
        if (row >= 0) know(row);
      }
      average(into);
    },
    wordsOf: ({ words, wordCount }) =>
      words
        .slice(0, wordCount)
        .map(find)
        .filter((row) => row >= 0),
    embedWords(words, count, into) {
      known.count = 0;
      for (let at = 0; at < count; at += 1) know(words[at] as number);
      average(into);
    },
  };
}

/** Open addressing: a Map of numbers takes three times as long. */
function createFinder(hashes: Int32Array): (hash: number) => number {
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, hashes.length * 2)));
  const mask = size - 1;
  const rowAt = new Int32Array(size).fill(-1);
  hashes.forEach((hash, row) => {
    let slot = hash & mask;
    while (rowAt[slot] !== -1) slot = (slot + 1) & mask;
    rowAt[slot] = row;
  });
  return (hash) => {
    let slot = hash & mask;
    for (;;) {
      const row = rowAt[slot] as number;
      if (row === -1 || hashes[row] === hash) return row;
      slot = (slot + 1) & mask;
    }
  };
}

let shipped: WordVectors | undefined;

/** The table that comes with the code, loaded once. @throws ModelError where it is missing or damaged */
export function shippedVectors(): WordVectors {
  shipped ??= decodeVectors(readFileSync(path), path);
  return shipped;
}
