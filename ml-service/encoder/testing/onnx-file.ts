/** Puts an ONNX file together: nodes, weights, inputs and outputs. Numbers of fields are those of ONNX's `onnx.proto`. */
import { type Field, message, repeated } from "./protobuf.ts";

/** A table of numbers with its shape. */
export interface Weights {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface OnnxGraph {
  /** Adds a node, and returns the name of its output. */
  node(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, number | number[]>>,
  ): string;
  /** Adds weights, and returns their name. */
  weights(name: string, weights: Weights): string;
  /** Adds whole numbers, and returns their name; a single one without a list is a scalar. */
  integers(values: number | readonly number[]): string;
  /** Adds an input of whole numbers; its dimensions are named. */
  input(name: string, dimensions: readonly string[], type?: "int64" | "float"): string;
  /** Gives a value the name of an output. */
  output(name: string, from: string, dimensions: readonly (string | number)[]): void;
  /** The file's content. */
  bytes(): Uint8Array;
}

const elementTypes = { float: 1, int64: 7 } as const;
const attributeTypes = { int: 2, ints: 7 } as const;
/** The oldest version of the operators with LayerNormalization, and the file format that goes with it. */
const operators = 17;
const fileFormat = 8;

export function createGraph(): OnnxGraph {
  const nodes: Uint8Array[] = [];
  const tables: Uint8Array[] = [];
  const inputs: Uint8Array[] = [];
  const outputs: Uint8Array[] = [];
  const addNode = (type: string, from: readonly string[], to: string, attributes: Field[] = []) => {
    nodes.push(message(...repeated(1, from), [2, to], [3, `node_${nodes.length}`], [4, type], ...attributes));
    return to;
  };
  return {
    node(type, from, attributes = {}) {
      const fields = Object.entries(attributes).map(([name, value]): Field => [5, attribute(name, value)]);
      return addNode(type, from, `value_${nodes.length}`, fields);
    },
    weights(name, { shape, values }) {
      const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      tables.push(table(name, elementTypes.float, shape, raw));
      return name;
    },
    integers(values) {
      const list = [values].flat();
      const raw = new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
      const name = `integers_${tables.length}`;
      tables.push(table(name, elementTypes.int64, typeof values === "number" ? [] : [list.length], raw));
      return name;
    },
    input(name, dimensions, type = "int64") {
      inputs.push(valueInfo(name, elementTypes[type], dimensions));
      return name;
    },
    output(name, from, dimensions) {
      addNode("Identity", [from], name);
      outputs.push(valueInfo(name, elementTypes.float, dimensions));
    },
    bytes() {
      const graph = message(
        ...repeated(1, nodes),
        [2, "encoder"],
        ...repeated(5, tables),
        ...repeated(11, inputs),
        ...repeated(12, outputs),
      );
      return message([1, fileFormat], [7, graph], [8, message([1, ""], [2, operators])]);
    },
  };
}

function table(name: string, type: number, shape: readonly number[], raw: Uint8Array): Uint8Array {
  return message(...repeated(1, shape), [2, type], [8, name], [9, raw]);
}

function attribute(name: string, value: number | number[]): Uint8Array {
  return typeof value === "number"
    ? message([1, name], [3, signed(value)], [20, attributeTypes.int])
    : message([1, name], ...repeated(8, value), [20, attributeTypes.ints]);
}

/** Negative whole numbers would need ten bytes; none of the operators used here takes one. */
function signed(value: number): number {
  if (value < 0) throw new Error(`${value}: count axes from the front`);
  return value;
}

function valueInfo(name: string, type: number, dimensions: readonly (string | number)[]): Uint8Array {
  const shape = message(
    ...dimensions.map((size): Field => [1, message(typeof size === "number" ? [1, size] : [2, size])]),
  );
  return message([1, name], [2, message([1, message([1, type], [2, shape])])]);
}
