/** Figures as benchmarks print and store them. */

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What is to be reached. */
  goal?: number;
}

/** @param share 0 to 1 @returns the value that this share of the values does not exceed */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
