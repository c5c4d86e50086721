import { describe, expect, test } from "vitest";
import { copyFeatures, createExtractor, maxTextLength, normalise } from "./features.ts";

const bits = 14;
const extract = createExtractor(bits);
const featuresOf = (text: string) => copyFeatures(extract(normalise(null, text)));

describe("features", () => {
  test("are the same for the same text, whichever extractor and whatever came before", () => {
    const first = featuresOf("Where is my order 4711?");
    featuresOf("something else entirely");
    expect(featuresOf("Where is my order 4711?")).toEqual(first);
    expect(copyFeatures(createExtractor(bits)(normalise(null, "Where is my order 4711?")))).toEqual(first);
  });

  test("have squares that add up to one, and buckets within bounds", () => {
    const { indices, values } = featuresOf("Мне дважды списали деньги, верните пожалуйста!");
    expect(values.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
    expect(Math.min(...indices)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...indices)).toBeLessThan(2 ** bits);
    expect(new Set(indices).size).toBe(indices.length);
  });

  test("do not depend on case, compatibility forms, ё or the digits of a long number", () => {
    expect(featuresOf("ORDER")).toEqual(featuresOf("order"));
    expect(featuresOf("ｏｒｄｅｒ")).toEqual(featuresOf("order"));
    expect(featuresOf("ещё")).toEqual(featuresOf("еще"));
    expect(featuresOf("order 83920017")).toEqual(featuresOf("order 4711"));
    expect(featuresOf("error 404")).not.toEqual(featuresOf("error 500"));
  });

  test("are none for a text without words", () => {
    for (const text of ["", " \n\t", "😀😀", "…—"]) expect(featuresOf(text).indices).toHaveLength(0);
  });

  test("look at the first few thousand characters only", () => {
    const head = "word ".repeat(maxTextLength / 5);
    expect(featuresOf(`${head}tail`)).toEqual(featuresOf(head));
    expect(normalise(null, "ﷺ".repeat(maxTextLength)).length).toBeLessThanOrEqual(maxTextLength);
  });

  test("stand hostile texts within milliseconds", () => {
    const hostile = [
      "a".repeat(200_000),
      "不".repeat(200_000),
      "\ud800".repeat(200_000),
      "! ? ".repeat(50_000),
      "1".repeat(200_000),
      "\0".repeat(200_000),
    ];
    const started = performance.now();
    for (const text of hostile) {
      const { values } = featuresOf(text);
      expect(values.every(Number.isFinite)).toBe(true);
    }
    expect(performance.now() - started).toBeLessThan(500);
  });
});
