import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { copyFeatures, createExtractor, normalise } from "./features.ts";
import {
  columnsOf,
  decodeModel,
  encodeModel,
  loadModel,
  ModelError,
  probabilities,
  saveModel,
  score,
} from "./model.ts";
import { trainSmall } from "./train/small-model.ts";

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
    const [before, after] = [model, again].map((one) => {
      const logits = new Float64Array(columnsOf(one.header));
      score(one, features, logits);
      return logits;
    });
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
    const logits = new Float64Array(columnsOf(model.header));
    for (const text of ["", "a".repeat(10_000), "Где заказ?", "🙂"]) {
      score(model, extract(normalise(null, text)), logits);
      let from = 0;
      for (const head of model.header.heads) {
        const chances = probabilities(logits, from, head);
        expect(chances.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 9);
        from += head.labels.length;
      }
    }
  });
});
