/** Chooses which of the waiting texts go together. */

/** What is known of a text in line. */
export interface Line {
  /** Its length. */
  readonly tokens: number;
}

/** Rows of a batch are not padded to more than this many times their length … */
const mostStretch = 2;
/** … but for very short ones, for which a run of their own costs more. */
const short = 16;

/**
 * The batch with the one that has waited longest, and those nearest to it in length.
 * @param line those in line, the longest waiting first; at least one
 * @param budget tokens in a batch, padding counted
 * @returns the batch, and whether it has no room for another row of its length
 */
export function pickBatch<Entry extends Line>(
  line: readonly Entry[],
  budget: number,
): { batch: Entry[]; full: boolean } {
  const sorted = line.toSorted((a, b) => a.tokens - b.tokens);
  let from = sorted.indexOf(line[0] as Entry);
  let to = from + 1;
  const lengthAt = (at: number) => (sorted[at] as Entry).tokens;
  const fits = (first: number, end: number) => {
    if (first < 0 || end > sorted.length) return false;
    const longest = lengthAt(end - 1);
    const stretched = longest > Math.max(short, lengthAt(first) * mostStretch);
    return !stretched && (end - first) * longest <= budget;
  };
  for (;;) {
    const down = fits(from - 1, to);
    const up = fits(from, to + 1);
    if (!down && !up) break;
    // Whichever side is padded less: one row to the longest, or all rows to a longer one.
    const longest = lengthAt(to - 1);
    const goDown = down && (!up || longest - lengthAt(from - 1) <= (lengthAt(to) - longest) * (to - from));
    if (goDown) from -= 1;
    else to += 1;
  }
  return { batch: sorted.slice(from, to), full: (to - from + 1) * lengthAt(to - 1) > budget };
}
