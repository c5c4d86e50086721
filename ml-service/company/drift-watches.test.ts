import { describe, expect, test } from "vitest";
import { createRandom } from "../train/random.ts";
import { createDriftWatches, type DriftAlarm } from "./drift-watches.ts";

function watched() {
  const told: [string, boolean][] = [];
  const tell = ({ company, head }: DriftAlarm, isOn: boolean) => void told.push([`${company}/${head}`, isOn]);
  return { told, watches: createDriftWatches(tell) };
}

/** @param share of answers that say "cards" */
function observe(
  { watches }: ReturnType<typeof watched>,
  count: number,
  share: number,
  { company = "bank", model = "bank@1", seed = 1, applies = true } = {},
) {
  const random = createRandom(seed);
  for (let at = 0; at < count; at += 1) {
    const label = random() < share ? "cards" : "loans";
    const answer = { label, confidence: 0.5 + random() / 2, abstained: !applies || random() < 0.2 };
    const watched = { ...answer, alternatives: [], applies };
    watches.observe(company, model, { head: "department", unknown: 0, ...watched });
  }
}

describe("drift", () => {
  test("is told once when messages change, and once when they are as before again", () => {
    const own = watched();
    observe(own, 3_000, 0.3);
    expect(own.told).toEqual([]);
    observe(own, 1_500, 0.9, { seed: 2 });
    expect(own.told).toEqual([["bank/department", true]]);
    expect(own.watches.alarms()).toEqual([
      { company: "bank", head: "department", reason: expect.stringMatching(/the labels given have moved/) },
    ]);
    observe(own, 3_000, 0.3, { seed: 3 });
    expect(own.told).toEqual([
      ["bank/department", true],
      ["bank/department", false],
    ]);
    expect(own.watches.alarms()).toEqual([]);
  });

  test("is seen across versions of a company's model, but not between the default model and its own", () => {
    const own = watched();
    observe(own, 1_500, 0.3, { model: "bank@1" });
    observe(own, 1_500, 0.9, { model: "bank@2", seed: 2 });
    expect(own.told).toEqual([["bank/department", true]]);
    const other = watched();
    observe(other, 1_500, 0.3, { model: "default@2.0.0" });
    observe(other, 3_000, 0.9, { model: "bank@1", seed: 2 });
    expect(other.told).toEqual([]);
  });

  test("of one company is none of another's", () => {
    const own = watched();
    observe(own, 1_500, 0.3);
    observe(own, 1_500, 0.9, { company: "shop", model: "shop@1", seed: 2 });
    expect(own.told).toEqual([]);
  });

  test("ends its alarm where another model comes", () => {
    const own = watched();
    observe(own, 1_500, 0.3);
    observe(own, 1_500, 0.9, { seed: 2 });
    observe(own, 1, 0.9, { model: "default@2.0.0" });
    expect(own.told.at(-1)).toEqual(["bank/department", false]);
  });

  test("ends its alarm where the company is no more, and says nothing of it", () => {
    const own = watched();
    for (const company of ["bank", "shop"]) {
      observe(own, 1_500, 0.3, { company });
      observe(own, 1_500, 0.9, { company, seed: 2 });
    }
    own.watches.keepOnly(new Set(["bank"]));
    expect(own.watches.alarms()).toMatchObject([{ company: "bank" }]);
    expect(own.told).toHaveLength(2);
    observe(own, 900, 0.3, { company: "shop", seed: 3 });
    expect(own.told).toHaveLength(2);
  });

  test("is not what it is called when a model has learnt enough to apply labels by itself", () => {
    const own = watched();
    observe(own, 2_000, 0.3, { model: "bank@descriptions", applies: false });
    observe(own, 2_000, 0.3, { model: "bank@1", seed: 2 });
    expect(own.told).toEqual([]);
  });
});
