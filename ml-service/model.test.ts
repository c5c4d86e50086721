import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { copyFeatures, createExtractor, normalise } from "./features.ts";
import { decodeModel, encodeModel, loadModel, saveModel } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { createScorer, familiarityOf, outsideness, probabilities } from "./score.ts";
import { trainSmall } from "./train/small-model.ts";
import { shippedVectors } from "./word-vectors.ts";

const folder = mkdtempSync(join(tmpdir(), "model-"));
afterAll(() => rmSync(folder, { recursive: true }));
const model = trainSmall();

describe("a model's file", () => {
  test("gives back the same model and the same scores", () => {
    const path = join(folder, "round.bin");
    saveModel(path, model);
    const again = loadModel(path);
    expect(encodeModel(again).equals(encodeModel(model))).toBe(true);
    const features = createExtractor(model.header.bits)(normalise(null, "Where is my parcel?"));
    const [before, after] = [model, again].map((one) => createScorer(one, shippedVectors())(features, ""));
    expect(after).toEqual(before);
    expect(copyFeatures(features).indices.length).toBeGreaterThan(10);
  });

  test("that is missing, foreign, cut or changed is refused with what to do", () => {
    expect(() => loadModel(join(folder, "none.bin"))).toThrow(/cannot read the model .*npm run train/);
    const bytes = encodeModel(model);
    const changed = Buffer.from(bytes);
    changed[changed.length - 5] = (changed[changed.length - 5] ?? 0) ^ 1;
    const header = Buffer.from(bytes);
    header.write("?", 12);
    for (const broken of [
      Buffer.from(""),
      Buffer.from("hello world"),
      bytes.subarray(0, 40),
      bytes.subarray(0, -1),
      changed,
      header,
    ]) {
      expect(() => decodeModel(broken, "x.bin")).toThrow(ModelError);
    }
    const path = join(folder, "broken.bin");
    writeFileSync(path, changed);
    expect(() => loadModel(path)).toThrow(/check sum is wrong/);
  });

  test("gives finite probabilities that add up to one, for any text", () => {
    const extract = createExtractor(model.header.bits);
    const score = createScorer(model, shippedVectors());
    for (const text of ["", "a".repeat(10_000), "Где заказ?", "🙂"]) {
      const logits = score(extract(normalise(null, text)), text);
      let from = 0;
      for (const head of model.header.heads) {
        const chances = probabilities(logits, from, head);
        expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 9);
        from += head.labels.length;
      }
    }
  });
});

describe("a scorer", () => {
  test("refuses a model that was trained with other word vectors", () => {
    expect(() => createScorer(model, null)).toThrow(/other word vectors or another encoder: train it again/);
  });

  test("finds text of another kind less familiar than that of a support desk", () => {
    const extract = createExtractor(model.header.bits);
    const score = createScorer(model, shippedVectors());
    const outside = (text: string) =>
      outsideness(
        familiarityOf(score(extract(normalise(null, text)), text), model.header.heads),
        model.header.familiarity,
      );
    expect(outside("qwzx vrtk plmn xxyyzz")).toBeGreaterThan(0.9);
    expect(outside("Where is my parcel? It should have come on Monday.")).toBeLessThan(0.9);
    expect(outsideness(-1e9, [1, 2, 3])).toBe(1);
    expect(outsideness(1e9, [1, 2, 3])).toBe(0);
    expect(outsideness(2, [1, 2, 3])).toBeCloseTo(0.5, 9);
  });
});
