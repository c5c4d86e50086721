/** The watch for drift on seeded streams: silent while nothing changes, loud when it does, and steady in between. */
import { describe, expect, test } from "vitest";
import { createRandom, type Random } from "../train/random.ts";
import { createDriftWatch } from "./drift.ts";
import { driftReference, driftReferenceSchema, type WatchedAnswer } from "./drift-reference.ts";

const labels = ["billing", "orders", "shipping", "returns", "technical", "account", "sales", "product"];

/** A stream in which each label is half as frequent again as the next one. */
function draw(random: Random, change: Partial<WatchedAnswer> = {}): WatchedAnswer {
  const label = labels[Math.min(labels.length - 1, Math.floor(-Math.log(1 - random()) / 0.4))] ?? "";
  const confidence = Math.round((1 - random() ** 2) * 10_000) / 10_000;
  const unknown = random() < 0.5 ? 0 : random() * 0.4;
  return { label, confidence, abstained: confidence < 0.5, unknown, ...change };
}
const stream = (seed: number, count: number) => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => draw(random));
};
const reference = driftReference(stream(1, 2_000));

describe("the watch for drift", () => {
  test("is silent over 100,000 answers like the reference", () => {
    const watch = createDriftWatch({ reference });
    const random = createRandom(2);
    let alarms = 0;
    for (let at = 0; at < 100_000; at += 1) {
      watch.observe(draw(random));
      if (at % 100 === 0 && watch.state().alarm) alarms += 1;
    }
    expect(alarms).toBe(0);
    expect(watch.state()).toMatchObject({ rows: 1_000, reason: null });
  });

  test("is silent with a small window, a small reference and many labels, where chance alone moves the index", () => {
    const random = createRandom(5);
    const many = () => draw(random, { label: `intent ${Math.floor(random() * 60)}` });
    const watch = createDriftWatch({
      reference: driftReference(Array.from({ length: 300 }, many)),
      window: 200,
      least: 100,
    });
    let alarms = 0;
    for (let at = 0; at < 20_000; at += 1) {
      watch.observe(many());
      if (watch.state().alarm) alarms += 1;
    }
    expect(alarms).toBe(0);
  });

  test.each([
    ["labels", { label: "shipping" }, /the labels given have moved \(PSI [\d.]+\): shipping \d+ % → \d\d %/],
    ["confidence", { confidence: 0.3 }, /the confidences have moved/],
    ["abstained", { abstained: true }, /the share abstained has moved \(PSI [\d.]+\): 2\d % → [5-9]\d %/],
    ["unknown", { unknown: 0.8 }, /the share of unknown words has moved/],
    ["labels", { label: "never seen" }, /labels not seen before 0 % →/],
  ] as const)("tells that %s have moved, and ends when they are back", (signal, change, reason) => {
    const watch = createDriftWatch({ reference });
    const random = createRandom(3);
    const observe = (count: number, share: number) => {
      for (let at = 0; at < count; at += 1) watch.observe(draw(random, random() < share ? change : {}));
    };
    observe(1_000, 0);
    expect(watch.state().alarm).toBe(false);
    observe(1_000, 0.6);
    expect(watch.state()).toMatchObject({ alarm: true, reason: expect.stringMatching(reason) });
    expect(watch.state().psi?.[signal]).toBeGreaterThan(0.25);
    observe(1_000, 0);
    expect(watch.state()).toMatchObject({ alarm: false, reason: null });
  });

  test("does not flap where the index goes up and down about the alarm", () => {
    const watch = createDriftWatch({ reference });
    const random = createRandom(4);
    let changes = 0;
    let crossings = 0;
    let last = { alarm: false, above: false };
    for (let at = 0; at < 30_000; at += 1) {
      watch.observe(draw(random, random() < 0.31 ? { label: "shipping" } : {}));
      const { alarm, psi } = watch.state();
      const above = (psi?.labels ?? 0) >= 0.28;
      if (alarm !== last.alarm) changes += 1;
      if (above !== last.above) crossings += 1;
      last = { alarm, above };
    }
    expect(crossings).toBeGreaterThan(20);
    expect(changes).toBe(1);
  });

  test("says nothing before there are enough answers", () => {
    const watch = createDriftWatch({ reference, least: 200 });
    for (let at = 0; at < 199; at += 1) watch.observe({ label: "sales", confidence: 0.1, abstained: true });
    expect(watch.state()).toMatchObject({ rows: 199, psi: null, alarm: false });
    watch.observe({ label: "sales", confidence: 0.1, abstained: true });
    expect(watch.state().alarm).toBe(true);
  });
});

describe("a reference", () => {
  test("survives the way through a manifest", () => {
    expect(driftReferenceSchema.parse(JSON.parse(JSON.stringify(reference)))).toEqual(reference);
    expect(() => driftReferenceSchema.parse({ ...reference, confidence: [1] })).toThrow("one count more");
  });

  test("of answers with one confidence and without unknown words watches what is left", () => {
    const plain = { label: "a", confidence: 1, abstained: false };
    const made = driftReference([plain, plain]);
    expect(made).toMatchObject({ edges: [], confidence: [2], unknown: null });
    const watch = createDriftWatch({ reference: made, least: 1, window: 10 });
    watch.observe(plain);
    expect(Object.keys(watch.state().psi ?? {})).toEqual(["labels", "confidence", "abstained"]);
    expect(() => driftReference([])).toThrow(RangeError);
  });
});
