/** Finds near-duplicates, so that a text and its twin never lie on both sides of a split. */
import { hashText } from "./random.ts";

const bands = 8;
const rowsPerBand = 4;

/**
 * Groups texts whose words overlap by about 60 % or more (MinHash over word pairs, joined where one band agrees).
 * @returns the group's number for each text
 */
export function groupNearDuplicates(texts: readonly string[]): number[] {
  const parents = texts.map((_, at) => at);
  const find = (at: number): number => {
    let root = at;
    while (parents[root] !== root) root = parents[root] as number;
    parents[at] = root;
    return root;
  };
  const seen = new Map<string, number>();
  texts.forEach((text, at) => {
    const signature = sign(text);
    for (let band = 0; band < bands; band += 1) {
      const key = `${band}:${signature.slice(band * rowsPerBand, (band + 1) * rowsPerBand).join()}`;
      const other = seen.get(key);
      if (other === undefined) seen.set(key, at);
      else parents[find(at)] = find(other);
    }
  });
  return texts.map((_, at) => find(at));
}

function sign(text: string): Uint32Array {
  const words =
    text
      .toLowerCase()
      .replace(/\d+/g, "0")
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  const shingles = words.map((word, at) => hashText(`${word} ${words[at + 1] ?? ""}`));
  const signature = new Uint32Array(bands * rowsPerBand).fill(0xffffffff);
  for (const shingle of shingles) {
    for (let row = 0; row < signature.length; row += 1) {
      const value = Math.imul(shingle ^ (row * 0x9e3779b1), 0x85ebca6b + 2 * row) >>> 0;
      const mixed = (value ^ (value >>> 15)) >>> 0;
      if (mixed < (signature[row] as number)) signature[row] = mixed;
    }
  }
  return signature;
}
