/** The classifier's model: linear heads over hashed features, kept as int8 weights in one compact file. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { Features } from "./features.ts";

const magic = "DWC1";
const preamble = 8;

const headSchema = z.object({
  name: z.string(),
  labels: z.array(z.string()).min(2),
  /** Logits are divided by it, so that a confidence of 0.8 is right in about 80 of 100 cases. */
  temperature: z.number().positive(),
  /** Below this confidence the head abstains. */
  threshold: z.number().min(0).max(1),
  bias: z.array(z.number()),
  /** What one step of an int8 weight is worth, for each label. */
  scale: z.array(z.number()),
});

const headerSchema = z.object({
  name: z.string(),
  version: z.string(),
  /** ISO 639-1 of the languages it has learnt; in others it abstains. */
  languages: z.array(z.string()),
  /** SHA-256 over the texts and labels it was trained on. */
  dataHash: z.string(),
  /** The vector has 2^bits buckets. */
  bits: z.int().min(8).max(20),
  /** Size of the set of known word stems: 2^stemBits bits. */
  stemBits: z.int().min(8).max(24),
  bodyHash: z.string(),
  heads: z.array(headSchema).min(1),
});

export type ModelHead = z.output<typeof headSchema>;
export type ModelHeader = z.output<typeof headerSchema>;

/** Weights lie bucket by bucket, all labels of all heads side by side, so that one feature touches one cache line. */
export interface Model {
  readonly header: ModelHeader;
  readonly weights: Int8Array;
  readonly stems: Uint8Array;
}

/** A model's file is missing, cut or of another kind. */
export class ModelError extends Error {
  readonly kind = "config";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ModelError";
  }
}

/** The number of labels of all heads together. */
export function columnsOf(header: Pick<ModelHeader, "heads">): number {
  return header.heads.reduce((sum, head) => sum + head.labels.length, 0);
}

/** Writes a model; the same model gives the same bytes. */
export function saveModel(path: string, model: Model): void {
  writeFileSync(path, encodeModel(model));
}

/** @returns the bytes of a model file: magic, length of the header, header in JSON, weights, known stems */
export function encodeModel(model: Model): Buffer {
  const header = Buffer.from(
    JSON.stringify({ ...model.header, bodyHash: hashOf(model.weights, model.stems) }),
  );
  const start = Buffer.alloc(preamble);
  start.write(magic, "latin1");
  start.writeUInt32LE(header.length, 4);
  return Buffer.concat([start, header, bytesOf(model.weights), model.stems]);
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
    throw new ModelError(
      `cannot read the model ${path}: train one with "npm run train", or correct the path`,
      {
        cause,
      },
    );
  }
  return decodeModel(bytes, path);
}

/** @param origin what error messages call the file */
export function decodeModel(bytes: Buffer, origin: string): Model {
  const broken = (why: string, cause?: unknown) =>
    new ModelError(`${origin} is not a usable model (${why}): train it again with "npm run train"`, {
      cause,
    });
  if (bytes.length < preamble || bytes.toString("latin1", 0, 4) !== magic) throw broken("unknown format");
  const end = preamble + bytes.readUInt32LE(4);
  let header: ModelHeader;
  try {
    header = headerSchema.parse(JSON.parse(bytes.toString("utf8", preamble, end)));
  } catch (cause) {
    throw broken("its header is damaged", cause);
  }
  const weightBytes = 2 ** header.bits * columnsOf(header);
  const stemBytes = 2 ** header.stemBits / 8;
  if (bytes.length !== end + weightBytes + stemBytes) throw broken("its length is wrong");
  // Copied, so that the arrays start at their own buffer's beginning and the file's bytes can go.
  const weights = new Int8Array(bytes.subarray(end, end + weightBytes));
  const stems = new Uint8Array(bytes.subarray(end + weightBytes));
  if (hashOf(weights, stems) !== header.bodyHash) throw broken("its check sum is wrong");
  return { header, weights, stems };
}

/**
 * Scores one text.
 * @param into receives one logit for each column, before the temperature
 */
export function score(model: Model, features: Features, into: Float64Array): void {
  const { heads } = model.header;
  let done = 0;
  for (; done + 4 <= into.length; done += 4) scoreFour(model.weights, features, into, done);
  for (; done < into.length; done += 1) scoreOne(model.weights, features, into, done);
  let column = 0;
  for (const head of heads) {
    for (let label = 0; label < head.labels.length; label += 1, column += 1) {
      into[column] = (into[column] as number) * (head.scale[label] as number) + (head.bias[label] as number);
    }
  }
}

/** Four columns in one pass, with their sums in registers: half again as fast as a pass that adds to all columns in memory. */
function scoreFour(weights: Int8Array, features: Features, into: Float64Array, column: number): void {
  const { count, indices, values } = features;
  const columns = into.length;
  let [first, second, third, fourth] = [0, 0, 0, 0];
  for (let at = 0; at < count; at += 1) {
    const base = (indices[at] as number) * columns + column;
    const value = values[at] as number;
    first += value * (weights[base] as number);
    second += value * (weights[base + 1] as number);
    third += value * (weights[base + 2] as number);
    fourth += value * (weights[base + 3] as number);
  }
  into[column] = first;
  into[column + 1] = second;
  into[column + 2] = third;
  into[column + 3] = fourth;
}

function scoreOne(weights: Int8Array, features: Features, into: Float64Array, column: number): void {
  const { count, indices, values } = features;
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    sum += (values[at] as number) * (weights[(indices[at] as number) * into.length + column] as number);
  }
  into[column] = sum;
}

/** @returns calibrated probabilities of one head's labels; they add up to 1 */
export function probabilities(logits: Float64Array, from: number, head: ModelHead): Float64Array {
  return softmax(logits.subarray(from, from + head.labels.length), head.temperature);
}

/** Softmax of logits divided by the temperature. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) highest = Math.max(highest, logit);
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

/** @returns the share (0 to 1) of a text's words that the model has seen in training, by their first letters */
export function knownShare(model: Model, features: Features): number {
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

function hashOf(weights: Int8Array, stems: Uint8Array): string {
  return createHash("sha256").update(bytesOf(weights)).update(stems).digest("hex");
}

function bytesOf(weights: Int8Array): Uint8Array {
  return new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
}
