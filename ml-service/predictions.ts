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
  const [best, ...others] = likeliest(chances, 1 + shownAlternatives).map((at) => ({
    label: head.labels[at] as string,
    confidence: round(chances[at] as number),
    chance: chances[at] as number,
  }));
  return {
    label: best?.label ?? "",
    confidence: best?.confidence ?? 0,
    // Not by the rounded confidence: near 1 many thresholds differ by less than that.
    abstained: doubts.length > 0 || (best?.chance ?? 0) < head.threshold,
    alternatives: others.map(({ label, confidence }) => ({ label, confidence })),
    ...(doubts.length > 0 ? { reasons: [...doubts] } : {}),
  };
}

/** The places of the highest values, the highest first; of equal ones the earlier. Sorting all takes longer than the model does. */
function likeliest(values: Float64Array, count: number): number[] {
  const places: number[] = [];
  while (places.length < Math.min(count, values.length)) {
    let best = -1;
    for (let at = 0; at < values.length; at += 1) {
      if ((best < 0 || (values[at] as number) > (values[best] as number)) && !places.includes(at)) best = at;
    }
    places.push(best);
  }
  return places;
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
