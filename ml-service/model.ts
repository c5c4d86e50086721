/** The classifier's model file: one small network over hashed features, its weights kept as bytes. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { ModelError } from "./model-error.ts";

const magic = "DWC2";
const preamble = 8;

const headSchema = z.object({
  name: z.string(),
  labels: z.array(z.string()).min(1),
  /** Logits are divided by it, so that a confidence of 0.8 is right in about 80 of 100 cases. */
  temperature: z.number().positive(),
  /** Below this confidence the head abstains; over 1 where it always does. */
  threshold: z.number().min(0).max(2),
  /** How much the default model has a say, 0 to 1; only where the labels are its own. */
  blend: z.number().min(0).max(1).default(0),
  /** Why it always abstains, in words. */
  reason: z.string().optional(),
});

const headerSchema = z.object({
  name: z.string(),
  version: z.string(),
  /** ISO 639-1 of the languages it has learnt; in others it abstains. Empty: any. */
  languages: z.array(z.string()),
  /** SHA-256 over the texts and labels it was trained on. */
  dataHash: z.string(),
  /** Features are hashed into 2^bits buckets. */
  bits: z.int().min(8).max(20),
  /** Size of the set of known word stems: 2^stemBits bits. */
  stemBits: z.int().min(8).max(24),
  /** How many buckets have weights; all others say nothing. */
  rows: z.int().min(0),
  /** Units between features and labels. */
  hidden: z.int().min(0).max(1_024),
  /** The word vectors that it was trained with, or null. */
  vectors: z.object({ hash: z.string(), dimensions: z.int().min(1).max(1_024) }).nullable(),
  /** Rising quantiles of how familiar texts of its own kind look to it; empty where that is not known. */
  familiarity: z.array(z.number()),
  bodyHash: z.string(),
  heads: z.array(headSchema).min(1),
});

export type ModelHead = z.output<typeof headSchema>;
export type ModelHeader = z.output<typeof headerSchema>;

/**
 * Each row has `hidden` weights of the hidden units, then one for each label of each head, side by side, so that one feature
 * touches one stretch of memory. A text's logits are what its rows say of the labels, and what the hidden units make of its rows
 * and of its words' vectors.
 */
export interface Model {
  readonly header: ModelHeader;
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

type Part = "buckets" | "weights" | "scales" | "bias" | "fromWords" | "fromHidden" | "stems";
type Sizes = Pick<ModelHeader, "heads" | "hidden" | "rows" | "stemBits" | "vectors">;
const constructors = {
  buckets: Int32Array,
  weights: Int8Array,
  scales: Float32Array,
  bias: Float32Array,
  fromWords: Float32Array,
  fromHidden: Float32Array,
  stems: Uint8Array,
};

/** The number of labels of all heads together. */
export function columnsOf({ heads }: Pick<ModelHeader, "heads">): number {
  return heads.reduce((sum, head) => sum + head.labels.length, 0);
}

/** How many entries each part of a model has, in the order of the file. */
function lengthsOf(sizes: Sizes): [Part, number][] {
  const { hidden, rows } = sizes;
  const columns = columnsOf(sizes);
  const width = hidden + columns;
  return [
    ["buckets", rows],
    ["weights", rows * width],
    ["scales", width],
    ["bias", width],
    ["fromWords", (sizes.vectors?.dimensions ?? 0) * hidden],
    ["fromHidden", hidden * columns],
    ["stems", 2 ** sizes.stemBits / 8],
  ];
}

/** Writes a model; the same model gives the same bytes. */
export function saveModel(path: string, model: Model): void {
  writeFileSync(path, encodeModel(model));
}

/** @returns the bytes of a model file: magic, length of the header, header in JSON, then the parts */
export function encodeModel(model: Model): Buffer {
  const parts = lengthsOf(model.header).map(([part]) => bytesOf(model[part]));
  // Parsed, so that the fields stand in one order, whoever made the model.
  const header = Buffer.from(
    JSON.stringify(headerSchema.parse({ ...model.header, bodyHash: hashOf(parts) })),
  );
  const start = Buffer.alloc(preamble);
  start.write(magic, "latin1");
  start.writeUInt32LE(header.length, 4);
  return Buffer.concat([start, header, ...parts]);
}

/**
 * Reads a model.
 * @throws ModelError where the file cannot be read or is not a whole model
 */
export function loadModel(path: string): Model {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const advice = 'train one with "npm run train", or correct the path';
    throw new ModelError(`cannot read the model ${path}: ${advice}`, { cause });
  }
  return decodeModel(bytes, path);
}

/** @param origin what error messages call the file */
export function decodeModel(bytes: Uint8Array, origin: string): Model {
  const broken = (why: string, cause?: unknown) =>
    new ModelError(`${origin} is not a usable model (${why}): train it again`, { cause });
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < preamble || file.toString("latin1", 0, 4) !== magic) throw broken("unknown format");
  let at = preamble + file.readUInt32LE(4);
  let header: ModelHeader;
  try {
    header = headerSchema.parse(JSON.parse(file.toString("utf8", preamble, at)));
  } catch (cause) {
    throw broken("its header is damaged", cause);
  }
  const lengths = lengthsOf(header);
  const sizeOf = ([part, length]: [Part, number]) => constructors[part].BYTES_PER_ELEMENT * length;
  if (file.length !== lengths.reduce((sum, one) => sum + sizeOf(one), at))
    throw broken("its length is wrong");
  const parts: Record<string, unknown> = {};
  const whole: Uint8Array[] = [];
  for (const one of lengths) {
    // Copied, so that the arrays start at their own buffer's beginning and the file's bytes can go.
    const copy = new Uint8Array(file.subarray(at, at + sizeOf(one)));
    parts[one[0]] = new constructors[one[0]](copy.buffer);
    whole.push(copy);
    at += copy.length;
  }
  if (hashOf(whole) !== header.bodyHash) throw broken("its check sum is wrong");
  const model = { header, ...parts } as Model;
  // A bucket that does not exist would be read from beyond the table.
  if (model.buckets.some((bucket) => bucket < 0 || bucket >= 2 ** header.bits)) throw broken("it is damaged");
  return model;
}

function hashOf(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function bytesOf({ buffer, byteOffset, byteLength }: Model[Part]): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
