/** From the vectors of a text's tokens to one vector of length 1. */

/** The mean of all tokens, or the first token's vector: what the encoder was trained for. */
export type Pooling = "mean" | "cls";

/**
 * @param tokens rows × width × dimensions, as an encoder's last hidden state
 * @param lengths tokens in each row that are no filling
 * @returns rows × dimensions
 */
export function poolRows(
  tokens: Float32Array,
  lengths: Int32Array,
  width: number,
  dimensions: number,
  pooling: Pooling,
): Float32Array<ArrayBuffer> {
  const pooled = new Float32Array(lengths.length * dimensions);
  for (const [row, length] of lengths.entries()) {
    const used = pooling === "cls" ? 1 : length;
    for (let token = 0; token < used; token += 1) {
      const from = (row * width + token) * dimensions;
      for (let at = 0; at < dimensions; at += 1) {
        const to = row * dimensions + at;
        pooled[to] = (pooled[to] as number) + (tokens[from + at] as number) / used;
      }
    }
  }
  return pooled;
}

/** Brings each row to length 1, in place; a row of zeros stays as it is. */
export function unitRows(rows: Float32Array<ArrayBuffer>, dimensions: number): Float32Array<ArrayBuffer> {
  for (let from = 0; from < rows.length; from += dimensions) {
    const row = rows.subarray(from, from + dimensions);
    const length = Math.hypot(...row);
    if (length > 0) for (let at = 0; at < dimensions; at += 1) row[at] = (row[at] as number) / length;
  }
  return rows;
}
