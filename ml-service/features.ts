/** Turns text into a sparse vector of hashed word and character n-grams, the same way in training and in use. */

/** The most UTF-16 units of subject and text together that are looked at; the rest is ignored. */
export const maxTextLength = 4_000;

/** As many features as a text of that length can have. */
export const maxFeatures = 24_576;
/** Longer runs of letters (base64, Chinese sentences) are cut into pieces of this length. */
const maxWordLength = 40;
const minGram = 3;
const maxGram = 5;
const prefixLength = 5;
/** Words say more than pieces of words, and there are five times fewer of them. */
const wordWeight = 1.6;

const wordSeed = 0x811c9dc5;

const letter = 1;
const digit = 2;
const mark = 3;
const kinds = buildKinds();
const logs = Float64Array.from({ length: 4_096 }, (_, count) => (count === 0 ? 0 : 1 + Math.log(count)));

/** A text's features. The arrays are reused: read them before the next call, or copy them. */
export interface Features {
  /** How many entries of `indices` and `values` are set. */
  count: number;
  readonly indices: Int32Array;
  /** L2-normalised: squares add up to 1, or to 0 for a text without words. */
  readonly values: Float32Array;
  /** How many entries of `stems` are set. */
  stemCount: number;
  /** Hashes of the first five letters of each word of three letters or more, for telling known words from noise. */
  readonly stems: Int32Array;
  /** How many entries of `words` are set. */
  wordCount: number;
  /** Hashes of the words, in their order; see `hashWord`. */
  readonly words: Int32Array;
}

/** @returns the hash that `words` has for a word, which must be normalised and without marks */
export function hashWord(word: string): number {
  let hash = wordSeed;
  for (let at = 0; at < word.length; at += 1) hash = mix(hash, word.charCodeAt(at));
  return finish(hash);
}

/** @returns the text as it is hashed: at most `maxTextLength` units, NFKC, lower case. */
export function normalise(subject: string | null, text: string): string {
  const joined = subject ? `${subject}\n${text}` : text;
  const normal = joined.slice(0, maxTextLength).toWellFormed().normalize("NFKC").toLowerCase();
  return normal.length > maxTextLength ? normal.slice(0, maxTextLength) : normal;
}

/**
 * Makes an extractor with its own buffers.
 * @param bits the vector has 2^bits buckets (8 to 20)
 * @returns a function from normalised text (see `normalise`) to features, which are valid until its next call
 */
export function createExtractor(bits: number): (normal: string) => Features {
  const buckets = 2 ** bits;
  const mask = buckets - 1;
  const counts = new Uint16Array(buckets);
  const weights = new Float32Array(maxFeatures);
  const word = new Uint16Array(maxWordLength + 2);
  const features: Features = {
    count: 0,
    indices: new Int32Array(maxFeatures),
    values: new Float32Array(maxFeatures),
    stemCount: 0,
    stems: new Int32Array(maxTextLength),
    wordCount: 0,
    words: new Int32Array(maxTextLength),
  };
  const { indices, values, stems, words } = features;

  function add(hash: number, weight: number): void {
    const index = finish(hash) & mask;
    const before = counts[index] as number;
    if (before === 0) {
      indices[features.count] = index;
      weights[features.count] = weight;
      features.count += 1;
    }
    if (before < 4_095) counts[index] = before + 1;
  }

  /** Adds the word in `word[1..length]`; returns its hash, which the next word's bigram needs. */
  function addWord(length: number, previous: number): number {
    let hash = wordSeed;
    for (let at = 1; at <= length; at += 1) hash = mix(hash, word[at] as number);
    words[features.wordCount++] = finish(hash);
    add(hash, wordWeight);
    if (previous !== 0) add(mix(mix(previous, 0x20), hash), wordWeight);
    if (length < 2) return hash;
    word[0] = 0x5f;
    word[length + 1] = 0x5f;
    addGrams(length + 2);
    if (length >= 3) stems[features.stemCount++] = stemHash(Math.min(length, prefixLength));
    return hash;
  }

  function addGrams(end: number): void {
    for (let start = 0; start + minGram <= end; start += 1) {
      const stop = Math.min(start + maxGram, end);
      let hash = 0x9747b28c;
      for (let at = start; at < stop; at += 1) {
        hash = mix(hash, word[at] as number);
        if (at - start + 1 >= minGram) add(hash, 1);
      }
    }
  }

  function stemHash(length: number): number {
    let hash = 0x2545f491;
    for (let at = 1; at <= length; at += 1) hash = mix(hash, word[at] as number);
    return finish(hash);
  }

  function scan(normal: string): void {
    let length = 0;
    let previous = 0;
    let digits = 0;
    for (let at = 0; at <= normal.length; at += 1) {
      const code = at < normal.length ? normal.charCodeAt(at) : 0x20;
      const kind = kinds[code] as number;
      digits = kind === digit ? digits + 1 : 0;
      // Order and phone numbers would fill the buckets with noise: from the fourth digit on, a run is all the same.
      if (digits > 4) continue;
      if (kind === letter || kind === digit) {
        if (digits === 4) for (let back = 0; back < 3; back += 1) word[Math.max(1, length - back)] = 0x30;
        word[++length] = digits === 4 ? 0x30 : code === 0x451 ? 0x435 : code;
        if (length < maxWordLength) continue;
      }
      if (length > 0) previous = addWord(length, previous);
      length = 0;
      if (kind === mark) {
        word[1] = code;
        previous = addWord(1, previous);
      }
    }
  }

  return (normal) => {
    features.count = 0;
    features.stemCount = 0;
    features.wordCount = 0;
    scan(normal);
    let squares = 0;
    for (let at = 0; at < features.count; at += 1) {
      const index = indices[at] as number;
      const value = (logs[counts[index] as number] as number) * (weights[at] as number);
      counts[index] = 0;
      values[at] = value;
      squares += value * value;
    }
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let at = 0; at < features.count; at += 1) values[at] = (values[at] as number) * factor;
    return features;
  };
}

/** @returns the features in arrays of their own, for keeping. */
export function copyFeatures(features: Features): { indices: Int32Array; values: Float32Array } {
  return {
    indices: features.indices.slice(0, features.count),
    values: features.values.slice(0, features.count),
  };
}

function mix(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193) ^ (hash >>> 15);
}

/** The finaliser of MurmurHash3: spreads every bit of the hash over all others. */
function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** One byte for each UTF-16 unit, since asking a regular expression for each character is ten times slower. */
function buildKinds(): Uint8Array {
  const table = new Uint8Array(65_536);
  for (let code = 0; code < table.length; code += 1) {
    const character = String.fromCharCode(code);
    if (/^\p{Nd}$/u.test(character)) table[code] = digit;
    else if (/^[\p{L}\p{M}]$/u.test(character)) table[code] = letter;
  }
  // A question mark and an exclamation mark tell much about the type and the priority.
  table["?".charCodeAt(0)] = mark;
  table["!".charCodeAt(0)] = mark;
  return table;
}
