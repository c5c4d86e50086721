/** Whether one model is better than another on the same messages. */
import { type Answer, isRight } from "./answers.ts";
import { normal95 } from "./shares.ts";

export interface Comparison {
  readonly rows: number;
  /** Messages that only the second model answers rightly. */
  readonly better: number;
  /** Messages that only the first model answers rightly. */
  readonly worse: number;
  /** The second model's share of right answers less the first one's, from -1 to 1. */
  readonly difference: number;
  /** The 95 % interval of the difference: above 0 the second model is better, below 0 worse, else nobody knows yet. */
  readonly low: number;
  readonly high: number;
}

/**
 * Compares two models by their answers to the same messages in the same order, abstained or not.
 *
 * The interval is the adjusted one of Bonett and Price (2012) for paired shares. It needs no random numbers, and unlike a bootstrap's it
 * keeps a width where messages are few and both models agree on all of them. With no messages it is -1 to 1.
 * Near-duplicates count as messages of their own: leave them out before, or the interval is too narrow.
 * @throws Error where the lists do not belong together
 */
export function compare(before: readonly Answer[], after: readonly Answer[]): Comparison {
  if (before.length !== after.length) {
    throw new Error(
      `cannot compare ${before.length} answers with ${after.length}: give both for the same messages`,
    );
  }
  let better = 0;
  let worse = 0;
  before.forEach((first, at) => {
    const second = after[at];
    if (second?.right !== first.right) {
      throw new Error(
        `cannot compare: the answers at place ${at} are to different messages; sort both alike`,
      );
    }
    if (isRight(second) && !isRight(first)) better += 1;
    if (isRight(first) && !isRight(second)) worse += 1;
  });
  const rows = before.length;
  const [up, down] = [(better + 1) / (rows + 2), (worse + 1) / (rows + 2)];
  const reach = normal95 * Math.sqrt((up + down - (up - down) ** 2) / (rows + 2));
  return {
    rows,
    better,
    worse,
    difference: rows === 0 ? 0 : (better - worse) / rows,
    low: rows === 0 ? -1 : Math.max(-1, up - down - reach),
    high: rows === 0 ? 1 : Math.min(1, up - down + reach),
  };
}
