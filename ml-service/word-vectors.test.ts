import { expect, test } from "vitest";
import { ModelError } from "./model-error.ts";
import { decodeVectors, encodeVectors } from "./word-vectors.ts";

const table = encodeVectors(Int32Array.of(1, 2), [Float32Array.of(1, 0), Float32Array.of(0, 1)], 2);

test("a table that is cut, damaged or of no size is refused", () => {
  expect(decodeVectors(table, "words.bin").dimensions).toBe(2);
  const huge = Buffer.from(table.subarray(0, 12));
  huge.writeUInt32LE(0, 4);
  huge.writeUInt32LE(2 ** 32 - 1, 8);
  const empty = Buffer.from(huge);
  empty.writeUInt32LE(0, 8);
  for (const bytes of [table.subarray(0, -1), table.subarray(0, 5), Buffer.alloc(0), huge, empty]) {
    expect(() => decodeVectors(bytes, "words.bin")).toThrow(ModelError);
  }
});
