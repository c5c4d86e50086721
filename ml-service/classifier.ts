/** The classifier without a broker: model, company's own model, rules and language put together into one answer for each message. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Classified, ClassifyItem, Prediction } from "./classify-schema.ts";
import { type OwnModel, type OwnReading, placesOf } from "./company/own-model.ts";
import { createExtractor, type Features, normalise } from "./features.ts";
import { detectLanguage } from "./language.ts";
import { loadModel, type Model, type ModelHead } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { neutralPrediction, predictionOf, raisedPrediction, round } from "./predictions.ts";
import { createPriorityRules, type PriorityRules } from "./priority-rules.ts";
import { createScorer, knownShare, probabilities } from "./score.ts";
import { shippedVectors } from "./word-vectors.ts";

/** After so many items other work gets its turn: 32 of 600 characters take a few milliseconds. */
const itemsPerTurn = 32;
/** With a smaller share of known words than this, the heads' confidence means nothing. */
const leastKnown = 0.34;
/** From this chance on that a text is no support matter, the heads abstain: they know nothing else. */
const mostOutside = 0.7;
export const shownHeads = ["type", "priority", "department"] as const;
export type ShownHead = (typeof shownHeads)[number];

export interface Classifier {
  /**
   * Answers in the order of the items, one for each. Never throws because of a text.
   * @param ownFor a company's own model for an item, in place of the default one for the heads that it has
   */
  classify(
    items: readonly ClassifyItem[],
    ownFor?: (item: ClassifyItem) => OwnModel | null,
  ): Promise<Classified[]>;
  /** What the default model says of a normalised text for a head; null where it has no such head. */
  chancesOf(head: string, normal: string): Float64Array | null;
  /** Name and version, as in each answer. */
  readonly model: string;
}

/** What may be watched of each answer, beside what is given out. */
export interface Watched extends Prediction {
  readonly head: ShownHead;
  /** The share of the text's words that the model does not know. */
  readonly unknown: number;
  /** Whether the head applies any label by itself, or abstains from all until it has learnt more. */
  readonly applies: boolean;
}

export interface ClassifierOptions {
  /** The priority rules of a company, by its id. Default: the built-in ones for all. */
  rulesFor?(company: string): PriorityRules;
  /** Told of each answer. @param model name and version of the model that gave it */
  observe?(company: string, model: string, answer: Watched): void;
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
  const name = `${model.header.name}@${model.header.version}`;
  const read = createDefaultReader(model);
  const builtIn = createPriorityRules();
  const rulesFor = options.rulesFor ?? (() => builtIn);

  function classifyOne(item: ClassifyItem, own: OwnModel | null): Classified {
    const normal = normalise(item.subject, item.text);
    const reading = read(normal);
    const mine = own?.read(normal, reading.chances) ?? null;
    const doubts = { own: unknownDoubt(mine), common: reading.doubts };
    const answer = (head: ShownHead): Prediction => {
      const opinion = mine?.heads.get(head);
      const asked = opinion?.head ?? reading.head(head);
      if (reading.isWordless) return neutralPrediction(asked);
      const chances = opinion?.chances ?? reading.chances(head) ?? new Float64Array(asked.labels.length);
      const reasons = opinion
        ? [...opinion.doubts, ...(opinion.head.reason ? [] : doubts.own)]
        : doubts.common;
      const prediction =
        head === "priority"
          ? raisedPrediction(asked, chances, rulesFor(item.company).apply(normal, item.requester), reasons)
          : predictionOf(asked, chances, reasons);
      const unknown = opinion ? (mine?.unknown ?? 0) : reading.unknown;
      const applies = asked.threshold <= 1;
      options.observe?.(item.company, opinion && own ? own.name : name, {
        ...{ head, unknown, applies },
        ...prediction,
      });
      return prediction;
    };
    const outside = mine?.outside ?? reading.outside;
    return {
      id: item.id,
      type: answer("type"),
      priority: answer("priority"),
      department: answer("department"),
      language: reading.language,
      outOfScope: outside === null ? null : round(outside),
      model: own?.name ?? name,
    };
  }

  return {
    model: name,
    chancesOf: (head, normal) => read(normal).chances(head)?.slice() ?? null,
    async classify(items, ownFor) {
      const results: Classified[] = [];
      for (const [at, item] of items.entries()) {
        if (at > 0 && at % itemsPerTurn === 0) await nextTurn();
        results.push(classifyOne(item, ownFor?.(item) ?? null));
      }
      return results;
    },
  };
}

function unknownDoubt(reading: OwnReading | null): string[] {
  return reading && 1 - reading.unknown < leastKnown ? ["most words are unknown to the company's model"] : [];
}

/** What the default model makes of a text; valid until the next one is read. */
interface DefaultReading {
  readonly isWordless: boolean;
  readonly language: string | null;
  /** The share of words that it does not know. */
  readonly unknown: number;
  /** From 0 to 1, null where the model does not tell. */
  readonly outside: number | null;
  /** Reasons for abstaining whatever the confidence. */
  readonly doubts: readonly string[];
  head(name: ShownHead): ModelHead;
  chances(head: string): Float64Array | null;
}

function createDefaultReader(model: Model): (normal: string) => DefaultReading {
  const { header } = model;
  const places = new Map(placesOf(header.heads).map((place) => [place.head.name, place]));
  const placeOf = (head: string) => {
    const place = places.get(head);
    if (!place) throw new ModelError(`the model ${header.name} has no head "${head}": train it again`);
    return place;
  };
  for (const head of shownHeads) placeOf(head);
  const extract = createExtractor(header.bits);
  const score = createScorer(model, header.vectors ? shippedVectors() : null);

  return (normal) => {
    const features = extract(normal);
    const logits = score(features, normal);
    const chances = (head: string) => {
      const place = places.get(head);
      return place ? probabilities(logits, place.from, place.head) : null;
    };
    const known = knownShare(model, features);
    const scope = chances("scope")?.[1] ?? null;
    const language = detectLanguage(normal);
    const doubts: string[] = [];
    if (language !== null && !header.languages.includes(language)) {
      doubts.push(`the model has not learnt this language (${language})`);
    }
    if (known < leastKnown) doubts.push("most words are unknown to the model");
    if ((scope ?? 0) > mostOutside) doubts.push("does not look like a matter for a support desk");
    return {
      isWordless: isWordless(features, normal),
      language,
      unknown: 1 - known,
      outside: scope === null ? null : Math.max(scope, known < leastKnown ? 1 - known : 0),
      doubts,
      head: (name) => placeOf(name).head,
      chances,
    };
  };
}

function isWordless(features: Features, normal: string): boolean {
  return features.stemCount === 0 && !/[\p{L}\p{N}]/u.test(normal);
}
