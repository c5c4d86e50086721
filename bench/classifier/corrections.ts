/** What agents' corrections bring a company with labels of its own, day by day from the descriptions on. */
import { learn, learnFromDescriptions } from "../../ml-service/company/learn.ts";
import { createOwnModel } from "../../ml-service/company/own-model.ts";
import { normalise } from "../../ml-service/features.ts";
import type { Model } from "../../ml-service/model.ts";
import type { Row } from "../../ml-service/train/sets.ts";
import type { Lesson } from "../../ml-service/train-schema.ts";
import { shippedVectors } from "../../ml-service/word-vectors.ts";
import type { Figure } from "../figures.ts";
import { companies } from "./companies.ts";
import { letPass, meanOf, promised, sample, spreadOf } from "./judge.ts";
import { head, type Sets, withGroups } from "./sets.ts";

const sizes = [20, 50, 100, 200, 500, 1_000];
/** The number of corrections that is to bring a gain, and those with enough answers for a promise. */
const gainAt = 200;
const promisedAt = [500, 1_000];
const gainGoal = 0.1;
const asked = 500;
const seeds = [1, 2, 3, 4, 5];

/** Shares of all tickets asked. */
interface Judged {
  readonly right: number;
  readonly applied: number;
  /** Wrong and applied. */
  readonly wrong: number;
}

/** One ticket of each group of near-duplicates, drawn anew for each seed. The test part of it_cc0 is left alone. */
export function* measureCorrections(sets: Sets): Generator<Figure> {
  const sources = {
    it_cc0: sets.split("it_cc0")?.train.map(({ text, labels }) => ({ text, intent: labels[head] ?? "" })),
    bitext8k: sets.rows("bitext8k")?.Training?.map(({ text, category = "" }) => ({ text, intent: category })),
  };
  for (const name of ["it_cc0", "bitext8k"] as const) {
    const rows = sources[name];
    if (!rows) continue;
    const distinct = [...new Map(withGroups(rows).map((row) => [row.group, row])).values()];
    const runs = seeds.map((seed) => runCompany(distinct, companies[name], seed));
    yield* figuresOf(`corrections of ${name}`, runs);
  }
}

/** @returns what the model is worth by the number of corrections, always on the same tickets; 0 for the descriptions alone */
function runCompany(rows: readonly Row[], described: Readonly<Record<string, string>>, seed: number) {
  const most = Math.max(...sizes);
  const drawn = sample(rows, most + asked, seed);
  const lessons = drawn.slice(0, most).map(toLesson);
  const test = drawn.slice(most);
  const vectors = shippedVectors();
  const labels = { [head]: described };
  const dayZero = learnFromDescriptions("bench", labels, vectors);
  const judged = new Map([[0, judge(dayZero, test)]]);
  for (const size of sizes) {
    const learnt = learn(lessons.slice(0, size), {
      ...{ company: "bench", version: "1", labels, own: [head], risk: { [head]: promised }, vectors },
      defaults: () => null,
    });
    if (learnt) judged.set(size, judge(learnt.model, test));
  }
  return judged;
}

function judge(model: Model, test: readonly Row[]): Judged {
  const own = createOwnModel(model, shippedVectors());
  const answers = test.map(({ text, intent }) => {
    const answer = own.read(normalise(null, text), () => null).heads.get(head);
    if (!answer) return { right: false, applied: false };
    const confidence = Math.max(...answer.chances);
    return {
      right: answer.head.labels[answer.chances.indexOf(confidence)] === intent,
      applied: answer.doubts.length === 0 && confidence >= answer.head.threshold,
    };
  });
  const share = (is: (answer: (typeof answers)[number]) => boolean) =>
    answers.filter(is).length / test.length;
  return {
    right: share(({ right }) => right),
    applied: share(({ applied }) => applied),
    wrong: share(({ right, applied }) => applied && !right),
  };
}

function* figuresOf(name: string, runs: readonly ReadonlyMap<number, Judged>[]): Generator<Figure> {
  const each = (size: number, what: keyof Judged) => runs.map((run) => run.get(size)?.[what] ?? 0);
  const share = (what: string, value: number): Figure => ({ name: `${name}: ${what}`, value, unit: "share" });
  for (const size of [0, ...sizes]) {
    const shares = each(size, "right");
    yield share(`right after ${size}`, meanOf(shares));
    yield share(`spread after ${size}`, spreadOf(shares));
  }
  const before = each(0, "right");
  const gains = each(gainAt, "right").map((right, at) => right - (before[at] ?? 0));
  yield { ...share(`gain by ${gainAt}`, meanOf(gains)), goal: gainGoal };
  yield share("spread of the gain", spreadOf(gains));
  for (const size of promisedAt) {
    const applied = meanOf(each(size, "applied"));
    yield share(`applied after ${size}`, applied);
    // Where nothing is applied, nothing is wrong, but that is no promise kept.
    if (applied === 0) continue;
    const wrong = meanOf(each(size, "wrong")) / applied;
    yield { ...share(`wrong of the applied after ${size}`, wrong), goal: letPass };
  }
}

const toLesson = ({ text, intent }: Row, at: number): Lesson => ({
  ...{ id: `${at}`, ticket: `${at}`, subject: null, text },
  labels: { [head]: intent },
  at: "2026-11-01T10:00:00Z",
});
