/** The classifier without a broker: model, rules and language put together into one answer for each message. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Classified, ClassifyItem, Prediction } from "./classify-schema.ts";
import { createExtractor, normalise } from "./features.ts";
import { detectLanguage } from "./language.ts";
import { loadModel, type Model, type ModelHead } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { createPriorityRules, type PriorityRules, type Raised } from "./priority-rules.ts";
import { createScorer, familiarityOf, knownShare, outsideness, probabilities } from "./score.ts";
import { shippedVectors } from "./word-vectors.ts";

/** After so many items other work gets its turn: 32 of 600 characters take a few milliseconds. */
const itemsPerTurn = 32;
/** With a smaller share of known words than this, the heads' confidence means nothing. */
const leastKnown = 0.34;
/** A rule takes this share of the probability under its priority; the rest stays, since rules err too. */
const ruleShare = 0.85;
/** From this chance on that a text is no support matter, the heads abstain: they know nothing else. */
const mostOutside = 0.7;
const shownAlternatives = 3;
/** What a text without words is called, abstaining: an empty message is no emergency. */
const neutral: Readonly<Record<string, string>> = {
  type: "question",
  priority: "normal",
  department: "general",
};
const shownHeads = ["type", "priority", "department"] as const;

export interface Classifier {
  /** Answers in the order of the items, one for each. Never throws because of a text. */
  classify(items: readonly ClassifyItem[]): Promise<Classified[]>;
  /** Name and version, as in each answer. */
  readonly model: string;
}

export interface ClassifierOptions {
  /** The priority rules of a company, by its id. Default: the built-in ones for all. */
  rulesFor?(company: string): PriorityRules;
}

/**
 * Loads a model.
 * @throws ModelError where the file is missing, damaged or lacks a head
 */
export function createClassifier(modelPath: string, options?: ClassifierOptions): Classifier {
  return classifierOf(loadModel(modelPath), options);
}

/** The same for a model that is already in memory. */
export function classifierOf(model: Model, options: ClassifierOptions = {}): Classifier {
  const { header } = model;
  const builtIn = createPriorityRules();
  const rulesFor = options.rulesFor ?? (() => builtIn);
  const heads = placesOf(header.heads);
  for (const name of shownHeads) {
    if (!heads.has(name))
      throw new ModelError(`the model ${header.name} has no head "${name}": train it again`);
  }
  const extract = createExtractor(header.bits);
  const score = createScorer(model, header.vectors ? shippedVectors() : null);
  const name = `${header.name}@${header.version}`;

  /** By the head that small talk has taught, or else by how familiar the text looks. */
  function outsideOf(logits: Float64Array, scope: Float64Array | null): number | null {
    if (scope) return scope[1] ?? null;
    if (header.familiarity.length === 0) return null;
    return outsideness(familiarityOf(logits, header.heads), header.familiarity);
  }

  function classifyOne(item: ClassifyItem): Classified {
    const normal = normalise(item.subject, item.text);
    const features = extract(normal);
    const logits = score(features);
    const known = knownShare(model, features);
    const chances = (head: string) => {
      const place = heads.get(head);
      return place ? probabilities(logits, place.from, place.head) : null;
    };
    const outside = outsideOf(logits, chances("scope"));
    const unknown = known < leastKnown;
    const language = detectLanguage(normal);
    const doubts: string[] = [];
    if (language !== null && !header.languages.includes(language)) {
      doubts.push(`the model has not learnt this language (${language})`);
    }
    if (unknown) doubts.push("most words are unknown to the model");
    if ((outside ?? 0) > mostOutside) doubts.push("does not look like a matter for a support desk");
    const wordless = features.stemCount === 0 && !/[\p{L}\p{N}]/u.test(normal);
    const answer = (head: (typeof shownHeads)[number]) => {
      const place = heads.get(head);
      if (!place) throw new ModelError(`the model ${name} has no head "${head}"`);
      if (wordless) return neutralAnswer(place.head);
      const own = probabilities(logits, place.from, place.head);
      return head === "priority"
        ? withRules(place.head, own, rulesFor(item.company).apply(normal, item.requester), doubts)
        : predictionOf(place.head, own, doubts);
    };
    return {
      id: item.id,
      type: answer("type"),
      priority: answer("priority"),
      department: answer("department"),
      language,
      outOfScope: outside === null ? null : round(Math.max(outside, unknown ? 1 - known : 0)),
      model: name,
    };
  }

  return {
    model: name,
    async classify(items) {
      const results: Classified[] = [];
      for (const [at, item] of items.entries()) {
        if (at > 0 && at % itemsPerTurn === 0) await nextTurn();
        results.push(classifyOne(item));
      }
      return results;
    },
  };
}

/** Where each head's labels begin among all columns. */
function placesOf(heads: readonly ModelHead[]): Map<string, { head: ModelHead; from: number }> {
  const places = new Map<string, { head: ModelHead; from: number }>();
  let from = 0;
  for (const head of heads) {
    places.set(head.name, { head, from });
    from += head.labels.length;
  }
  return places;
}

/** Every label is as likely as any other; the neutral one is shown. */
function neutralAnswer(head: ModelHead): Prediction {
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
function predictionOf(head: ModelHead, chances: Float64Array, doubts: readonly string[]): Prediction {
  const ranked = head.labels
    .map((label, at) => ({ label, confidence: round(chances[at] as number) }))
    .sort((a, b) => b.confidence - a.confidence);
  const [best = { label: "", confidence: 0 }, ...others] = ranked;
  return {
    ...best,
    abstained: doubts.length > 0 || best.confidence < head.threshold,
    alternatives: others.slice(0, shownAlternatives),
    ...(doubts.length > 0 ? { reasons: [...doubts] } : {}),
  };
}

/** Moves most of the probability under a rule's priority up to it, and says which rules fired. */
function withRules(
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
  const prediction = predictionOf(head, raised, []);
  return { ...prediction, reasons: rules.map((rule) => `rule: ${rule}`) };
}

/** Four digits are plenty for a confidence and keep answers and history small. */
function round(chance: number): number {
  return Math.round(chance * 10_000) / 10_000;
}
