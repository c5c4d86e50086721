/** Makes confidences honest: one temperature for each head, and the confidence under which it abstains. */
import { softmax } from "../score.ts";

export interface Judged {
  readonly logits: Float64Array;
  readonly label: number;
  readonly weight: number;
}

/**
 * @param doubt how likely a right answer is taken to be wrong all the same. Without any, the confidences of a few answers that happen
 *   to be right all come out as 1; Platt (1999) takes one in so many answers and two more.
 * @returns the temperature (0.1 to 10) with the least weighted log loss, to about one per cent
 */
export function fitTemperature(judged: readonly Judged[], doubt = 0): number {
  let best = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let temperature = 0.1; temperature < 10; temperature *= 1.02) {
    let loss = 0;
    for (const { logits, label, weight } of judged) {
      const chance = softmax(logits, temperature)[label] as number;
      loss -= weight * (1 - doubt) * Math.log(Math.max(chance, 1e-12));
      if (doubt > 0) loss -= weight * doubt * Math.log(Math.max(1 - chance, 1e-12));
    }
    if (loss < least) {
      least = loss;
      best = temperature;
    }
  }
  return Math.round(best * 1_000) / 1_000;
}

/**
 * @param precision the share of right answers wanted among those that are given
 * @returns the lowest confidence from which on that share is reached, between 0.5 and 0.95: a label that is less likely
 *   than all others together is not given, whatever the share
 */
export function fitThreshold(judged: readonly Judged[], temperature: number, precision: number): number {
  const answers = judged
    .map(({ logits, label, weight }) => {
      const chances = softmax(logits, temperature);
      const confidence = Math.max(...chances);
      return { confidence, right: chances.indexOf(confidence) === label, weight };
    })
    .sort((a, b) => b.confidence - a.confidence);
  let right = 0;
  let all = 0;
  let threshold = 0.95;
  for (const answer of answers) {
    all += answer.weight;
    if (answer.right) right += answer.weight;
    if (right / all >= precision) threshold = Math.min(threshold, answer.confidence);
  }
  return Math.max(0.5, Math.round(threshold * 1_000) / 1_000);
}
