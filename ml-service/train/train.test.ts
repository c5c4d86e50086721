import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { headLabels } from "../labels.ts";
import { encodeModel } from "../model.ts";
import { shippedVectors } from "../word-vectors.ts";
import { fitTemperature, fitThreshold } from "./calibrate.ts";
import { groupNearDuplicates } from "./groups.ts";
import { measure } from "./metrics.ts";
import { readSamples } from "./samples.ts";
import { readMapping, readSets } from "./sets.ts";
import { learner } from "./settings.ts";
import { trainSmall } from "./small-model.ts";
import { partOf, scoreAll } from "./train.ts";

const data = join(import.meta.dirname, "../../../shared/data");
const samples = readSamples(join(import.meta.dirname, "samples"), 3);

describe("training", () => {
  test("twice on the same messages gives the same bytes", () => {
    expect(encodeModel(trainSmall()).equals(encodeModel(trainSmall()))).toBe(true);
  });

  test("of several networks makes one that says what they say on average", () => {
    const [both, first, second] = [
      trainSmall({ members: 2 }),
      trainSmall(),
      trainSmall({ seed: learner.seed + 1 }),
    ].map((model) => scoreAll(model, samples.slice(0, 50), shippedVectors()).map(({ logits }) => logits));
    both?.forEach((logits, text) => {
      logits.forEach((logit, label) => {
        const mean = ((first?.[text]?.[label] ?? 0) + (second?.[text]?.[label] ?? 0)) / 2;
        // Weights are rounded to bytes, those of each model by other steps.
        expect(Math.abs(logit - mean)).toBeLessThan(0.2);
      });
    });
    expect(first).not.toEqual(second);
  });

  test("has messages for each label in each language", () => {
    for (const language of ["en", "ru", "de"]) {
      const mine = samples.filter(
        ({ source, labels }) => source === `own-${language}` && labels.scope === "in",
      );
      for (const head of ["type", "priority", "department"]) {
        const used = new Set(mine.map(({ labels }) => labels[head]));
        expect(used, `${head} in ${language}`).toEqual(new Set(headLabels[head]));
      }
    }
  });

  test("has small talk and the like in each language, with no other label", () => {
    for (const language of ["en", "ru", "de"]) {
      const outside = samples.filter(
        ({ source, labels }) => source === `own-${language}` && labels.scope === "out",
      );
      expect(outside.length, language).toBeGreaterThan(100);
      for (const { labels } of outside) expect(labels).toEqual({ scope: "out" });
    }
  });

  test("leaves no unfilled choice or slot in a message", () => {
    for (const { text } of samples) expect(text).not.toMatch(/[{}|]|<\w+>|undefined/);
  });

  test("never parts the messages that one line was expanded into", () => {
    const parts = new Map<string, Set<string>>();
    for (const { group } of samples) parts.set(group, (parts.get(group) ?? new Set()).add(partOf(group)));
    expect([...parts.values()].every(({ size }) => size === 1)).toBe(true);
  });

  test("maps data sets to labels that exist, and to nothing that is only for judging", () => {
    const { evaluation, ...sets } = readMapping();
    expect(Object.keys(evaluation)).toEqual(["tickets_tobi", "ru_vtb_faq"]);
    expect(Object.keys(sets)).not.toContain("tickets_tobi");
    for (const { intents } of Object.values(sets)) {
      for (const [department, type, priority] of Object.values(intents)) {
        expect([...(headLabels.department ?? []), "-"]).toContain(department);
        expect([...(headLabels.type ?? []), "-"]).toContain(type);
        expect([...(headLabels.priority ?? []), "-"]).toContain(priority);
      }
    }
  });

  test("goes on without data sets and names what is missing", () => {
    const { examples, missing } = readSets(join(import.meta.dirname, "no-such-folder"), readMapping());
    expect(examples).toEqual([]);
    expect(missing).toContain("banking77");
  });

  test.skipIf(!existsSync(data))("reads the data sets (skipped where ../shared/data is absent)", () => {
    const { examples, missing } = readSets(data, readMapping());
    expect(missing).toEqual([]);
    expect(examples.length).toBeGreaterThan(10_000);
  });
});

describe("near-duplicates", () => {
  test("share a group, other texts do not", () => {
    const [first, second, third] = groupNearDuplicates([
      "how can I cancel my purchase 113542617735902 today please",
      "how can I cancel my purchase 00004587345 today please",
      "the printer on the second floor does not print any more",
    ]);
    expect(first).toBe(second);
    expect(third).not.toBe(first);
  });
});

describe("calibration", () => {
  // Right in 3 of 4 cases although the logits claim nearly always: the temperature must be well above 1.
  const judged = Array.from({ length: 400 }, (_, at) => ({
    logits: Float64Array.of(8, 0),
    label: at % 4 === 0 ? 1 : 0,
    weight: 1,
  }));

  test("softens claims that are too strong", () => {
    const temperature = fitTemperature(judged);
    expect(1 / (1 + Math.exp(-8 / temperature))).toBeCloseTo(0.75, 1);
  });

  test("abstains where the precision wanted cannot be reached", () => {
    expect(fitThreshold(judged, 1, 0.9)).toBe(0.95);
    expect(fitThreshold(judged, fitTemperature(judged), 0.7)).toBeLessThan(0.8);
  });
});

describe("figures", () => {
  const answer = { right: ["a"], label: "a", confidence: 1, abstained: false, group: "1" };

  test("of a perfect and of an empty list", () => {
    const perfect = { rows: 1, accuracy: 1, macroF1: 1, ece: 0, coverage: 1, precision: 1 };
    expect(measure([answer])).toEqual({ ...perfect, majority: 1, gain: 0, margin: 0 });
    expect(new Set(Object.values(measure([])))).toEqual(new Set([0]));
  });

  test("compare with the best single label, on the rows that were given alone", () => {
    const answers = [
      answer,
      { ...answer, right: ["b", "a"], label: "b", group: "2" },
      { ...answer, right: ["b"], label: "b", group: "3" },
      { ...answer, right: ["c"], label: "d", group: "4" },
      { ...answer, right: ["c"], abstained: true, group: "5" },
      { ...answer, right: ["c"], abstained: true, group: "6" },
    ];
    expect(measure(answers)).toMatchObject({ coverage: 4 / 6, precision: 0.75, majority: 0.5, gain: 0.25 });
  });

  test("have a wider margin where rows are near-duplicates of each other", () => {
    const mixed = [...Array(100)].map((_, at) => ({ ...answer, right: [at < 60 ? "a" : "b"], label: "b" }));
    const single = measure(mixed.map((one, at) => ({ ...one, group: `${at}` })));
    const grouped = measure(mixed.map((one, at) => ({ ...one, group: `${Math.floor(at / 20)}` })));
    expect(grouped.margin).toBeGreaterThan(single.margin * 2);
  });
});
