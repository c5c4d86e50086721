/** A small transformer with random weights, as a real ONNX file: for tests and for timing, not for meaning. */
import { createRandom } from "../../train/random.ts";
import { createGraph, type OnnxGraph, type Weights } from "./onnx-file.ts";

export interface TransformerShape {
  readonly vocabulary: number;
  /** The most tokens of a text. */
  readonly positions: number;
  readonly layers: number;
  /** Numbers in a vector, a multiple of `heads`. */
  readonly width: number;
  readonly heads: number;
  /** Width of the feed-forward part. */
  readonly inner: number;
}

export const tinyShape: TransformerShape = {
  vocabulary: 300,
  positions: 160,
  layers: 2,
  width: 64,
  heads: 4,
  inner: 128,
};

/** All weights by name; the plain forward pass in the tests reads the same. */
export type TransformerWeights = ReadonlyMap<string, Weights>;

/** The weights that a seed stands for: the same on every machine. */
export function makeWeights(shape: TransformerShape, seed: number): TransformerWeights {
  const random = createRandom(seed);
  const weights = new Map<string, Weights>();
  const add = (name: string, dims: readonly number[], scale: number, around = 0) => {
    const values = new Float32Array(dims.reduce((product, size) => product * size, 1));
    for (let at = 0; at < values.length; at += 1) values[at] = around + (random() * 2 - 1) * scale;
    weights.set(name, { shape: dims, values });
  };
  const linear = (name: string, from: number, to: number) => {
    add(`${name}.weight`, [from, to], Math.sqrt(3 / from));
    add(`${name}.bias`, [to], 0.1);
  };
  const norm = (name: string) => {
    add(`${name}.weight`, [shape.width], 0.2, 1);
    add(`${name}.bias`, [shape.width], 0.1);
  };
  add("tokens", [shape.vocabulary, shape.width], 1);
  add("positions", [shape.positions, shape.width], 0.5);
  add("types", [2, shape.width], 0.2);
  norm("embedded");
  for (let layer = 0; layer < shape.layers; layer += 1) {
    for (const part of ["query", "key", "value", "attended"])
      linear(`${layer}.${part}`, shape.width, shape.width);
    norm(`${layer}.first`);
    linear(`${layer}.inner`, shape.width, shape.inner);
    linear(`${layer}.outer`, shape.inner, shape.width);
    norm(`${layer}.second`);
  }
  return weights;
}

/** What the file answers with: each token's vector, or one ready vector for the text (its first token's). */
export type TransformerOutput = "last_hidden_state" | "sentence_embedding";

/** @returns the content of an ONNX file with inputs `input_ids`, `attention_mask`, `token_type_ids` */
export function makeEncoder(
  shape: TransformerShape,
  weights: TransformerWeights,
  output: TransformerOutput = "last_hidden_state",
): Uint8Array {
  const graph = createGraph();
  for (const [name, table] of weights) graph.weights(name, table);
  const mask = maskOf(graph);
  let hidden = embed(graph);
  for (let layer = 0; layer < shape.layers; layer += 1)
    hidden = addLayer(graph, shape, `${layer}`, hidden, mask);
  if (output === "last_hidden_state") graph.output(output, hidden, ["batch", "sequence", shape.width]);
  else
    graph.output(output, graph.node("Gather", [hidden, graph.integers(0)], { axis: 1 }), [
      "batch",
      shape.width,
    ]);
  return graph.bytes();
}

/** 0 for tokens and a large negative number for filling, to be added to the attention's scores. */
function maskOf(graph: OnnxGraph): string {
  const present = graph.node("Cast", [graph.input("attention_mask", ["batch", "sequence"])], { to: 1 });
  const one = scalar(graph, "one", 1);
  const absent = graph.node("Sub", [one, present]);
  const large = graph.node("Mul", [absent, scalar(graph, "hidden", -1e4)]);
  return graph.node("Unsqueeze", [large, graph.integers([1, 2])]);
}

function embed(graph: OnnxGraph): string {
  const ids = graph.input("input_ids", ["batch", "sequence"]);
  const types = graph.input("token_type_ids", ["batch", "sequence"]);
  const length = graph.node("Gather", [graph.node("Shape", [ids]), graph.integers(1)]);
  const places = graph.node("Range", [graph.integers(0), length, graph.integers(1)]);
  const tokens = graph.node("Gather", ["tokens", ids]);
  const placed = graph.node("Add", [tokens, graph.node("Gather", ["positions", places])]);
  return norm(graph, "embedded", graph.node("Add", [placed, graph.node("Gather", ["types", types])]));
}

function addLayer(
  graph: OnnxGraph,
  shape: TransformerShape,
  layer: string,
  input: string,
  mask: string,
): string {
  const { heads, width } = shape;
  const split = graph.integers([0, 0, heads, width / heads]);
  const part = (name: string, perm: number[]) => {
    const projected = linear(graph, `${layer}.${name}`, input);
    return graph.node("Transpose", [graph.node("Reshape", [projected, split])], { perm });
  };
  const products = graph.node("MatMul", [part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1])]);
  const scale = scalar(graph, `${layer}.scale`, Math.sqrt(width / heads));
  const scores = graph.node("Add", [graph.node("Div", [products, scale]), mask]);
  const shares = graph.node("Softmax", [scores], { axis: 3 });
  const mixed = graph.node("MatMul", [shares, part("value", [0, 2, 1, 3])]);
  const joined = graph.node("Reshape", [
    graph.node("Transpose", [mixed], { perm: [0, 2, 1, 3] }),
    graph.integers([0, 0, width]),
  ]);
  const attended = linear(graph, `${layer}.attended`, joined);
  const first = norm(graph, `${layer}.first`, graph.node("Add", [input, attended]));
  const inner = graph.node("Relu", [linear(graph, `${layer}.inner`, first)]);
  return norm(graph, `${layer}.second`, graph.node("Add", [first, linear(graph, `${layer}.outer`, inner)]));
}

function linear(graph: OnnxGraph, name: string, input: string): string {
  return graph.node("Add", [graph.node("MatMul", [input, `${name}.weight`]), `${name}.bias`]);
}

function norm(graph: OnnxGraph, name: string, input: string): string {
  return graph.node("LayerNormalization", [input, `${name}.weight`, `${name}.bias`], { axis: 2 });
}

function scalar(graph: OnnxGraph, name: string, value: number): string {
  return graph.weights(name, { shape: [], values: Float32Array.of(value) });
}
