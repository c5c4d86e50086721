/** A report on a model: figures by head and language, what can be promised, and a learning curve. */
import { groupBy, type HeadAnswer } from "./answers.ts";
import { type Figures, figuresOf, type HeadFigures } from "./figures.ts";
import type { LearningCurve } from "./learning-curve.ts";
import { type Choice, chooseThreshold } from "./threshold.ts";

/** What is promised of a threshold: at most 5 % wrong, with 90 %. */
export const promised = { risk: 0.05, confidence: 0.9 } as const;
/** A language with fewer answers is counted among the others. */
const enoughRows = 20;

export interface HeadReport {
  readonly head: string;
  readonly figures: HeadFigures;
  /** The most frequent first; "unknown" is where nobody could tell, "others" are those with too few. */
  readonly languages: readonly { readonly language: string; readonly figures: Figures }[];
  /** Chosen among the answers that nothing but their confidence speaks against. */
  readonly choice: Choice;
}

export interface Report {
  /** Name and version of the model. */
  readonly model: string;
  /** What the messages are called, such as the file's name. */
  readonly data: string;
  readonly at: Date;
  readonly messages: number;
  /** What the reader has to know before the figures, such as rows left out. */
  readonly notes: readonly string[];
  readonly heads: readonly HeadReport[];
  readonly curve: LearningCurve | null;
}

/** @param made.answers of all heads; heads come in the order in which they first occur */
export function makeReport(made: Omit<Report, "heads"> & { answers: readonly HeadAnswer[] }): Report {
  const { answers, ...rest } = made;
  const heads = [...groupBy(answers, ({ head }) => head)].map(([head, own]) => ({
    head,
    figures: figuresOf(own),
    languages: languagesOf(own),
    choice: chooseThreshold(withoutDoubts(own), promised),
  }));
  return { ...rest, heads };
}

/**
 * Leaves out what is abstained from although less confident answers are applied: there the language, unknown words or the like
 * speak against it, and no threshold will apply it.
 */
function withoutDoubts(answers: readonly HeadAnswer[]): HeadAnswer[] {
  const applied = answers.filter(({ abstained }) => !abstained);
  const least = applied.reduce((lowest, { confidence }) => Math.min(lowest, confidence), 1);
  return answers.filter(({ abstained, confidence }) => !abstained || confidence < least);
}

function languagesOf(answers: readonly HeadAnswer[]): HeadReport["languages"] {
  const all = groupBy(answers, ({ language }) => language ?? "unknown");
  const named = groupBy(answers, ({ language }) => {
    const name = language ?? "unknown";
    return (all.get(name)?.length ?? 0) < enoughRows ? "others" : name;
  });
  return [...named]
    .map(([language, own]) => ({ language, figures: figuresOf(own) }))
    .sort((a, b) => b.figures.rows - a.figures.rows);
}
