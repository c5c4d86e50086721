/** What becomes of texts that an encoder cannot read. */
import { rm } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { createFileObjects } from "../core/blobs/file-objects.ts";
import { makeTempFolder } from "../core/testing/temp-folder.ts";
import { defaultModelPath } from "./classifier.service.ts";
import { learn } from "./company/learn.ts";
import { createOwnModel } from "./company/own-model.ts";
import { bankLabels, bankLessons, bankSettings, linesOf } from "./company/testing.ts";
import { createTrainer } from "./company/train-company.ts";
import { normalise } from "./features.ts";
import { createMeaning } from "./meaning.ts";
import { createRegistry } from "./registry/registry.ts";
import { shippedVectors } from "./word-vectors.ts";

/** An encoder that fails at some texts. */
function brokenFor(fails: (text: string) => boolean) {
  const warnings: unknown[] = [];
  const encode = async (texts: string[]) => {
    if (texts.some(fails)) throw new Error("no number");
    return texts.map((text) => Float32Array.of(text.length % 2, 1, 0));
  };
  const warn = (error: unknown) => void warnings.push(error);
  return {
    warnings,
    meaning: createMeaning(shippedVectors(), { dimensions: 3, encode }, "broken", warn),
  };
}

test("a text that could not be encoded is counted, leaves the others alone, and is tried anew", async () => {
  let isBroken = true;
  const { meaning, warnings } = brokenFor((text) => isBroken && text === "bad");
  expect(await meaning.know(["good", "bad"])).toBe(1);
  expect([meaning.reads("good"), meaning.reads("bad")]).toEqual([true, false]);
  expect([...meaning.vectorsOf(["good", "bad"]).keys()]).toEqual(["good"]);
  expect(warnings).toHaveLength(1);
  isBroken = false;
  expect(await meaning.know(["good", "bad"])).toBe(0);
  expect(meaning.reads("bad")).toBe(true);
});

test("a model learnt with an encoder applies nothing to a text that the encoder could not read", async () => {
  const { meaning } = brokenFor((text) => text.includes("pin"));
  const lessons = bankLessons(100);
  await meaning.know(lessons.map(({ text }) => normalise(null, text)));
  const risk = { department: 0.05 };
  const labels = { department: bankLabels };
  const options = { company: "bank", version: "1", labels, own: ["department"], risk, vectors: meaning };
  const learnt = learn(lessons, { ...options, defaults: () => null });
  if (!learnt) throw new Error("nothing was learnt");
  const own = createOwnModel(learnt.model, meaning);
  const read = own.read("pin refused again", () => null);
  expect(read.heads.get("department")?.doubts).toContain("the text encoder could not read it");
});

test("nothing is learnt with an encoder that fails", async () => {
  const dir = await makeTempFolder("meaning");
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const objects = createFileObjects(dir);
  const registry = createRegistry(objects, { coreVersion: "0.1.0", now: () => new Date() });
  await objects.put("datasets/bank/1.jsonl", linesOf(bankLessons(60)));
  const { meaning } = brokenFor(() => true);
  const versions = { codeVersion: "0.1.0", leastCore: "0.1.0" };
  const trainer = createTrainer({ registry, objects, ...versions, defaultModelPath, meaning });
  const request = { company: "bank", dataset: "datasets/bank/1.jsonl", reason: "manual" } as const;
  const settings = { labels: {}, risk: {}, ...bankSettings };
  await expect(trainer.train({ ...request, settings })).rejects.toThrow(/could not read \d+ of \d+ texts/);
  expect(await registry.list("bank")).toEqual([]);
});
