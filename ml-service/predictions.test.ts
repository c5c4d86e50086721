import { expect, test } from "vitest";
import { predictionOf } from "./predictions.ts";

const head = { name: "type", labels: ["question", "request"], temperature: 1, blend: 0 };

test("a label is applied from the threshold on, not from what rounds to it", () => {
  const of = (chance: number) =>
    predictionOf({ ...head, threshold: 0.99998 }, Float64Array.of(chance, 1 - chance), []);
  expect(of(0.99997)).toMatchObject({ label: "question", confidence: 1, abstained: true });
  expect(of(0.99998)).toMatchObject({ label: "question", confidence: 1, abstained: false });
});
