/** The same transformer as `tiny-encoder.ts`, computed step by step for one text: what the ONNX file is held against. */
import type { TransformerShape, TransformerWeights } from "./tiny-encoder.ts";

type Rows = number[][];

/** @returns the vector of each token, without any filling */
export function plainForward(
  shape: TransformerShape,
  weights: TransformerWeights,
  ids: readonly number[],
): Rows {
  const table = (name: string) => {
    const found = weights.get(name);
    if (!found) throw new Error(`there are no weights called ${name}`);
    return found;
  };
  const row = (name: string, at = 0) => {
    const { shape: dims, values } = table(name);
    const width = dims.at(-1) ?? 0;
    return Array.from(values.subarray(at * width, (at + 1) * width));
  };
  const linear = (name: string, input: Rows) =>
    input.map((from) => {
      const to = row(`${name}.bias`);
      for (const [at, value] of from.entries()) {
        for (const [column, weight] of row(`${name}.weight`, at).entries())
          to[column] = (to[column] as number) + value * weight;
      }
      return to;
    });
  const norm = (name: string, input: Rows) =>
    input.map((values) => {
      const mean = average(values);
      const deviation = Math.sqrt(average(values.map((value) => (value - mean) ** 2)) + 1e-5);
      const scaled = values.map((value) => (value - mean) / deviation);
      return add(multiply(scaled, row(`${name}.weight`)), row(`${name}.bias`));
    });
  let hidden = norm(
    "embedded",
    ids.map((id, place) => add(add(row("tokens", id), row("positions", place)), row("types"))),
  );
  for (let layer = 0; layer < shape.layers; layer += 1) {
    const part = (name: string) => linear(`${layer}.${name}`, hidden);
    const mixed = attention(part("query"), part("key"), part("value"), shape.width / shape.heads);
    const attended = linear(`${layer}.attended`, mixed);
    const first = norm(
      `${layer}.first`,
      hidden.map((values, at) => add(values, attended[at] ?? [])),
    );
    const inner = linear(`${layer}.inner`, first).map((values) => values.map((value) => Math.max(0, value)));
    const outer = linear(`${layer}.outer`, inner);
    hidden = norm(
      `${layer}.second`,
      first.map((values, at) => add(values, outer[at] ?? [])),
    );
  }
  return hidden;
}

/** Each head looks at its own columns, `size` of them. */
function attention(query: Rows, key: Rows, value: Rows, size: number): Rows {
  return query.map((asking) =>
    asking.map((_, column) => {
      const from = column - (column % size);
      const head = (values: readonly number[]) => values.slice(from, from + size);
      const scores = key.map((other) => sum(multiply(head(asking), head(other))) / Math.sqrt(size));
      const exponents = scores.map((score) => Math.exp(score));
      return (
        sum(
          multiply(
            exponents,
            value.map((values) => values[column] ?? 0),
          ),
        ) / sum(exponents)
      );
    }),
  );
}

const add = (a: readonly number[], b: readonly number[]) => a.map((value, at) => value + (b[at] ?? 0));
const multiply = (a: readonly number[], b: readonly number[]) => a.map((value, at) => value * (b[at] ?? 0));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const average = (values: readonly number[]) => sum(values) / values.length;
