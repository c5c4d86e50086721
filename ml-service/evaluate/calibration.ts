/** Whether confidences are honest: of the answers given with 0.8, 80 in 100 should be right. */
import { type Answer, isRight } from "./answers.ts";
import { type Share, shareOf } from "./shares.ts";

/** As many bins as most of the literature takes. */
const usualBins = 15;

/** The answers whose confidence lies between two bounds. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  /** The mean confidence, 0 in an empty bin. */
  readonly claimed: number;
  readonly right: Share;
}

/** Bins of equal width over the confidences from 0 to 1; the lower bound belongs to a bin, and 1 to the last one. */
export function reliabilityBins(answers: readonly Answer[], bins = usualBins): Bin[] {
  const counts = Array.from({ length: bins }, () => ({ rows: 0, right: 0, claimed: 0 }));
  for (const answer of answers) {
    const count = counts[Math.min(bins - 1, Math.floor(answer.confidence * bins))];
    if (!count) continue;
    count.rows += 1;
    count.claimed += answer.confidence;
    if (isRight(answer)) count.right += 1;
  }
  return counts.map(({ rows, right, claimed }, at) => ({
    from: at / bins,
    to: (at + 1) / bins,
    claimed: rows === 0 ? 0 : claimed / rows,
    right: shareOf(right, rows),
  }));
}

/**
 * Expected calibration error of the top label (ECE, after Guo et al. 2017): the distance between mean confidence and share
 * of right answers in bins of equal width, weighted by the answers in each. 0 for no answers. A small sample shows some 0.02 to
 * 0.1 even where confidences are perfect.
 */
export function calibrationError(answers: readonly Answer[], bins = usualBins): number {
  const sum = reliabilityBins(answers, bins).reduce(
    (total, { claimed, right }) => total + Math.abs(right.share - claimed) * right.of,
    0,
  );
  return answers.length === 0 ? 0 : sum / answers.length;
}
