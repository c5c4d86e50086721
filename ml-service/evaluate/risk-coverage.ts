/** What is gained by abstaining: how many answers are wrong among the most confident ones. */
import { type Answer, byConfidence, isRight } from "./answers.ts";
import { type Share, shareOf } from "./shares.ts";

/** All answers from a confidence on. */
export interface CoveragePoint {
  readonly threshold: number;
  readonly applied: number;
  readonly wrong: number;
  /** The share of all answers that is applied. */
  readonly coverage: number;
  /** The share of wrong ones among those applied. */
  readonly risk: number;
}

/** One point for each confidence that occurs, from the highest on: equal confidences cannot be parted by a threshold. */
export function riskCoverage(answers: readonly Answer[]): CoveragePoint[] {
  const points: CoveragePoint[] = [];
  let wrong = 0;
  const sorted = byConfidence(answers);
  sorted.forEach((answer, at) => {
    if (!isRight(answer)) wrong += 1;
    if (sorted[at + 1]?.confidence === answer.confidence) return;
    const applied = at + 1;
    points.push({
      threshold: answer.confidence,
      applied,
      wrong,
      coverage: applied / sorted.length,
      risk: wrong / applied,
    });
  });
  return points;
}

/** The area under a risk–coverage curve (AURC): the mean risk over all coverages, the smaller the better. */
export function areaUnder(points: readonly CoveragePoint[]): number {
  let before = 0;
  let area = 0;
  for (const { coverage, risk } of points) {
    area += risk * (coverage - before);
    before = coverage;
  }
  return area;
}

/**
 * The largest share of answers, taken by falling confidence, of which at least `precision` are right. It is found on the
 * answers themselves, so it flatters a little where they are few; `chooseThreshold` promises.
 */
export function coverageAt(points: readonly CoveragePoint[], precision: number): Share {
  const all = points.at(-1)?.applied ?? 0;
  const last = points.findLast(({ applied, wrong }) => applied - wrong >= precision * applied - 1e-9);
  return shareOf(last?.applied ?? 0, all);
}
