/** Shares and how far they can be trusted: intervals after Wilson, and exact bounds after Clopper and Pearson. */

/** The two-sided 95 % quantile of the normal distribution. */
export const normal95 = 1.959964;

/** A share of counted things, with its 95 % interval. */
export interface Share {
  readonly part: number;
  readonly of: number;
  /** From 0 to 1; 0 where there is nothing to count. */
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** A share with its 95 % interval after Wilson (1927); of nothing, it may be anything from 0 to 1. */
export function shareOf(part: number, of: number): Share {
  if (of === 0) return { part, of, share: 0, low: 0, high: 1 };
  const share = part / of;
  const square = normal95 ** 2;
  const middle = (share + square / (2 * of)) / (1 + square / of);
  const reach =
    (normal95 * Math.sqrt((share * (1 - share)) / of + square / (4 * of ** 2))) / (1 + square / of);
  // At the ends the interval reaches 0 or 1 but for rounding.
  return {
    part,
    of,
    share,
    low: part === 0 ? 0 : middle - reach,
    high: part === of ? 1 : middle + reach,
  };
}

/** The chance (0 to 1) of at most `most` hits in `of` tries with the chance `p` (0 to 1, ends excluded) each. */
export function atMost(most: number, of: number, p: number): number {
  if (most >= of) return 1;
  // In logarithms, since the first terms of large samples are below what a number holds.
  let term = of * Math.log1p(-p);
  let sum = term;
  const odds = Math.log(p) - Math.log1p(-p);
  for (let hits = 1; hits <= most; hits += 1) {
    term += Math.log((of - hits + 1) / hits) + odds;
    const higher = Math.max(sum, term);
    sum = higher + Math.log1p(Math.exp(Math.min(sum, term) - higher));
  }
  return Math.min(1, Math.exp(sum));
}

/**
 * The exact one-sided upper bound of a share, after Clopper and Pearson (1934).
 * @param confidence how often such bounds hold, such as 0.9
 */
export function upperBound(part: number, of: number, confidence: number): number {
  if (part >= of) return 1;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 40; step += 1) {
    const middle = (low + high) / 2;
    if (atMost(part, of, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}
