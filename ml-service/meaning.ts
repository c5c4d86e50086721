/** What texts mean to a company's own encoder, put beside what their words mean. */
import type { Features } from "./features.ts";
import type { WordVectors } from "./word-vectors.ts";

/** Texts whose vectors are kept: a batch uses them at once, a training some thousands of them. */
const maxKept = 20_000;

/** What is asked of an encoder. */
export interface TextEncoder {
  readonly dimensions: number;
  encode(texts: string[], signal?: AbortSignal): Promise<Float32Array[]>;
}

export interface Meaning extends WordVectors {
  /**
   * Encodes those texts that are not known yet; `embed` then finds them. A text that cannot be encoded is tried anew the next time.
   * @param texts normalised
   * @returns how many could not be encoded
   */
  know(texts: readonly string[], signal?: AbortSignal): Promise<number>;
  /** Whether a text is known. */
  reads(text: string): boolean;
  /** What is known of texts, for another thread. */
  vectorsOf(texts: readonly string[]): Map<string, Float32Array>;
  /** The encoder's part of it. */
  readonly encoder: { readonly identity: string; readonly dimensions: number };
}

/**
 * @param identity tells the encoder and its settings from others: models that were trained with one are of no use with another
 * @param warn told of texts that cannot be encoded
 */
export function createMeaning(
  words: WordVectors,
  encoder: TextEncoder,
  identity: string,
  warn: (error: unknown) => void,
): Meaning {
  /** The one that was used longest ago comes first. */
  const known = new Map<string, Float32Array>();
  const keep = (text: string, vector: Float32Array) => {
    known.set(text, vector);
    for (const oldest of known.keys()) {
      if (known.size <= maxKept) break;
      known.delete(oldest);
    }
  };
  /** @returns how many failed */
  const encodeEach = async (texts: string[], signal?: AbortSignal): Promise<number> => {
    try {
      const vectors = await encoder.encode(texts, signal);
      for (const [at, text] of texts.entries()) keep(text, vectors[at] as Float32Array);
      return 0;
    } catch (error) {
      signal?.throwIfAborted();
      if (texts.length === 1) {
        warn(error);
        return 1;
      }
      let failed = 0;
      for (const text of texts) failed += await encodeEach([text], signal);
      return failed;
    }
  };
  return {
    ...joinVectors(words, encoder.dimensions, identity, (text) => known.get(text)),
    encoder: { identity, dimensions: encoder.dimensions },
    async know(texts, signal) {
      const missing = [...new Set(texts)].filter((text) => {
        const vector = known.get(text);
        if (vector) keepNewest(known, text, vector);
        return !vector;
      });
      let failed = 0;
      for (let at = 0; at < missing.length; at += 256)
        failed += await encodeEach(missing.slice(at, at + 256), signal);
      return failed;
    },
    vectorsOf: (texts) =>
      new Map(texts.flatMap((text) => (known.has(text) ? [[text, known.get(text) as Float32Array]] : []))),
  };
}

function keepNewest(known: Map<string, Float32Array>, text: string, vector: Float32Array): void {
  known.delete(text);
  known.set(text, vector);
}

/** Word vectors and the vectors of texts in one; of a text that is not found, the second part is zero. */
export function joinVectors(
  words: WordVectors,
  dimensions: number,
  identity: string,
  find: (text: string) => Float32Array | undefined,
): WordVectors & Pick<Meaning, "reads"> {
  return {
    reads: (text) => find(text) !== undefined,
    dimensions: words.dimensions + dimensions,
    hash: `${words.hash}+${identity}`,
    wordsOf: words.wordsOf,
    embedWords: words.embedWords,
    embed(features: Features, into: Float32Array, text: string) {
      words.embed(features, into.subarray(0, words.dimensions), text);
      const vector = find(text);
      if (vector) into.set(vector, words.dimensions);
      else into.fill(0, words.dimensions);
    },
  };
}
