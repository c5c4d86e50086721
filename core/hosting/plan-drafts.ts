/** What the hub would make of messages that were only read: labels, drafts, and what the drafts cost. */
import type { DrafterConfig } from "../../config/schema.ts";
import type { Company } from "../../config/types.ts";
import type { Classified, ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import { describeError, type ErrorKind, kindOf } from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { Drafter, DraftResult } from "../llm/drafter.ts";
import { toClassifyItem } from "../pipeline/classify.ts";
import { toRequest } from "../pipeline/draft.ts";
import { countEach, type PlannedMessage } from "./plan.ts";

/** The most messages that are labelled: the newest ones. */
export const mostLabelled = 500;
/** Messages in one call of the classifier. */
const batchSize = 32;
/** Days in the month that figures are given for. */
const monthDays = 30;

export type Classify = (items: ClassifyItem[]) => Promise<ClassifyResponse>;

export interface LabelledMessage {
  message: PlannedMessage;
  labels: Classified;
}

/** Labels for the newest messages, 500 at most, in their order. A message that the classifier gives no answer for is left out. */
export async function labelMessages(
  classify: Classify,
  company: string,
  messages: readonly PlannedMessage[],
  signal: AbortSignal,
): Promise<LabelledMessage[]> {
  const labelled: LabelledMessage[] = [];
  const newest = messages.slice(-mostLabelled);
  for (let from = 0; from < newest.length; from += batchSize) {
    signal.throwIfAborted();
    const batch = newest.slice(from, from + batchSize);
    const items = batch.map(({ subject, text, requester }, i) =>
      toClassifyItem({ id: String(i), company, subject, text, requester }),
    );
    const { results } = await untilAborted(classify(items), signal);
    const answers = new Map(results.map((result) => [result.id, result]));
    for (const [i, message] of batch.entries()) {
      const labels = answers.get(String(i));
      if (labels) labelled.push({ message, labels });
    }
  }
  return labelled;
}

export const labelNames = ["type", "priority", "department"] as const;

/** How often each label was given, the most frequent first, and how many messages have one that the classifier is unsure of. */
export function labelShares(labelled: readonly LabelledMessage[]) {
  const counts = labelNames.map((name) => ({
    name,
    counts: countEach(labelled.map(({ labels }) => labels[name].label)),
  }));
  const unsure = labelled.filter(({ labels }) => labelNames.some((name) => labels[name].abstained)).length;
  return { counts, unsure };
}

export type PlannedDraft = { result: DraftResult } | { kind: ErrorKind; error: string };

/** The draft that the hub would write for a message. An error of the drafter is a result; a stop is thrown. */
export async function draftFor(
  drafter: Drafter,
  { id: company, name }: Company,
  { message, labels }: LabelledMessage,
  signal: AbortSignal,
): Promise<PlannedDraft> {
  const { subject, requester, conversation } = message;
  const { language } = labels;
  const request = toRequest({ company, conversation, subject, requester, language, labels }, name);
  try {
    return { result: await untilAborted(drafter.draft(request, signal), signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: kindOf(error), error: describeError(error) };
  }
}

/** @returns so many in a month of 30 days, not rounded */
export const aMonth = (count: number, days: number): number => (count / days) * monthDays;

/** The use of an LLM in a month of 30 days. */
export interface MonthlyUse {
  /** Means for one request, in tokens. */
  inputEach: number;
  outputEach: number;
  input: number;
  output: number;
  /** In the currency of the prices; null where none are set. */
  cost: number | null;
}

/**
 * Estimated from answers that were given, to drafts or to labels; null where none of them tells what it used.
 * @param requests how many a month
 */
export function monthlyUse(
  answers: ReadonlyArray<Pick<DraftResult, "usage">>,
  requests: number,
  prices: DrafterConfig["prices"],
): MonthlyUse | null {
  const usages = answers.flatMap(({ usage }) => usage ?? []);
  if (usages.length === 0) return null;
  const mean = (field: "promptTokens" | "completionTokens") =>
    usages.reduce((sum, usage) => sum + usage[field], 0) / usages.length;
  const [inputEach, outputEach] = [mean("promptTokens"), mean("completionTokens")];
  const [input, output] = [inputEach * requests, outputEach * requests];
  const cost = prices
    ? (input * prices.inputPerMillion + output * prices.outputPerMillion) / 1_000_000
    : null;
  return { inputEach, outputEach, input, output, cost };
}
