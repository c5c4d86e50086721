/** Which labels are taken for which. */
import type { Answer } from "./answers.ts";
import { type Share, shareOf } from "./shares.ts";

/** A matrix with more labels cannot be read. */
const mostLabels = 12;
const mostPairs = 10;

/** How well one label is found. */
export interface LabelFigures {
  readonly label: string;
  /** How often it is right. */
  readonly support: number;
  /** Of the answers with this label, the right ones. */
  readonly precision: Share;
  /** Of the messages that this label is right for, those found. */
  readonly recall: Share;
  readonly f1: number;
}

export interface Confusion {
  /** The largest labels by how often they are right. */
  readonly labels: readonly string[];
  /** Whether the last row and column of `counts` hold all other labels together. */
  readonly others: boolean;
  /** Rows are right labels, columns given ones. */
  readonly counts: readonly (readonly number[])[];
  /** What is mixed up most often; `share` is of the messages that `right` is right for. */
  readonly pairs: readonly { readonly right: string; readonly given: string; readonly share: Share }[];
}

/** One entry for each label that occurs, the most frequent first. */
export function labelFigures(answers: readonly Answer[]): LabelFigures[] {
  const counts = new Map<string, { support: number; given: number; hits: number }>();
  const of = (label: string) => {
    const count = counts.get(label) ?? { support: 0, given: 0, hits: 0 };
    counts.set(label, count);
    return count;
  };
  for (const { right, label } of answers) {
    of(right).support += 1;
    of(label).given += 1;
    if (right === label) of(label).hits += 1;
  }
  return [...counts]
    .map(([label, { support, given, hits }]) => ({
      label,
      support,
      precision: shareOf(hits, given),
      recall: shareOf(hits, support),
      f1: (2 * hits) / (support + given),
    }))
    .sort((a, b) => b.support - a.support || a.label.localeCompare(b.label, "en"));
}

/** The mean F1 over the labels that are right at least once; 0 for none. */
export function macroF1(figures: readonly LabelFigures[]): number {
  const present = figures.filter(({ support }) => support > 0);
  return present.length === 0 ? 0 : present.reduce((sum, { f1 }) => sum + f1, 0) / present.length;
}

/** @param figures of the same answers */
export function confusionOf(answers: readonly Answer[], figures: readonly LabelFigures[]): Confusion {
  const others = figures.length > mostLabels;
  const labels = figures.slice(0, mostLabels).map(({ label }) => label);
  const size = labels.length + (others ? 1 : 0);
  const places = new Map(labels.map((label, at) => [label, at]));
  const counts = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  const mixed = new Map<string, { right: string; given: string; count: number }>();
  for (const { right, label } of answers) {
    const row = counts[places.get(right) ?? size - 1];
    const column = places.get(label) ?? size - 1;
    if (row) row[column] = (row[column] ?? 0) + 1;
    if (right === label) continue;
    const key = JSON.stringify([right, label]);
    const pair = mixed.get(key) ?? { right, given: label, count: 0 };
    pair.count += 1;
    mixed.set(key, pair);
  }
  const support = new Map(figures.map((figure) => [figure.label, figure.support]));
  const pairs = [...mixed.values()]
    .sort((a, b) => b.count - a.count)
    .slice(0, mostPairs)
    .map(({ right, given, count }) => ({ right, given, share: shareOf(count, support.get(right) ?? count) }));
  return { labels, others, counts, pairs };
}
