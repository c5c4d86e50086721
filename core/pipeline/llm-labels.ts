/** Labels from a company's LLM in place of those that the classifier abstained from. */
import { type Classified, chosenByLlm, type Prediction } from "../../ml-service/classify-schema.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { Metrics } from "../lib/metrics.ts";
import { type ChosenLabels, type Labeller, type LlmHead, llmHeads } from "../llm/labeller.ts";

/** Error messages are short; what an API says of itself may not be. In characters. */
const longestReason = 300;

export type Predictions = Pick<Classified, "type" | "priority" | "department">;

/** What an LLM was asked for, beside the labels of a message. */
export interface LlmUse {
  model: string;
  usage: ChosenLabels["usage"];
}

/** The labels of a message as they are kept. */
export type LabelDetail = Predictions & { llm?: LlmUse };

export interface MessageText {
  subject: string | null;
  text: string;
}

/** What to ask an LLM for: the heads that the classifier abstained from, none where there is nothing to read. */
export function openHeads(labels: Predictions, { subject, text }: MessageText): LlmHead[] {
  if (!/[\p{L}\p{N}]/u.test(text) && !/[\p{L}\p{N}]/u.test(subject ?? "")) return [];
  return llmHeads.filter((head) => labels[head].abstained);
}

/** A label by the LLM; the classifier's own one stands first among the others. */
function choice(prediction: Prediction, label: string): Prediction {
  const known = [prediction, ...prediction.alternatives].map(({ label, confidence }) => ({
    label,
    confidence,
  }));
  return {
    label,
    confidence: known.find((one) => one.label === label)?.confidence ?? 0,
    abstained: false,
    alternatives: known.filter((one) => one.label !== label).slice(0, 3),
    reasons: [...(prediction.reasons ?? []), chosenByLlm],
  };
}

const withReason = (prediction: Prediction, reason: string): Prediction => ({
  ...prediction,
  reasons: [...(prediction.reasons ?? []), reason],
});

/** The labels alone, those of `heads` changed. */
function changed(
  { type, priority, department }: Predictions,
  heads: readonly LlmHead[],
  change: (prediction: Prediction, head: LlmHead) => Prediction,
): Predictions {
  const labels = { type, priority, department };
  for (const head of heads) labels[head] = change(labels[head], head);
  return labels;
}

/** The labels with what the LLM chose for `heads`; where it was unsure, the classifier's stays, with that as a reason. */
export function withChoices(
  labels: Predictions,
  heads: readonly LlmHead[],
  { labels: chosen, model, usage }: ChosenLabels,
): LabelDetail {
  const after = changed(labels, heads, (prediction, head) => {
    const label = chosen[head];
    return label === undefined ? withReason(prediction, "the LLM was unsure too") : choice(prediction, label);
  });
  return { ...after, llm: { model, usage } };
}

export interface LlmLabels {
  /**
   * The labels with those of the company's LLM, or as they were, with a reason; undefined where none is to be asked.
   * @throws (the promise) the signal's reason alone
   */
  ask(message: MessageText & { company: string }, labels: Predictions): Promise<LabelDetail> | undefined;
}

export interface LlmLabelsParts {
  labellerOf(companyId: string): Promise<Labeller> | undefined;
  metrics?: Metrics;
  log: Log;
  signal: AbortSignal;
}

export function createLlmLabels({ labellerOf, metrics, log, signal }: LlmLabelsParts): LlmLabels {
  const count = (result: string, by = 1) => metrics?.count("deskwire.llm.labels", { result }, by);

  const choose = async (
    making: Promise<Labeller>,
    heads: LlmHead[],
    message: MessageText & { company: string },
    labels: Predictions,
  ): Promise<LabelDetail> => {
    const started = performance.now();
    const { subject, text } = message;
    try {
      const chosen = await (await making).choose({ subject, text, heads }, signal);
      const sure = Object.keys(chosen.labels).length;
      count("chosen", sure);
      count("unsure", heads.length - sure);
      return withChoices(labels, heads, chosen);
    } catch (error) {
      signal.throwIfAborted();
      count("failed", heads.length);
      const why = describeError(error).slice(0, longestReason).toWellFormed();
      log.debug("no label by the LLM", { company: message.company, error: why });
      return changed(labels, heads, (own) => withReason(own, `no label by the LLM: ${why}`));
    } finally {
      metrics?.time("deskwire.llm.labels.time", performance.now() - started);
    }
  };

  return {
    ask(message, labels) {
      const making = labellerOf(message.company);
      if (!making) return undefined;
      const heads = openHeads(labels, message);
      return heads.length > 0 ? choose(making, heads, message, labels) : undefined;
    },
  };
}
