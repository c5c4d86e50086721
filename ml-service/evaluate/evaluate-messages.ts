/** Judges a classifier by labelled messages, wherever they come from: a file, or a company's own history. */
import type { Classifier } from "../classifier.ts";
import { groupNearDuplicates } from "../train/groups.ts";
import { learner } from "../train/settings.ts";
import { shippedVectors } from "../word-vectors.ts";
import { type JudgedMessages, judgeMessages } from "./judge-messages.ts";
import type { LabelledMessage } from "./labelled-file.ts";
import { type LearningCurve, learningCurve } from "./learning-curve.ts";
import { makeReport, type Report } from "./report.ts";
import { createHeadTrainer } from "./train-heads.ts";

export interface EvaluateOptions {
  readonly classifier: Classifier;
  /** The labels that it may give, by head. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Whose labels and whose model. */
  readonly company: string;
  /** What the report calls the messages. */
  readonly data: string;
  readonly at: Date;
  /** What the reader has to know besides, such as rows left out. */
  readonly notes?: readonly string[];
  /** Draws a learning curve too: some seconds for 1,000 messages, minutes for 10,000. */
  readonly curve?: boolean;
  readonly signal?: AbortSignal;
}

const curveSizes = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
const curveRepeats = 3;
/** With a larger share of near-duplicates the reader is warned. */
const notableDuplicates = 0.05;
const mostNamed = 8;

/**
 * Makes a report on messages that the classifier has not learnt from.
 * @throws whatever the classifier throws, or the signal's reason
 */
export async function evaluateMessages(
  messages: readonly LabelledMessage[],
  options: EvaluateOptions,
): Promise<Report> {
  const { classifier, labels, data, at } = options;
  const { answers, unknown, foreign } = await judgeMessages(messages, options);
  const groups = groupNearDuplicates(messages.map(({ subject, text }) => `${subject ?? ""} ${text}`));
  const notes = [
    ...(options.notes ?? []),
    ...Object.keys(labels).flatMap((head) =>
      unknownNote(head, unknown, foreign.includes(head), labels[head] ?? []),
    ),
    ...duplicatesNote(groups),
  ];
  const curve = options.curve ? await drawCurve(messages, groups, options) : null;
  return makeReport({ model: classifier.model, data, at, messages: messages.length, notes, answers, curve });
}

function drawCurve(
  messages: readonly LabelledMessage[],
  groups: readonly number[],
  options: EvaluateOptions,
): Promise<LearningCurve> {
  return learningCurve<LabelledMessage>({
    examples: messages.map((message, at) => ({ ...message, group: String(groups[at]) })),
    sizes: curveSizes,
    repeats: curveRepeats,
    seed: learner.seed,
    trainAndAnswer: createHeadTrainer({ ...learner, vectors: shippedVectors() }),
    asIs: async (test) => (await judgeMessages(test, options)).answers,
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

function duplicatesNote(groups: readonly number[]): string[] {
  const twins = groups.length - new Set(groups).size;
  if (twins < notableDuplicates * groups.length) return [];
  return [`${twins} messages are near-duplicates of others: intervals are narrower than they should be.`];
}

function unknownNote(
  head: string,
  unknown: JudgedMessages["unknown"],
  foreign: boolean,
  known: readonly string[],
): string[] {
  const own = unknown.filter((one) => one.head === head);
  if (own.length === 0) return [];
  const shown = own.slice(0, mostNamed).map(({ label, count }) => `${label} ${count}`);
  const names = [...shown, ...(own.length > mostNamed ? [`${own.length - mostNamed} more`] : [])].join(", ");
  const what = foreign
    ? "not judged, since the model has none of these labels"
    : "labels that the model does not have count as wrong";
  return [
    `${head}: ${what}: ${names}. Rename those that mean the same as one of the model's (${known.join(", ")}).`,
  ];
}
