/** Writes protobuf's wire format: just what an ONNX file needs. */

/** Values of a message: the number of the field, and what it holds. */
export type Field = readonly [number: number, value: number | string | Uint8Array];

const varint = 0;
const delimited = 2;

/** A message out of its fields: whole numbers from 0 as varints, text, bytes, or other messages. */
export function message(...fields: readonly Field[]): Uint8Array {
  return joined(
    fields.flatMap(([number, value]) => {
      if (typeof value === "number") return [varintOf(number * 8 + varint), varintOf(value)];
      const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
      return [varintOf(number * 8 + delimited), varintOf(bytes.length), bytes];
    }),
  );
}

/** The same field once for each value. */
export function repeated(number: number, values: readonly Field[1][]): Field[] {
  return values.map((value) => [number, value]);
}

/** Seven bits a byte, the low ones first. */
function varintOf(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
