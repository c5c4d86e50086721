/** The public sets: everything learnt from their training parts, and what few labels come to. */
import { auroc } from "../../ml-service/evaluate/auroc.ts";
import { figuresOf } from "../../ml-service/evaluate/figures.ts";
import { familiarityOf } from "../../ml-service/score.ts";
import type { Figure } from "../figures.ts";
import {
  answersOf,
  calibrateBy,
  labelsOf,
  letPass,
  meanOf,
  type Scored,
  sample,
  scoreBy,
  shareRight,
  trainOn,
} from "./judge.ts";
import { type JudgedPart, type Sets, type Split, type SplitName, splitNames } from "./sets.ts";

const goals: Readonly<Record<SplitName, number>> = {
  banking77: 0.93,
  clinc150: 0.945,
  hwu64: 0.9,
  it_cc0: 0.87,
};
const outsideGoal = 0.965;
const calibrationGoal = 0.03;
const fewGoals = { hwu64: 0.78, it_cc0: 0.76 } as const;
const fewLabels = 1_000;
const fewSeeds = [1, 2, 3];

/** Learns from the training part, calibrates by the validation part, judges. */
export function* measureSplits(sets: Sets, part: JudgedPart): Generator<Figure> {
  for (const name of splitNames) {
    const split = sets.split(name);
    if (split) yield* measureSplit(split, part);
  }
}

function* measureSplit(split: Split, part: JudgedPart): Generator<Figure> {
  const { name, train, outside } = split;
  const labels = labelsOf(train);
  const model = trainOn(train);
  const val = scoreBy(model, split.val);
  const judged = part === "val" ? val : scoreBy(model, split.test);
  const answers = part === "val" ? crossed(val, labels) : answersOf(judged, labels, calibrateBy(val, labels));
  const figures = figuresOf(answers);
  const share = (what: string, value: number, goal?: number): Figure => ({
    name: `${name}: ${what}`,
    value,
    unit: "share",
    ...(goal === undefined ? {} : { goal }),
  });
  yield { name: `${name}: texts judged`, value: figures.rows, unit: "texts" };
  yield share("right", figures.accuracy.share, goals[name]);
  yield share("macro-F1", figures.macroF1);
  yield share("calibration error", figures.ece, calibrationGoal);
  yield share("applied", 1 - figures.abstained.share);
  yield share("wrong of the applied", figures.wrongOfApplied.share, letPass);
  if (outside[part].length === 0) return;
  const scores = [judged, scoreBy(model, outside[part])].flatMap((scored, at) =>
    scored.map(({ logits }) => ({ score: -familiarityOf(logits, model.header.heads), positive: at === 1 })),
  );
  yield share("AUROC of texts out of scope", auroc(scores) ?? 0, outsideGoal);
}

/** Half of the validation part calibrates what is said of the other half: nothing is judged by what it has helped to choose. */
function crossed(scored: readonly Scored[], labels: readonly string[]) {
  const halves = [0, 1].map((half) => scored.filter((_, at) => at % 2 === half));
  return halves.flatMap((half, at) => answersOf(half, labels, calibrateBy(halves[1 - at] ?? [], labels)));
}

/** What a company with a thousand labels may hope for. */
export function* measureFew(sets: Sets, part: JudgedPart): Generator<Figure> {
  for (const name of ["hwu64", "it_cc0"] as const) {
    const split = sets.split(name);
    if (!split) continue;
    const shares = fewSeeds.map((seed) => {
      const some = sample(split.train, fewLabels, seed);
      return shareRight(scoreBy(trainOn(some), split[part]), labelsOf(some));
    });
    yield {
      name: `${name}: right by ${fewLabels.toLocaleString("en")} labels`,
      value: meanOf(shares),
      unit: "share",
      goal: fewGoals[name],
    };
  }
}
