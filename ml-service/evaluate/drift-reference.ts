/** How answers were distributed when all was well: what a watch for drift compares with. */
import { z } from "zod";

const counts = z.array(z.int().nonnegative());

/** How answers were distributed when the model was judged, kept in its manifest; all fields are counts but `edges`. */
export const driftReferenceSchema = z
  .object({
    rows: z.int().positive(),
    /** By predicted label. */
    labels: z.record(z.string(), z.int().nonnegative()),
    /** Confidences between the deciles, rising; fewer than nine where many are the same. */
    edges: z.array(z.number()),
    /** Answers below the first edge, between the first and the second, and so on. */
    confidence: counts,
    abstained: z.int().nonnegative(),
    /** By the share of unknown words, see `unknownEdges`; null where it was not told. */
    unknown: counts.length(5).nullable(),
  })
  .refine(
    ({ edges, confidence }) => confidence.length === edges.length + 1,
    "confidence needs one count more than edges",
  );
export type DriftReference = z.output<typeof driftReferenceSchema>;

/** What is watched of an answer. */
export interface WatchedAnswer {
  readonly label: string;
  readonly confidence: number;
  readonly abstained: boolean;
  /** The share (0 to 1) of the text's words that the model does not know, if it tells. */
  readonly unknown?: number;
}

/** Bins of unknown words: none, up to a tenth, a quarter, a half, more. Most texts have none, so that quantiles are of no use. */
export const unknownEdges = [Number.MIN_VALUE, 0.1, 0.25, 0.5];

/**
 * Counts answers as a reference: those to the held-out messages, or better the first thousand or so to a company's own.
 * @throws RangeError where there are none
 */
export function driftReference(answers: readonly WatchedAnswer[]): DriftReference {
  if (answers.length === 0) throw new RangeError("a reference needs answers: give at least a few hundred");
  const sorted = answers.map(({ confidence }) => confidence).sort((a, b) => a - b);
  const deciles = Array.from(
    { length: 9 },
    (_, at) => sorted[Math.floor(((at + 1) * sorted.length) / 10)] ?? 1,
  );
  const edges = [...new Set(deciles)].filter((edge) => edge > (sorted[0] ?? 0));
  const labels: Record<string, number> = {};
  const confidence = new Array<number>(edges.length + 1).fill(0);
  const unknown = new Array<number>(unknownEdges.length + 1).fill(0);
  for (const answer of answers) {
    labels[answer.label] = (labels[answer.label] ?? 0) + 1;
    add(confidence, binOf(edges, answer.confidence), 1);
    if (answer.unknown !== undefined) add(unknown, binOf(unknownEdges, answer.unknown), 1);
  }
  return {
    rows: answers.length,
    labels,
    edges,
    confidence,
    abstained: answers.filter(({ abstained }) => abstained).length,
    unknown: unknown.some((count) => count > 0) ? unknown : null,
  };
}

/** The bin of a value: a bound belongs to the bin above it. */
export function binOf(edges: readonly number[], value: number): number {
  const at = edges.findIndex((edge) => value < edge);
  return at < 0 ? edges.length : at;
}

/** Adds to one place of a list. */
export function add(list: number[], at: number, count: number): void {
  list[at] = (list[at] ?? 0) + count;
}
