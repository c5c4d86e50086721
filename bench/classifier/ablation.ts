/** What each piece of the model brings. No test part is looked at: these figures are there to choose by. */
import { softmax } from "../../ml-service/score.ts";
import type { Example } from "../../ml-service/train/examples.ts";
import { hashText } from "../../ml-service/train/random.ts";
import type { Figure } from "../figures.ts";
import {
  labelsOf,
  meanOf,
  type Scored,
  type Settings,
  scoreBy,
  shareRight,
  trainOn,
  usual,
} from "./judge.ts";
import { type Sets, type Split, splitNames } from "./sets.ts";

const folds = 3;
const second = { ...usual, seed: usual.seed + 1 };
const third = { ...usual, seed: usual.seed + 2 };
/** More than one of them vote: the mean of the logarithms of their chances. */
const variants: Readonly<Record<string, readonly Settings[]>> = {
  "n-grams alone, no hidden units": [{ ...usual, hidden: 0, vectors: null }],
  "without word vectors": [{ ...usual, vectors: null }],
  "without dropout": [{ ...usual, featureDropout: 0, hiddenDropout: 0 }],
  "64 hidden units": [{ ...usual, hidden: 64 }],
  "as it is, 128 hidden units": [usual],
  "192 hidden units": [{ ...usual, hidden: 192 }],
  "two of it, of other seeds": [usual, second],
  "three of it": [usual, second, third],
};

interface Task {
  readonly train: readonly Example[];
  readonly judged: readonly Example[];
}

/** The share of right labels by each variant: on the validation part where it is large, or else over folds of what is not the test part. */
export function* measureAblation(sets: Sets): Generator<Figure> {
  for (const name of splitNames) {
    const split = sets.split(name);
    if (!split) continue;
    const shares = tasksOf(split).map(runTask);
    for (const variant of Object.keys(variants)) {
      yield {
        name: `ablation of ${name}: ${variant}`,
        value: meanOf(shares.map((share) => share.get(variant) ?? 0)),
        unit: "share",
      };
    }
  }
}

function tasksOf({ name, train, val }: Split): Task[] {
  if (name === "clinc150" || name === "it_cc0") return [{ train, judged: val }];
  const byFold = Map.groupBy([...train, ...val], ({ text }) => hashText(`fold ${text}`) % folds);
  return Array.from({ length: folds }, (_, fold) => ({
    train: [...byFold].flatMap(([other, examples]) => (other === fold ? [] : examples)),
    judged: byFold.get(fold) ?? [],
  }));
}

/** The share of right labels by variant; what several of them need is trained once. */
function runTask({ train, judged }: Task): Map<string, number> {
  const labels = labelsOf(train);
  const known = new Map<Settings, Scored[]>();
  const scoredBy = (settings: Settings) => {
    const scored = known.get(settings) ?? scoreBy(trainOn(train, settings), judged, settings);
    known.set(settings, scored);
    return scored;
  };
  return new Map(
    Object.entries(variants).map(([name, all]) => [name, shareRight(together(all.map(scoredBy)), labels)]),
  );
}

function together(all: readonly Scored[][]): Scored[] {
  const [first = [], ...others] = all;
  if (others.length === 0) return first;
  const logarithms = all.map((scored) => scored.map(({ logits }) => softmax(logits, 1).map(Math.log)));
  return first.map(({ right, logits }, at) => ({
    right,
    logits: logits.map((_, label) => meanOf(logarithms.map((model) => model[at]?.[label] ?? 0))),
  }));
}
