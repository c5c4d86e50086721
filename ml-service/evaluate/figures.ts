/** All figures of one head's answers. */
import { type HeadAnswer, isRight } from "./answers.ts";
import { type Bin, calibrationError, reliabilityBins } from "./calibration.ts";
import { type Confusion, confusionOf, type LabelFigures, labelFigures, macroF1 } from "./confusion.ts";
import { areaUnder, type CoveragePoint, coverageAt, riskCoverage } from "./risk-coverage.ts";
import { type Share, shareOf } from "./shares.ts";

/** The precision at which the coverage is told. */
export const toldPrecision = 0.95;
const first = 3;

/** What fits on one line of a table. */
export interface Figures {
  readonly rows: number;
  readonly accuracy: Share;
  /** The share right if the most frequent label were always given. */
  readonly majority: Share;
  /** The mean F1 over the labels that are right at least once. */
  readonly macroF1: number;
  /** Expected calibration error, see `calibrationError`. */
  readonly ece: number;
  /** The share of answers that can be applied with 95 % of them right. */
  readonly coverageAt95: Share;
  readonly abstained: Share;
  /** The share of wrong ones among those not abstained. */
  readonly wrongOfApplied: Share;
}

export interface HeadFigures extends Figures {
  readonly majorityLabel: string;
  /** The right label is among the first three; null where answers are not ranked. */
  readonly firstThree: Share | null;
  readonly labels: readonly LabelFigures[];
  readonly bins: readonly Bin[];
  readonly curve: readonly CoveragePoint[];
  /** The area under the risk–coverage curve. */
  readonly aurc: number;
  readonly confusion: Confusion;
}

/** Figures of answers of one head, 0 (with intervals from 0 to 1) for none. */
export function figuresOf(answers: readonly HeadAnswer[]): HeadFigures {
  const rows = answers.length;
  const labels = labelFigures(answers);
  const curve = riskCoverage(answers);
  const applied = answers.filter(({ abstained }) => !abstained);
  const ranked = answers.filter((answer) => answer.ranked !== undefined);
  const inFirst = ranked.filter(({ ranked: names, right }) => names?.slice(0, first).includes(right));
  return {
    rows,
    accuracy: shareOf(answers.filter(isRight).length, rows),
    majority: shareOf(labels[0]?.support ?? 0, rows),
    majorityLabel: labels[0]?.label ?? "",
    firstThree: ranked.length === 0 ? null : shareOf(inFirst.length, ranked.length),
    macroF1: macroF1(labels),
    ece: calibrationError(answers),
    coverageAt95: coverageAt(curve, toldPrecision),
    abstained: shareOf(rows - applied.length, rows),
    wrongOfApplied: shareOf(applied.length - applied.filter(isRight).length, applied.length),
    labels,
    bins: reliabilityBins(answers),
    curve,
    aurc: areaUnder(curve),
    confusion: confusionOf(answers, labels),
  };
}
