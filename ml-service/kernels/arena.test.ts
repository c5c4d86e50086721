import { describe, expect, test } from "vitest";
import { createArena, spare } from "./arena.ts";

/** Small whole numbers, so that sums are exact in whatever order. */
const number = (seed: number) => ((Math.imul(seed + 1, 2_654_435_761) >>> 8) % 21) - 10;
const fill = (array: Float32Array | Int8Array, seed: number) => {
  for (let at = 0; at < array.length; at += 1) array[at] = number(seed + at);
};
const chosen = [4, 0, 7, 2, 7];

function open(width: number) {
  const { arrays, kernels } = createArena({
    bytes: ["i8", 8 * width],
    matrix: ["f32", 8 * width],
    begins: ["i32", chosen.length],
    numbers: ["i32", chosen.length],
    values: ["f32", chosen.length],
    slopes: ["f32", width],
    ahead: ["f32", chosen.length],
    squares: ["f64", 8],
    sums: ["f32", width + spare],
  });
  fill(arrays.bytes, 1);
  fill(arrays.matrix, 2);
  fill(arrays.values, 3);
  fill(arrays.slopes, 4);
  arrays.numbers.set(chosen);
  arrays.begins.set(chosen.map((row) => row * width));
  arrays.squares.fill(16);
  arrays.sums.fill(5);
  const rows = (places: Int32Array) => ({ count: chosen.length, rows: places, values: arrays.values });
  return { ...arrays, kernels, byPlace: rows(arrays.begins), byNumber: rows(arrays.numbers) };
}

const sumOf = (matrix: Float32Array | Int8Array, values: Float32Array, width: number, column: number) =>
  chosen.reduce((sum, row, at) => sum + (values[at] as number) * (matrix[row * width + column] as number), 0);

describe.each([1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 64, 100])("rows of %i", (width) => {
  const columns = Array.from({ length: width }, (_, column) => column);

  test("of bytes are summed", () => {
    const { kernels, bytes, byPlace, values, sums } = open(width);
    kernels.sumByteRows(bytes, byPlace, width, sums);
    expect([...sums.subarray(0, width)]).toEqual(columns.map((c) => sumOf(bytes, values, width, c)));
  });

  test("are added to sums, and nothing to what lies behind", () => {
    const { kernels, matrix, byPlace, values, sums } = open(width);
    kernels.addRows(matrix, byPlace, width, sums);
    expect([...sums.subarray(0, width)]).toEqual(columns.map((c) => 5 + sumOf(matrix, values, width, c)));
    expect([...sums.subarray(width)]).toEqual(Array(spare).fill(5));
  });

  test("move against the slopes one after the other, from one place to another and nowhere else", () => {
    const { kernels, matrix, byNumber, values, slopes, squares } = open(width);
    const [wanted, sums] = [matrix.slice(), squares.slice()];
    const [from, to] = [Math.floor(width / 3), Math.ceil(width / 2)];
    for (const [at, row] of chosen.entries()) {
      const value = values[at] as number;
      sums[row] = (sums[row] as number) + value * value * 2;
      const pace = Math.fround((0.5 * value) / Math.sqrt(sums[row]));
      for (let c = from; c < to; c += 1) {
        const moved = Math.fround(pace * (slopes[c] as number));
        wanted[row * width + c] = (wanted[row * width + c] as number) - moved;
      }
    }
    kernels.stepRows(matrix, width, byNumber, slopes, from, to, { squares, mean: 2, rate: 0.5 });
    expect(matrix).toEqual(wanted);
    expect(squares).toEqual(sums);
  });

  test("tell what they make of the slopes before they move", () => {
    const { kernels, matrix, byNumber, slopes, ahead, squares } = open(width);
    const before = matrix.slice();
    const product = (row: number) =>
      columns.reduce((sum, c) => sum + (before[row * width + c] as number) * (slopes[c] as number), 0);
    kernels.backRows(matrix, { ...byNumber, count: 3 }, slopes, ahead, { squares, mean: 2, rate: 0.5 });
    expect([...ahead]).toEqual([...chosen.slice(0, 3).map(product), 0, 0]);
    const stepped = open(width);
    const pace = { squares: stepped.squares, mean: 2, rate: 0.5 };
    stepped.kernels.stepRows(
      ...([stepped.matrix, width, { ...stepped.byNumber, count: 3 }, stepped.slopes] as const),
      ...([0, width, pace] as const),
    );
    expect(matrix).toEqual(stepped.matrix);
  });
});

test("more than a memory can hold is refused, with what to do", () => {
  const open = () => createArena({ matrix: ["f32", 2 ** 30] });
  expect(open).toThrow(RangeError);
  expect(open).toThrow(/4295 MB finds no room: give the process more memory, .* \(ulimit -v unlimited\)/);
});
