/** A batch of token rows as one block of numbers, so that it passes between threads without being copied. */

export interface RowBatch {
  /** Row by row, each filled up to `width`. */
  readonly ids: Int32Array<ArrayBuffer>;
  /** Tokens in each row that are no filling. */
  readonly lengths: Int32Array<ArrayBuffer>;
  readonly width: number;
}

/** Puts rows together, filled up with `padId` to the longest of them. */
export function packRows(rows: readonly Int32Array[], padId: number): RowBatch {
  const lengths = Int32Array.from(rows, (row) => row.length);
  const width = Math.max(...lengths);
  const ids = new Int32Array(rows.length * width).fill(padId);
  for (const [at, row] of rows.entries()) ids.set(row, at * width);
  return { ids, lengths, width };
}
