/** The classifier's model file: one small network over hashed features, its weights kept as bytes. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import {
  arrayNames,
  byteLengthOf,
  createModelArena,
  type ModelArrays,
  type ModelSizes,
} from "./model-arrays.ts";
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

export interface Model extends ModelArrays {
  readonly header: ModelHeader;
}

/** The number of labels of all heads together. */
export function columnsOf({ heads }: Pick<ModelHeader, "heads">): number {
  return heads.reduce((sum, head) => sum + head.labels.length, 0);
}

/** How large a model with this header is. */
export function sizesOf(
  header: Pick<ModelHeader, "heads" | "hidden" | "rows" | "stemBits" | "vectors">,
): ModelSizes {
  const { rows, hidden, stemBits, vectors } = header;
  return { rows, hidden, stemBits, dimensions: vectors?.dimensions ?? 0, columns: columnsOf(header) };
}

/** Writes a model; the same model gives the same bytes. */
export function saveModel(path: string, model: Model): void {
  writeFileSync(path, encodeModel(model));
}

/** @returns the bytes of a model file: magic, length of the header, header in JSON, then the parts */
export function encodeModel(model: Model): Buffer {
  const parts = arrayNames.map((name) => bytesOf(model[name]));
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
  const sizes = sizesOf(header);
  if (file.length !== at + byteLengthOf(sizes)) throw broken("its length is wrong");
  const { arrays } = createModelArena(sizes);
  const parts = arrayNames.map((name) => bytesOf(arrays[name]));
  for (const part of parts) {
    part.set(file.subarray(at, at + part.length));
    at += part.length;
  }
  if (hashOf(parts) !== header.bodyHash) throw broken("its check sum is wrong");
  const { buckets, weights, scales, bias, fromWords, fromHidden, stems } = arrays;
  const model = { header, buckets, weights, scales, bias, fromWords, fromHidden, stems };
  // A bucket that does not exist would be read from beyond the table.
  if (model.buckets.some((bucket) => bucket < 0 || bucket >= 2 ** header.bits)) throw broken("it is damaged");
  return model;
}

function hashOf(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
