/** How fast a model is trained and asked, on one core: by processor time, since other programs may want the core too. */
import { loadavg } from "node:os";
import { ServiceBroker } from "moleculer";
import { classifierService, defaultModelPath } from "../../ml-service/classifier.service.ts";
import { type Classifier, classifierOf } from "../../ml-service/classifier.ts";
import type { ClassifyItem } from "../../ml-service/classify-schema.ts";
import { createExtractor, normalise } from "../../ml-service/features.ts";
import { loadModel, type Model } from "../../ml-service/model.ts";
import { createScorer } from "../../ml-service/score.ts";
import type { Example } from "../../ml-service/train/examples.ts";
import { shippedVectors } from "../../ml-service/word-vectors.ts";
import { type Figure, percentile } from "../figures.ts";
import { sample, trainOn } from "./judge.ts";
import { head, type Sets } from "./sets.ts";

const trained = 10_000;
const asked = 2_048;
const batch = 32;
const letters = 600;
/** Ways to ask take turns, so that a noisy moment hits all of them; the median counts. */
const rounds = 7;
const goals = { seconds: 10, short: 20_000, tickets: 6_000, ratio: 0.7 } as const;

/** Seconds of the processor and of the clock. */
interface Spent {
  readonly cpu: number;
  readonly wall: number;
}

/** Nothing where a set that the texts are taken from is missing. */
export async function measureSpeed(sets: Sets): Promise<Figure[]> {
  const splits = (["banking77", "hwu64"] as const).flatMap((name) => sets.split(name) ?? []);
  if (splits.length < 2) return [];
  const mixed = splits.flatMap(({ name, train, val }) =>
    [...train, ...val].map((one) => ({ ...one, labels: { [head]: `${name} ${one.labels[head]}` } })),
  );
  const examples = sample(mixed, trained, 1);
  trainOn(examples.slice(0, 500));
  const training = await spend(() => void trainOn(examples));
  const texts = {
    short: examples.slice(0, asked).map(({ text }) => text),
    tickets: ticketsOf(examples),
  };
  return [
    { name: `training of ${trained} short texts`, value: training.cpu, unit: "CPU s", goal: goals.seconds },
    { name: `training of ${trained} short texts, by the clock`, value: training.wall, unit: "s" },
    ...(await measureAsking("short texts", texts.short, goals.short)),
    ...(await measureAsking("tickets of 600 letters", texts.tickets, goals.tickets)),
    { name: "load of the machine", value: loadavg()[0] ?? 0, unit: "processes" },
  ];
}

/** The model alone, then with language and rules, then as an action of a broker. */
async function measureAsking(name: string, texts: readonly string[], goal: number): Promise<Figure[]> {
  const model = loadModel(defaultModelPath);
  const broker = new ServiceBroker({ logger: false });
  broker.createService(classifierService());
  await broker.start();
  try {
    const batches = batchesOf(texts);
    const ways = {
      model: askModel(model, texts),
      classifier: askBatches(classifierOf(model), batches),
      action: askBatches({ classify: (items) => broker.call("classifier.classify", { items }) }, batches),
    };
    const spent = await takeTurns(ways);
    const rate = (way: keyof typeof ways, by: keyof Spent) => texts.length / spent[way][by];
    const figure = (way: keyof typeof ways, what: string): Figure[] => [
      {
        name: `${name}: ${what}`,
        value: rate(way, "cpu"),
        unit: "/CPU s",
        ...(way === "model" ? { goal } : {}),
      },
      { name: `${name}: ${what}, by the clock`, value: rate(way, "wall"), unit: "/s" },
    ];
    return [
      ...figure("model", "the model alone"),
      ...figure("classifier", "with language and rules"),
      ...figure("action", `by the action, ${batch} at a time`),
      {
        name: `${name}: the action beside the model`,
        value: rate("action", "cpu") / rate("model", "cpu"),
        unit: "ratio",
        goal: goals.ratio,
      },
    ];
  } finally {
    await broker.stop();
  }
}

function askModel(model: Model, texts: readonly string[]): () => void {
  const extract = createExtractor(model.header.bits);
  const score = createScorer(model, shippedVectors());
  return () => {
    for (const text of texts) {
      const normal = normalise(null, text);
      score(extract(normal), normal);
    }
  };
}

function askBatches({ classify }: Pick<Classifier, "classify">, batches: readonly ClassifyItem[][]) {
  return async () => {
    for (const items of batches) await classify(items);
  };
}

/** @returns the median of all rounds for each way */
async function takeTurns<W extends string>(
  ways: Readonly<Record<W, () => void | Promise<void>>>,
): Promise<Record<W, Spent>> {
  const all = (Object.keys(ways) as W[]).map((name) => ({ name, spent: [] as Spent[] }));
  for (const { name } of all) await ways[name]();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, spent } of all) spent.push(await spend(ways[name]));
  }
  const medians = all.map(({ name, spent }): [string, Spent] => {
    const median = (by: keyof Spent) =>
      percentile(
        spent.map((one) => one[by]),
        0.5,
      );
    return [name, { cpu: median("cpu"), wall: median("wall") }];
  });
  return Object.fromEntries(medians) as Record<W, Spent>;
}

async function spend(work: () => void | Promise<void>): Promise<Spent> {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  await work();
  const used = process.cpuUsage(cpu);
  return { cpu: (used.user + used.system) / 1e6, wall: (performance.now() - wall) / 1_000 };
}

/** Sentences of the sets, joined until there is a ticket of it. */
function ticketsOf(examples: readonly Example[]): string[] {
  let from = 0;
  return Array.from({ length: asked }, () => {
    let text = "";
    for (; text.length < letters; from += 1) text += `${examples[from % examples.length]?.text ?? ""}. `;
    return text.slice(0, letters);
  });
}

function batchesOf(texts: readonly string[]): ClassifyItem[][] {
  const items = texts.map((text, at) => ({ id: `${at}`, company: "bench", subject: null, text }));
  return Array.from({ length: Math.ceil(items.length / batch) }, (_, at) =>
    items.slice(at * batch, (at + 1) * batch),
  );
}
