/** From which confidence on answers may be applied, so that a promise about wrong ones is kept. */
import { type Answer, byConfidence, isRight } from "./answers.ts";
import { atMost, type Share, shareOf, upperBound } from "./shares.ts";

/** A threshold that no confidence reaches. */
export const abstainAlways = 1.01;
/** Each step of the search allows for one more mistake, or for so many times as many. */
const growth = 1.05;

export interface WantedRisk {
  /** The largest share of wrong answers among the applied ones, such as 0.05. */
  readonly risk: number;
  /** How often such promises are kept (default 0.9): of ten thresholds chosen so, one may break it. */
  readonly confidence?: number;
}

export interface Choice {
  /** Answers with at least this confidence may be applied; `abstainAlways` where nothing can be promised. */
  readonly threshold: number;
  /** The share of answers that it lets through. */
  readonly coverage: Share;
  /** The share of wrong ones among these. */
  readonly wrong: Share;
  /** At most so large is the share of wrong ones, with the confidence asked for; 1 where all is abstained. */
  readonly bound: number;
  /** Why nothing can be promised, in words; null where it can. */
  readonly reason: string | null;
}

/**
 * The fewest answers, all of them right, that can show a risk: 45 for 5 % with 90 %. With fewer no threshold is better than
 * any other, so keep the one that the model came with, or ask for less: 10 % can be shown by 22.
 */
export function leastAnswers({ risk, confidence = 0.9 }: WantedRisk): number {
  return Math.ceil(Math.log(1 - confidence) / Math.log(1 - risk));
}

/**
 * The lowest threshold for which the promise can be shown to hold: with the confidence wanted, the share of wrong ones among
 * future answers above it is at most `risk`, if they are like these.
 *
 * This is selective classification with guaranteed risk (Geifman and El-Yaniv 2017), searched by fixed sequence testing (Angelopoulos et al.
 * 2021, "Learn then Test"): from the most confident answers on, more are taken in for as long as the exact binomial
 * test refuses a larger risk. One early mistake must not end it all, so it starts at several places, each with its share of the
 * error allowed. It holds for any number of answers where more confident ones are not wrong more often.
 * @param answers of one head, which neither the weights nor the temperature have learnt from, and none that is abstained from for
 *   another reason than its confidence
 * @throws RangeError where risk or confidence is not between 0 and 1
 */
export function chooseThreshold(answers: readonly Answer[], wanted: WantedRisk): Choice {
  const { risk, confidence = 0.9 } = wanted;
  if (!(risk > 0 && risk < 1 && confidence > 0 && confidence < 1)) {
    throw new RangeError("risk and confidence must lie between 0 and 1, such as 0.05 and 0.9");
  }
  const sorted = byConfidence(answers);
  const wrongUpTo = countWrong(sorted);
  const starts = Math.max(1, Math.floor(Math.log2(sorted.length / leastAnswers({ risk, confidence }))));
  const allowed = (1 - confidence) / starts;
  const rungs = rungsUpTo(sorted.length, risk, allowed);
  let best = 0;
  for (let start = 0, first = 0; start < starts; start += 1, first = twiceAsMany(rungs, first)) {
    for (const rung of rungs.slice(first)) {
      const count = endOfTies(sorted, rung);
      if (atMost(wrongUpTo[count] ?? count, count, risk) > allowed) break;
      best = Math.max(best, count);
    }
  }
  const wrong = shareOf(wrongUpTo[best] ?? 0, best);
  return {
    threshold: best === 0 ? abstainAlways : (sorted[best - 1]?.confidence ?? abstainAlways),
    coverage: shareOf(best, sorted.length),
    wrong,
    bound: best === 0 ? 1 : upperBound(wrong.part, best, confidence),
    reason: best === 0 ? reasonFor(sorted.length, wanted) : null,
  };
}

/**
 * How many of the most confident answers are looked at, one after the other: the fewest that can show the risk with no mistake, with
 * one, two and so on, and all. As the test demands, they depend on the number of answers alone.
 */
function rungsUpTo(count: number, risk: number, allowed: number): number[] {
  const rungs: number[] = [];
  for (let mistakes = 0; ; mistakes = Math.max(mistakes + 1, Math.ceil(mistakes * growth))) {
    const rung = fewestWith(mistakes, risk, allowed);
    if (rung > count) break;
    rungs.push(rung);
  }
  return rungs.length === 0 || rungs.at(-1) === count ? rungs : [...rungs, count];
}

/** The fewest answers of which so many may be wrong. */
function fewestWith(mistakes: number, risk: number, allowed: number): number {
  let low = mistakes;
  let high = Math.ceil((mistakes + 1) / risk);
  while (atMost(mistakes, high, risk) > allowed) high *= 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (atMost(mistakes, middle, risk) > allowed) low = middle;
    else high = middle;
  }
  return high;
}

/** The place of the first rung with twice as many answers. */
function twiceAsMany(rungs: readonly number[], start: number): number {
  const next = rungs.findIndex((rung) => rung >= 2 * (rungs[start] ?? Number.POSITIVE_INFINITY));
  return next < 0 ? rungs.length : next;
}

/** At each place the wrong ones among so many first answers. */
function countWrong(sorted: readonly Answer[]): number[] {
  const counts = [0];
  let wrong = 0;
  for (const answer of sorted) {
    if (!isRight(answer)) wrong += 1;
    counts.push(wrong);
  }
  return counts;
}

/** A threshold lets through all answers of the same confidence. */
function endOfTies(sorted: readonly Answer[], count: number): number {
  const last = sorted[count - 1]?.confidence;
  let end = count;
  while (end < sorted.length && sorted[end]?.confidence === last) end += 1;
  return end;
}

function reasonFor(count: number, wanted: WantedRisk): string {
  const least = leastAnswers(wanted);
  return count < least
    ? `at least ${least} judged answers are needed, there are ${count}`
    : `too many wrong answers among the most confident of ${count}`;
}
