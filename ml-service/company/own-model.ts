/** A company's own model at work: what it says of a text for the heads that it has learnt. */
import { createExtractor } from "../features.ts";
import type { Model, ModelHead } from "../model.ts";
import { createScorer, familiarityOf, knownShare, outsideness, probabilities } from "../score.ts";
import type { WordVectors } from "../word-vectors.ts";

/** Less familiar than this share of what it has learnt from, a text is none of its business: 2 in 100 are so by chance. */
const mostOutside = 0.98;

/** What a head says, before rules and thresholds. */
export interface OwnAnswer {
  readonly head: ModelHead;
  /** One for each label; they add up to 1. */
  readonly chances: Float64Array;
  /** Reasons for abstaining whatever the confidence. */
  readonly doubts: readonly string[];
}

export interface OwnReading {
  readonly heads: ReadonlyMap<string, OwnAnswer>;
  /** From 0 (like what it has learnt) to 1, or null where it cannot tell. */
  readonly outside: number | null;
  /** The share of words that it has never seen. */
  readonly unknown: number;
}

export interface OwnModel {
  /** Whether it needs to know a text's meaning by a company's encoder, see `Meaning`. */
  readonly usesEncoder: boolean;
  /** Name and version. */
  readonly name: string;
  readonly heads: readonly ModelHead[];
  /**
   * @param normal a text, normalised
   * @param defaults what the default model says, by head; null where it has no such head
   */
  read(normal: string, defaults: (head: string) => Float64Array | null): OwnReading;
}

/**
 * @param allowed the labels of the company's config, by head; a label that has gone from there is never given. A head that is not
 *   named here has all its labels.
 * @throws ModelError where the model was trained with other word vectors
 */
export function createOwnModel(
  model: Model,
  vectors: WordVectors | null,
  allowed: Readonly<Record<string, readonly string[] | undefined>> = {},
): OwnModel {
  const { header } = model;
  const extract = createExtractor(header.bits);
  const score = createScorer(model, vectors);
  const places = placesOf(header.heads);
  const gone = places.map(({ head }) =>
    head.labels.flatMap((label, at) => (allowed[head.name]?.includes(label) === false ? [at] : [])),
  );
  return {
    name: `${header.name}@${header.version}`,
    heads: header.heads,
    usesEncoder: header.vectors?.hash.includes("+") === true,
    read(normal, defaults) {
      const features = extract(normal);
      const logits = score(features, normal);
      const outside =
        header.familiarity.length === 0
          ? null
          : outsideness(familiarityOf(logits, header.heads), header.familiarity);
      const isStrange = outside !== null && outside > mostOutside;
      const heads = places.map(({ head, from }, at): [string, OwnAnswer] => {
        const own = blended(
          probabilities(logits, from, head),
          head.blend > 0 ? defaults(head.name) : null,
          head.blend,
        );
        const lost = without(own, gone[at] ?? []);
        const doubts = [
          ...(head.reason ? [head.reason] : []),
          ...(isStrange ? ["looks like nothing that was learnt from the company's messages"] : []),
          ...(lost > 0.5 ? ["the label that fits best is no longer in the config"] : []),
        ];
        return [head.name, { head, chances: own, doubts }];
      });
      return { heads: new Map(heads), outside, unknown: 1 - knownShare(model, features) };
    },
  };
}

/** Where each head's labels begin among all logits. */
export function placesOf(heads: readonly ModelHead[]): { head: ModelHead; from: number }[] {
  let from = 0;
  return heads.map((head) => {
    const place = { head, from };
    from += head.labels.length;
    return place;
  });
}

/**
 * Puts two opinions of the same labels together, by the weighted product of their chances.
 * @param share how much the second has a say, from 0 to 1
 */
export function blended(own: Float64Array, other: Float64Array | null, share: number): Float64Array {
  if (!other || share === 0) return own;
  const mixed = own.map(
    (chance, at) => Math.max(chance, 1e-9) ** (1 - share) * Math.max(other[at] as number, 1e-9) ** share,
  );
  const sum = mixed.reduce((total, chance) => total + chance, 0);
  return mixed.map((chance) => chance / sum);
}

/** Takes some labels' chances away and shares them out among the others. @returns how much was taken */
function without(chances: Float64Array, places: readonly number[]): number {
  if (places.length === 0) return 0;
  const lost = places.reduce((sum, at) => sum + (chances[at] as number), 0);
  for (const at of places) chances[at] = 0;
  const rest = chances.reduce((sum, chance) => sum + chance, 0);
  const others = chances.length - places.length;
  // What is left may be nothing at all, to the last digit: then nothing is known of the others.
  for (const [at, chance] of chances.entries()) {
    if (!places.includes(at)) chances[at] = rest > 1e-9 ? chance / rest : 1 / others;
  }
  return lost;
}
