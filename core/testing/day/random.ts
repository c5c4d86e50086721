/** Chance that comes out the same each time. */

export interface Chance {
  /** 0 to 1. */
  next(): number;
  /** True in this part of the cases. */
  in(part: number): boolean;
  /** A whole number of milliseconds between two. */
  between(least: number, most: number): number;
}

/** Mixes all bits of a seed (the finaliser of MurmurHash3), so that neighbouring seeds tell nothing of each other. */
function mix(seed: number): number {
  let bits = Math.imul(seed ^ (seed >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

export function createChance(seed: number): Chance {
  let state = mix(seed);
  const next = () => {
    state = (state + 0x9e37_79b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
  return {
    next,
    in: (part) => next() < part,
    between: (least, most) => Math.floor(least + next() * (most - least)),
  };
}
