/** A company's own model at work: what it says of a text for the heads that it has learnt. */
import { createExtractor } from "../features.ts";
import type { Model, ModelHead } from "../model.ts";
import { createScorer, familiarityOf, knownShare, outsideness, probabilities } from "../score.ts";
import type { WordVectors } from "../word-vectors.ts";

/** Less familiar than this share of what it has learnt from, a text is none of its business: 2 in 100 are so by chance. */
const mostOutside = 0.98;

/** What a head says, before rules and thresholds. */
export interface OwnAnswer {
  /** With those of its labels alone that are still in the config. */
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
  const places = placesOf(header.heads).map(({ head, from }) => {
    const kept = head.labels.flatMap((label, at) =>
      allowed[head.name]?.includes(label) === false ? [] : [at],
    );
    return { head, from, kept, shown: { ...head, labels: kept.map((at) => head.labels[at] as string) } };
  });
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
      const isUnread = vectors?.reads?.(normal) === false;
      const isStrange = outside !== null && outside > mostOutside;
      const heads = places.map(({ head, from, kept, shown }): [string, OwnAnswer] => {
        const own = blended(
          probabilities(logits, from, head),
          head.blend > 0 ? defaults(head.name) : null,
          head.blend,
        );
        const { chances, lost } = only(own, kept);
        const doubts = [
          ...(head.reason ? [head.reason] : []),
          ...(isUnread ? ["the text encoder could not read it"] : []),
          ...(isStrange ? ["looks like nothing that was learnt from the company's messages"] : []),
          ...(lost > 0.5 ? ["the label that fits best is no longer in the config"] : []),
        ];
        return [head.name, { head: shown, chances, doubts }];
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

/** Takes all other labels' chances away and shares them out among those that are kept. @returns also how much was taken */
function only(chances: Float64Array, kept: readonly number[]): { chances: Float64Array; lost: number } {
  if (kept.length === chances.length) return { chances, lost: 0 };
  const left = Float64Array.from(kept, (at) => chances[at] as number);
  const rest = left.reduce((sum, chance) => sum + chance, 0);
  // What is left may be nothing at all, to the last digit: then nothing is known of the others.
  return { chances: left.map((chance) => (rest > 1e-9 ? chance / rest : 1 / left.length)), lost: 1 - rest };
}
