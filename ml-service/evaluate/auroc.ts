/** How well a score tells two kinds apart, such as messages that are a matter for the desk and those that are none. */

/**
 * The area under the ROC curve: the chance that a positive scores higher than a negative, ties counting half (Mann and Whitney).
 * 1 is perfect, 0.5 is a guess.
 * @returns null where one of the kinds is missing
 */
export function auroc(scored: readonly { score: number; positive: boolean }[]): number | null {
  const sorted = [...scored].sort((a, b) => a.score - b.score);
  const positives = sorted.filter(({ positive }) => positive).length;
  const negatives = sorted.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let below = 0;
  let won = 0;
  for (let at = 0; at < sorted.length; ) {
    const score = sorted[at]?.score;
    let tiedPositives = 0;
    let tiedNegatives = 0;
    for (; at < sorted.length && sorted[at]?.score === score; at += 1) {
      if (sorted[at]?.positive) tiedPositives += 1;
      else tiedNegatives += 1;
    }
    won += tiedPositives * (below + tiedNegatives / 2);
    below += tiedNegatives;
  }
  return won / (positives * negatives);
}
