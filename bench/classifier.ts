/** How good and how fast the classifier is: every figure of docs/classifier.md. */
import { join } from "node:path";
import { measureAblation } from "./classifier/ablation.ts";
import { measureCorrections } from "./classifier/corrections.ts";
import { type JudgedPart, openSets, type Sets } from "./classifier/sets.ts";
import { measureShipped } from "./classifier/shipped.ts";
import { measureSpeed } from "./classifier/speed.ts";
import { measureFew, measureSplits } from "./classifier/splits.ts";
import type { Figure } from "./figures.ts";

export const classifierParts = ["speed", "splits", "few", "corrections", "shipped", "ablation"] as const;
export type ClassifierPart = (typeof classifierParts)[number];

export interface ClassifierOptions {
  /** Default: all. */
  only?: readonly ClassifierPart[] | undefined;
  /** The folder of the data sets. Default: `../shared/data` beside the project. */
  data?: string | undefined;
  /** What is judged. While anything is still being chosen, it must be `val`. Default: `test`. */
  part?: JudgedPart | undefined;
}

interface Run {
  readonly sets: Sets;
  readonly data: string;
  readonly part: JudgedPart;
}

const say = (line: string) => void process.stderr.write(`${line}\n`);

const measurements: Record<ClassifierPart, (run: Run) => Iterable<Figure> | Promise<Figure[]>> = {
  // First, while little is in memory.
  speed: ({ sets }) => measureSpeed(sets),
  splits: ({ sets, part }) => measureSplits(sets, part),
  few: ({ sets, part }) => measureFew(sets, part),
  corrections: ({ sets }) => measureCorrections(sets),
  shipped: ({ data }) => measureShipped(data, say),
  ablation: ({ sets }) => measureAblation(sets),
};

/** @returns the figures of the parts asked for; sets that are missing are named on stderr, and left out */
export async function benchClassifier({
  only = classifierParts,
  data = join(import.meta.dirname, "../../shared/data"),
  part = "test",
}: ClassifierOptions = {}): Promise<Figure[]> {
  const run: Run = { sets: openSets(data, say), data, part };
  const figures: Figure[] = [];
  for (const name of classifierParts) {
    if (!only.includes(name)) continue;
    say(`${name} ...`);
    figures.push(...(await measurements[name](run)));
  }
  return figures;
}
