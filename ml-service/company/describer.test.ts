import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { encodeModel, type Model } from "../model.ts";
import { createRandom } from "../train/random.ts";
import { shippedVectors } from "../word-vectors.ts";
import { type Companies, createCompanies } from "./companies.ts";
import { createDescriber, type Describe } from "./describer.ts";
import { learnFromDescriptions } from "./learn.ts";
import { bankLabels, bankSettings } from "./testing.ts";

/** So many labels, with descriptions of a dozen words that no other one has. */
function manyLabels(count: number): Record<string, string> {
  const random = createRandom(1);
  const word = () => Math.floor(random() * 36 ** 6).toString(36);
  const sentence = () => Array.from({ length: 12 }, word).join(" ");
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`label ${at}`, sentence()]));
}

const item = { id: "1", company: "bank", subject: null, text: "My card was stolen!" };
const ask = (companies: Companies, settings = bankSettings) => companies.ownFor([item], () => settings);
const model = () => learnFromDescriptions("bank", { department: bankLabels }, shippedVectors());

const openCompanies = (describe: Describe) =>
  createCompanies({
    host: null,
    vectors: { words: shippedVectors(), meaning: null },
    maxKept: 2,
    describe,
  });

const word = (at: number) => (at + 1_000).toString(36);
const shortLabels = Object.fromEntries(
  Array.from({ length: 200 }, (_, at) => [word(at), word(at).repeat(5)]),
);

test.each([
  ["long", manyLabels(100)],
  ["short", shortLabels],
])("%s descriptions of very many labels are learnt while all else goes on", async (_, department) => {
  const labels = { department };
  let turns = 0;
  let done = false;
  const counting = (async () => {
    for (; !done; turns += 1) await nextTurn();
  })();
  const made = await createDescriber()({ company: "bank", labels });
  done = true;
  await counting;
  expect(turns).toBeGreaterThan(20);
  expect(encodeModel(made).equals(encodeModel(learnFromDescriptions("bank", labels, shippedVectors())))).toBe(
    true,
  );
});

test("of several companies with very many labels each gets its own model", async () => {
  const describe = createDescriber();
  const names = ["bank", "shop"];
  const made = await Promise.all(
    names.map((company) => describe({ company, labels: { department: manyLabels(50) } })),
  );
  expect(made.map(({ header }) => header.name)).toEqual(names);
});

test("who stops gives up what is learnt in a thread, and what waits for it", async () => {
  const stopping = new AbortController();
  const describe = createDescriber(stopping.signal);
  const labels = { department: manyLabels(100) };
  const asked = Promise.allSettled(["bank", "shop"].map((company) => describe({ company, labels })));
  await nextTurn();
  stopping.abort(new Error("stopping"));
  const given = { status: "rejected", reason: new Error("stopping") };
  expect(await asked).toEqual([given, given]);
});

test("messages that come while descriptions are learnt wait for them, and they are learnt once", async () => {
  const ready = Promise.withResolvers<Model>();
  let asked = 0;
  const describe: Describe = () => {
    asked += 1;
    return ready.promise;
  };
  const companies = openCompanies(describe);
  const answers = [ask(companies), ask(companies)];
  await nextTurn();
  ready.resolve(model());
  const owns = (await Promise.all([...answers, ask(companies)])).flat();
  expect(owns.map((own) => own?.name)).toEqual(Array(3).fill("bank@descriptions"));
  expect(asked).toBe(1);
});

test("where descriptions could not be learnt, that is tried anew with the next message", async () => {
  let asked = 0;
  const describe: Describe = async () => {
    asked += 1;
    if (asked === 1) throw new Error("no memory");
    return model();
  };
  const companies = openCompanies(describe);
  await expect(ask(companies)).rejects.toThrow("no memory");
  expect((await ask(companies))[0]?.name).toBe("bank@descriptions");
});

test("what was learnt of a company's descriptions is dropped with the company, and no other one's", async () => {
  const asked: string[] = [];
  const describe: Describe = async ({ company }) => {
    asked.push(company);
    return model();
  };
  const companies = openCompanies(describe);
  const askBoth = () => companies.ownFor([item, { ...item, id: "2", company: "shop" }], () => bankSettings);
  await askBoth();
  companies.keepOnly(new Set(["bank", "shop"]));
  await askBoth();
  expect(asked).toEqual(["bank", "shop"]);
  companies.keepOnly(new Set(["bank"]));
  await askBoth();
  expect(asked).toEqual(["bank", "shop", "shop"]);
});
