/**
 * Numbers that lie where the inner loops of scoring and training can reach them, and those loops: WebAssembly, since its SIMD
 * instructions do four times as much at once as JavaScript can.
 */
import { assemble } from "./assemble.ts";

/** Of a WebAssembly memory, in bytes. */
const page = 65_536;
/** Where arrays begin, in bytes. */
const alignment = 16;
/** So many numbers behind the last column of its sums, `sumByteRows` may write; and behind the last row, read. */
export const spare = 32;

const constructors = {
  f64: Float64Array,
  f32: Float32Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
} as const;
type Kind = keyof typeof constructors;
/** Arrays by name: of what kind, and of how many entries. */
export type Plan = Readonly<Record<string, readonly [Kind, number]>>;
export type Arrays<P extends Plan> = {
  readonly [name in keyof P]: InstanceType<(typeof constructors)[P[name][0]]>;
};

/** Some rows of a matrix, each with its value. */
export interface Rows {
  count: number;
  /** For `sumByteRows` and `addRows` where each row begins, for the others its number. */
  readonly rows: Int32Array;
  readonly values: Float32Array;
}

/** What decides how far rows move: AdaGrad with one rate for each row. */
export interface Pace {
  /** By row, the sum of the squares so far; it grows by the row's value squared times `mean`. */
  readonly squares: Float64Array;
  readonly mean: number;
  readonly rate: number;
}

/** The loops, on arrays of one arena alone. They check nothing. */
export interface Kernels {
  /** The first `width` sums become those of the rows, each times its value; `spare` more are written. */
  sumByteRows(bytes: Int8Array, rows: Rows, width: number, sums: Float32Array): void;
  /** Adds rows to the first `width` sums, each times its value. */
  addRows(matrix: Float32Array, rows: Rows, width: number, sums: Float32Array): void;
  /** Moves rows of `stride` numbers against the slopes, at those places that lie from `from` to `to`. */
  stepRows(
    ...args: [
      ...[matrix: Float32Array, stride: number, rows: Rows, slopes: Float32Array],
      ...[from: number, to: number, pace: Pace],
    ]
  ): void;
  /** Moves rows that are as long as the slopes; `ahead` gets their products with the slopes, of before. */
  backRows(matrix: Float32Array, rows: Rows, slopes: Float32Array, ahead: Float32Array, pace: Pace): void;
}

export interface Arena<P extends Plan> {
  readonly arrays: Arrays<P>;
  readonly kernels: Kernels;
}

const program = assemble();

/**
 * Lays out arrays, all zeros, and opens the loops on them. The memory goes with the last array that is kept: copy what is to
 * stay for long.
 * @throws RangeError where they take more than 4 GB, or more than the machine has
 */
export function createArena<P extends Plan>(plan: P): Arena<P> {
  let end = 0;
  const places = Object.entries(plan).map(([name, [kind, length]]) => {
    const from = end;
    end += Math.ceil((length * constructors[kind].BYTES_PER_ELEMENT) / alignment) * alignment;
    return { name, kind, length, from };
  });
  const memory = reserve(end + spare * 4);
  const arrays = Object.fromEntries(
    places.map(({ name, kind, length, from }) => [name, new constructors[kind](memory.buffer, from, length)]),
  );
  return { arrays: arrays as Arrays<P>, kernels: openKernels(memory) };
}

function reserve(bytes: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: Math.ceil(bytes / page) });
  } catch (cause) {
    const size = `${Math.ceil(bytes / 1e6)} MB`;
    // Each memory takes some 10 GB of addresses, however small it is: a limit of those counts before the machine's memory does.
    const advice = "give the process more memory, and no limit of its address space (ulimit -v unlimited)";
    throw new RangeError(`a classifier's model of ${size} finds no room: ${advice}`, { cause });
  }
}

type Loop = (...args: number[]) => void;

function openKernels(memory: WebAssembly.Memory): Kernels {
  const loops = new WebAssembly.Instance(program, { arena: { memory } }).exports as Record<string, Loop>;
  const { sumByteRows, addRows, stepRows, backRows } = loops as Record<keyof Kernels, Loop>;
  return {
    sumByteRows({ byteOffset }, { count, rows, values }, width, sums) {
      sumByteRows(byteOffset, rows.byteOffset, values.byteOffset, count, width, sums.byteOffset);
    },
    addRows({ byteOffset }, { count, rows, values }, width, sums) {
      addRows(byteOffset, rows.byteOffset, values.byteOffset, count, width, sums.byteOffset);
    },
    stepRows(matrix, stride, { count, rows, values }, slopes, from, to, { squares, mean, rate }) {
      const [row, slope] = [matrix.byteOffset + 4 * from, slopes.byteOffset + 4 * from];
      stepRows(
        ...([row, stride, rows.byteOffset, values.byteOffset, count] as const),
        ...([slope, to - from, squares.byteOffset, mean, rate] as const),
      );
    },
    backRows({ byteOffset }, { count, rows, values }, slopes, ahead, { squares, mean, rate }) {
      backRows(
        ...([byteOffset, rows.byteOffset, values.byteOffset, count, slopes.byteOffset] as const),
        ...([slopes.length, squares.byteOffset, mean, rate, ahead.byteOffset] as const),
      );
    },
  };
}
