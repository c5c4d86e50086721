/** What is said of a training: the manifest of its model, and words for people. */
import type { Comparison } from "../evaluate/compare.ts";
import { figuresOf } from "../evaluate/figures.ts";
import type { TrainedManifest } from "../registry/manifest.ts";
import type { TrainRequest } from "../train-schema.ts";
import type { DescribedLabels } from "./descriptions.ts";
import type { LearnResult } from "./learn-worker.ts";

export type LearntHeads = NonNullable<LearnResult["learnt"]>;

/** What the registry keeps of a version. */
export function manifestOf(
  { codeVersion, leastCore }: { codeVersion: string; leastCore: string },
  labels: DescribedLabels,
  learnt: LearntHeads,
  { current, dataHash, reason }: { current: string | null; dataHash: string; reason: TrainRequest["reason"] },
  examples: number,
): TrainedManifest {
  const byHead = <T>(make: (one: LearntHeads["heads"][number]) => T) =>
    Object.fromEntries(learnt.heads.map((one) => [one.head, make(one)]));
  return {
    ...{ parent: current, reason, dataHash, codeVersion, leastCore, examples },
    heads: learnt.heads.map(({ head }) => head),
    labels: byHead(({ head }) => ({ ...labels[head] })),
    metrics: byHead(({ answers, before, bound }) => {
      const { rows, accuracy, macroF1, ece, abstained, wrongOfApplied } = figuresOf(answers);
      const was = figuresOf(before).accuracy.share;
      return {
        ...{ judged: rows, accuracy: accuracy.share, before: was, macroF1, ece },
        ...{ applied: 1 - abstained.share, wrongOfApplied: wrongOfApplied.share, wrongAtMost: bound },
      };
    }),
    calibration: byHead(({ temperature, threshold }) => ({ temperature, threshold })),
  };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function inWords({ rows, difference, low, high }: Comparison): string {
  const points = (value: number) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
  return `${points(difference)} points (${points(low)} to ${points(high)}) on ${rows} held-back corrections`;
}

export function promoted(version: string, learnt: LearntHeads): string {
  const heads = learnt.heads.map(({ head, answers, before, reason }) => {
    const { accuracy, abstained } = figuresOf(answers);
    const was = figuresOf(before).accuracy;
    const promise = reason ? `abstains (${reason})` : `applies ${percent(1 - abstained.share)} by itself`;
    return `${head}: ${percent(accuracy.share)} of ${accuracy.of} right, ${percent(was.share)} before; ${promise}`;
  });
  return `version ${version} is in force. ${heads.join(". ")}`;
}

export function tooFew({ lessons, leftOut, least }: LearnResult): string {
  const gone = leftOut > 0 ? ` (${leftOut} more have labels that are not in the config)` : "";
  return `${lessons} corrections are too few to learn from${gone}: at least ${least} are needed`;
}
