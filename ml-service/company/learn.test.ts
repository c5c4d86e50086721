import { describe, expect, test } from "vitest";
import { createExtractor, normalise } from "../features.ts";
import { decodeModel, encodeModel, type Model } from "../model.ts";
import { shippedVectors } from "../word-vectors.ts";
import { type LearnOptions, learn, learnFromDescriptions, mostAnew, partLessons } from "./learn.ts";
import { createOwnModel } from "./own-model.ts";
import { bankLabels, bankLessons } from "./testing.ts";

const vectors = shippedVectors();
const labels = { department: bankLabels };

const options: LearnOptions = {
  ...{ company: "bank", version: "1", labels, own: ["department"], risk: { department: 0.05 }, vectors },
  defaults: () => null,
};

function answersOf(model: Model, texts: string[], allowed?: Record<string, string[]>) {
  const own = createOwnModel(model, vectors, allowed);
  return texts.map((text) => {
    const head = own.read(normalise(null, text), () => null).heads.get("department");
    const best = head?.chances.indexOf(Math.max(...head.chances)) ?? -1;
    return {
      label: head?.head.labels[best],
      doubts: head?.doubts ?? [],
      head: head?.head,
      chances: head?.chances,
    };
  });
}

describe("a company's own labels", () => {
  test("are guessed from their descriptions on the first day, and never applied", () => {
    const model = learnFromDescriptions("bank", labels, vectors);
    const [stolen, interest, hours] = answersOf(model, [
      "Hello, my card was stolen in the tram!",
      "what interest do you ask for a mortgage",
      "When does the branch open?",
    ]);
    expect([stolen?.label, interest?.label, hours?.label]).toEqual(["cards", "loans", "branches"]);
    expect(stolen?.head?.threshold).toBeGreaterThan(1);
    expect(stolen?.doubts).toEqual([expect.stringMatching(/goes by the descriptions/)]);
  });

  test("are learnt from corrections, with a promise that the held-back ones bear out", () => {
    const learnt = learn(bankLessons(1_000), options);
    if (!learnt) throw new Error("nothing was learnt");
    const right = learnt.answers.filter(({ label, right }) => label === right).length;
    expect(right / learnt.answers.length).toBeGreaterThan(0.95);
    expect(learnt.choices.department).toMatchObject({ reason: null });
    expect(learnt.choices.department?.bound).toBeLessThanOrEqual(0.05);
    const again = decodeModel(encodeModel(learnt.model), "again");
    expect(answersOf(again, ["pin refused again"])[0]).toMatchObject({ label: "cards", doubts: [] });
  });

  test("are not applied while there are too few corrections to promise anything", () => {
    const learnt = learn(bankLessons(30), options);
    expect(learnt?.model.header.heads[0]).toMatchObject({
      threshold: 1.01,
      reason: expect.stringMatching(/at least 45 judged answers are needed/),
    });
  });

  test("are given with no more certainty than the corrections bear out, where all of them are answered rightly", () => {
    const learnt = learn(bankLessons(60), options);
    if (!learnt) throw new Error("nothing was learnt");
    expect(learnt.answers.every(({ label, right }) => label === right)).toBe(true);
    const [mixed] = answersOf(learnt.model, ["where did you borrow my wallet"]);
    expect(Math.max(...(mixed?.chances ?? []))).toBeLessThan(0.999);
    const sure = learnt.answers.map(({ confidence }) => confidence);
    expect(sure.reduce((sum, one) => sum + one, 0) / sure.length).toBeLessThan(0.999);
  });

  test("are learnt in the same way from the same lessons", () => {
    const [one, two] = [learn(bankLessons(100), options), learn(bankLessons(100), options)];
    if (!one || !two) throw new Error("nothing was learnt");
    expect(encodeModel(one.model).equals(encodeModel(two.model))).toBe(true);
  });

  test("that have gone from the config are given no more", () => {
    const learnt = learn(bankLessons(400), options);
    if (!learnt) throw new Error("nothing was learnt");
    const allowed = { department: ["loans", "branches"] };
    const [card, loan] = answersOf(learnt.model, ["pin refused again", "borrow ten thousand"], allowed);
    expect(card?.label).not.toBe("cards");
    expect(card?.doubts).toEqual([expect.stringMatching(/no longer in the config/)]);
    expect(card?.chances?.reduce((sum, chance) => sum + chance, 0)).toBeCloseTo(1, 9);
    expect(loan).toMatchObject({ label: "loans", doubts: [] });
  });
});

describe("learning", () => {
  test("needs lessons", () => {
    expect(learn([], options)).toBeNull();
    expect(learn(bankLessons(19), options)).toBeNull();
    expect(learn(bankLessons(19), { ...options, own: [] })).toBeNull();
  });

  test("holds back the same tickets when more lessons come, and never parts near-duplicates", () => {
    const lessons = bankLessons(300);
    const twins = lessons.slice(0, 50).map((one) => ({ ...one, id: `${one.id}b`, ticket: `${one.ticket}b` }));
    const before = partLessons(lessons);
    const after = partLessons([...lessons, ...bankLessons(200, 2), ...twins]);
    const texts = (part: { text: string }[]) => new Set(part.map(({ text }) => text));
    for (const text of texts(before.heldBack)) expect(texts(after.heldBack)).toContain(text);
    for (const text of texts(after.heldBack)) expect(texts(after.learn)).not.toContain(text);
    expect(before.heldBack.length).toBeGreaterThan(300 / 10);
  });

  test("holds back the same tickets where one of several alike is corrected again, and so comes last", () => {
    const twins = bankLessons(60).flatMap((one) => [
      one,
      { ...one, id: `${one.id}b`, ticket: `${one.ticket}b` },
    ]);
    const again = [...twins.slice(1), ...twins.slice(0, 1)].toReversed();
    const textsOf = (lessons: typeof twins) => partLessons(lessons).heldBack.map(({ text }) => text);
    expect(textsOf(again).sort()).toEqual(textsOf(twins).sort());
  });

  test("goes on from a model without forgetting what it knew", () => {
    const first = learn(bankLessons(mostAnew), options);
    if (!first) throw new Error("nothing was learnt");
    const next = learn([...bankLessons(mostAnew), ...bankLessons(20, 3)], { ...options, start: first.model });
    const right = next?.answers.filter(({ label, right: wanted }) => label === wanted).length ?? 0;
    expect(right / (next?.answers.length ?? 1)).toBeGreaterThan(0.95);
    const known = createExtractor(first.model.header.bits)(normalise(null, "someone took my wallet"));
    expect(known.count).toBeGreaterThan(10);
  });

  test("from one more correction takes nothing away from what few corrections promise", () => {
    const first = learn(bankLessons(100), options);
    const next = learn([...bankLessons(100), ...bankLessons(1, 9)], {
      ...options,
      ...(first ? { start: first.model } : {}),
    });
    expect(first?.choices.department).toMatchObject({ reason: null, coverage: { of: 100 } });
    expect(next?.choices.department).toMatchObject({ reason: null, coverage: { of: 101 } });
  });

  test("starts anew where the labels have changed", () => {
    const first = learn(bankLessons(200), options);
    const more = { department: { ...labels.department, insurance: "Insurance of all kinds, claims." } };
    const next = learn(bankLessons(200), {
      ...options,
      labels: more,
      ...(first ? { start: first.model } : {}),
    });
    expect(next?.model.header.heads[0]?.labels).toContain("insurance");
  });

  test("lets the default model have a say only where that helps", () => {
    // Nothing can be learnt from these texts, and the default model knows what they are.
    const riddles = bankLessons(100).map((one, at) => ({
      ...one,
      text: `${"abcdefghij"[at % 10]}${at} ${at * 7}`,
    }));
    const known = new Map(
      riddles.map(({ text, labels: right }) => [normalise(null, text), right.department]),
    );
    const knowing = (_: string, normal: string) =>
      Float64Array.from(Object.keys(bankLabels), (label) => (label === known.get(normal) ? 0.9 : 0.05));
    const helped = learn(riddles, { ...options, defaults: knowing });
    expect(helped?.model.header.heads[0]?.blend).toBeGreaterThan(0.5);
    const misled = learn(bankLessons(400), { ...options, defaults: () => Float64Array.of(0.98, 0.01, 0.01) });
    expect(misled?.model.header.heads[0]?.blend).toBe(0);
  });
});
