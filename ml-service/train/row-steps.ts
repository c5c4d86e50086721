/** The inner loops of a fit: almost all of its time is spent here. */

/** Rows of a matrix, each with its value. */
export interface WeightedRows {
  readonly count: number;
  /** Where each row begins. */
  readonly bases: Int32Array;
  readonly values: Float32Array;
}

/** Some places of a row. */
export interface Places {
  readonly count: number;
  readonly units: Int32Array;
}

/** The mean of the squares from one place to another, 0 for none. */
export function meanSquare(values: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 1) sum += (values[at] as number) * (values[at] as number);
  return to > from ? sum / (to - from) : 0;
}

/** Adds rows to sums, each times its value. Four rows at a time: a quarter of the reads and writes of the sums. */
export function addWeighted(
  weights: Float32Array,
  { count, bases, values }: WeightedRows,
  sums: Float32Array,
): void {
  const width = sums.length;
  let at = 0;
  for (; at + 4 <= count; at += 4) {
    const [a, b] = [bases[at] as number, bases[at + 1] as number];
    const [c, d] = [bases[at + 2] as number, bases[at + 3] as number];
    const [p, q] = [values[at] as number, values[at + 1] as number];
    const [r, s] = [values[at + 2] as number, values[at + 3] as number];
    for (let j = 0; j < width; j += 1) {
      sums[j] =
        (sums[j] as number) +
        p * (weights[a + j] as number) +
        q * (weights[b + j] as number) +
        r * (weights[c + j] as number) +
        s * (weights[d + j] as number);
    }
  }
  for (; at < count; at += 1) {
    const base = bases[at] as number;
    const value = values[at] as number;
    for (let j = 0; j < width; j += 1) sums[j] = (sums[j] as number) + value * (weights[base + j] as number);
  }
}

/** Moves the row that begins at `base` against the slopes, from one place to another. */
export function stepRow(
  weights: Float32Array,
  base: number,
  slopes: Float32Array,
  from: number,
  to: number,
  stride: number,
): void {
  for (let j = from; j < to; j += 1) {
    weights[base + j] = (weights[base + j] as number) - stride * (slopes[j] as number);
  }
}

/** The same for some places alone. */
export function stepUnits(
  weights: Float32Array,
  base: number,
  slopes: Float32Array,
  { count, units }: Places,
  stride: number,
): void {
  for (let at = 0; at < count; at += 1) {
    const j = units[at] as number;
    weights[base + j] = (weights[base + j] as number) - stride * (slopes[j] as number);
  }
}
