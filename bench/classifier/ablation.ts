/** What each piece of the model brings. No test part is looked at: these figures are there to choose by. */
import type { Example } from "../../ml-service/train/examples.ts";
import { hashText } from "../../ml-service/train/random.ts";
import type { Figure } from "../figures.ts";
import { labelsOf, meanOf, type Settings, scoreBy, shareRight, trainOn, usual } from "./judge.ts";
import { type Sets, type Split, splitNames } from "./sets.ts";

const folds = 3;
const variants: Readonly<Record<string, Settings>> = {
  "n-grams alone, no hidden units": { ...usual, hidden: 0, members: 1, vectors: null },
  "without word vectors": { ...usual, vectors: null },
  "without dropout": { ...usual, featureDropout: 0, hiddenDropout: 0, wordDropout: 0 },
  "with all words in their mean": { ...usual, wordDropout: 0 },
  "one network": { ...usual, members: 1 },
  "one of 384 hidden units": { ...usual, hidden: 384, members: 1 },
  "two networks": { ...usual, members: 2 },
  "three of 64 hidden units": { ...usual, hidden: 64 },
  "as it is, three of 128": usual,
  "five of 128": { ...usual, members: 5 },
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

function runTask({ train, judged }: Task): Map<string, number> {
  const labels = labelsOf(train);
  return new Map(
    Object.entries(variants).map(([name, settings]) => [
      name,
      shareRight(scoreBy(trainOn(train, settings), judged, settings), labels),
    ]),
  );
}
