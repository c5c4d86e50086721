/** Makes a prediction that people read of a head's chances: label, alternatives, reasons, and whether it is abstained from. */
import type { Prediction } from "./classify-schema.ts";
import type { ModelHead } from "./model.ts";
import type { Raised } from "./priority-rules.ts";

/** A rule takes this share of the probability under its priority; the rest stays, since rules err too. */
const ruleShare = 0.85;
/** With a rule that fired, this confidence is enough, whatever may be promised of the model's own word. */
const ruleThreshold = 0.6;
const shownAlternatives = 3;
/** What a text without words is called, abstaining: an empty message is no emergency. */
const neutral: Readonly<Record<string, string>> = {
  type: "question",
  priority: "normal",
  department: "general",
};

/** Every label is as likely as any other; the neutral one is shown. */
export function neutralPrediction(head: ModelHead): Prediction {
  const confidence = round(1 / head.labels.length);
  const label = head.labels.find((name) => name === neutral[head.name]) ?? head.labels[0] ?? "";
  const others = head.labels.filter((name) => name !== label).slice(0, shownAlternatives);
  return {
    label,
    confidence,
    abstained: true,
    alternatives: others.map((other) => ({ label: other, confidence })),
    reasons: ["the text has no words"],
  };
}

/** @param doubts reasons for abstaining whatever the confidence */
export function predictionOf(head: ModelHead, chances: Float64Array, doubts: readonly string[]): Prediction {
  const ranked = head.labels
    .map((label, at) => ({ label, confidence: round(chances[at] as number) }))
    .sort((a, b) => b.confidence - a.confidence);
  const [best = { label: "", confidence: 0 }, ...others] = ranked;
  return {
    ...best,
    // Not by the rounded confidence: near 1 many thresholds differ by less than that.
    abstained: doubts.length > 0 || Math.max(0, ...chances) < head.threshold,
    alternatives: others.slice(0, shownAlternatives),
    ...(doubts.length > 0 ? { reasons: [...doubts] } : {}),
  };
}

/** Moves most of the probability under a rule's priority up to it, and says which rules fired. */
export function raisedPrediction(
  head: ModelHead,
  chances: Float64Array,
  { raisesTo, rules }: Raised,
  doubts: readonly string[],
): Prediction {
  const floor = raisesTo === null ? -1 : head.labels.indexOf(raisesTo);
  if (floor < 0) return predictionOf(head, chances, doubts);
  const raised = chances.slice();
  for (let below = 0; below < floor; below += 1) {
    const moved = (raised[below] as number) * ruleShare;
    raised[below] = (raised[below] as number) - moved;
    raised[floor] = (raised[floor] as number) + moved;
  }
  // A rule is readable evidence of its own: with it, unknown words around it are no reason to abstain.
  const prediction = predictionOf(
    { ...head, threshold: Math.min(head.threshold, ruleThreshold) },
    raised,
    [],
  );
  return { ...prediction, reasons: rules.map((rule) => `rule: ${rule}`) };
}

/** Four digits are plenty for a confidence and keep answers and history small. */
export function round(chance: number): number {
  return Math.round(chance * 10_000) / 10_000;
}
