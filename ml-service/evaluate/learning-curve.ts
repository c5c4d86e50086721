/** How much better a model gets with more labelled messages. */
import { createRandom, shuffle } from "../train/random.ts";
import { groupBy, type HeadAnswer, isRight } from "./answers.ts";
import { type Share, shareOf } from "./shares.ts";

/** Trains on some examples and answers others, which it has never seen. The seed is for whatever is random in it. */
export type TrainAndAnswer<E> = (
  train: readonly E[],
  test: readonly E[],
  seed: number,
) => readonly HeadAnswer[] | Promise<readonly HeadAnswer[]>;

export interface LearningCurveOptions<E> {
  /** Near-duplicates share a group, as `groupNearDuplicates` finds them. */
  readonly examples: readonly (E & { readonly group: string })[];
  /** Numbers of examples to learn from; those that are not there are left out, and all there are is added. */
  readonly sizes: readonly number[];
  /** How often each size is tried, each time with other examples. */
  readonly repeats: number;
  readonly seed: number;
  /** The part that is never learnt from (default 0.2). */
  readonly testShare?: number;
  readonly trainAndAnswer: TrainAndAnswer<E>;
  /** Answers the same test part without learning, such as the model in use: what the curve has to beat. */
  readonly asIs?: (test: readonly E[]) => readonly HeadAnswer[] | Promise<readonly HeadAnswer[]>;
  readonly signal?: AbortSignal;
}

/** The shares of right answers of all repeats with one size. */
export interface SizePoint {
  readonly size: number;
  readonly mean: number;
  /** The standard deviation over the repeats; 0 for a single one. It leaves out how far the test part itself is luck. */
  readonly spread: number;
  readonly least: number;
  readonly most: number;
}

export interface LearningCurve {
  /** Examples that could be learnt from, and those of the test part. */
  readonly train: number;
  readonly test: number;
  readonly repeats: number;
  readonly heads: readonly {
    readonly head: string;
    readonly points: readonly SizePoint[];
    readonly asIs: Share | null;
  }[];
}

/**
 * Trains with growing numbers of examples and judges each time on the same test part. In one repeat each sample holds the
 * smaller ones; no group lies on both sides. The result depends on the options alone, if `trainAndAnswer` does.
 * @returns without heads where the examples are too few, or too alike, for a test part
 */
export async function learningCurve<E>(options: LearningCurveOptions<E>): Promise<LearningCurve> {
  const { examples, repeats, seed, testShare = 0.2, signal } = options;
  const groups = [...groupBy(examples, ({ group }) => group).values()];
  const { train, test } = split(shuffle(createRandom(seed), groups), examples.length * testShare);
  const available = train.flat().length;
  const runs: Run[] = [];
  if (test.length > 0 && available > 0) {
    const sizes = [...options.sizes.filter((size) => size < available), available].sort((a, b) => a - b);
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const order = shuffle(createRandom(seed + 1 + repeat), [...train]).flat();
      for (const size of sizes) {
        signal?.throwIfAborted();
        const answers = await options.trainAndAnswer(order.slice(0, size), test, seed + repeat);
        runs.push(...sharesRight(answers).map(({ head, right }) => ({ head, size, share: right.share })));
      }
    }
  }
  const asIs = new Map<string, Share>();
  if (runs.length > 0 && options.asIs) {
    for (const { head, right } of sharesRight(await options.asIs(test))) asIs.set(head, right);
  }
  const heads = [...groupBy(runs, ({ head }) => head)].map(([head, own]) => {
    const sizes = [...groupBy(own, ({ size }) => String(size)).values()];
    return { head, points: sizes.map(pointOf), asIs: asIs.get(head) ?? null };
  });
  return { train: available, test: test.length, repeats, heads };
}

interface Run {
  readonly head: string;
  readonly size: number;
  readonly share: number;
}

/** Whole groups go to the test part until it is full; one that is too large for what is left is learnt from. */
function split<T>(groups: readonly T[][], wanted: number): { train: T[][]; test: T[] } {
  const train: T[][] = [];
  const test: T[] = [];
  for (const group of groups) {
    if (test.length + group.length <= wanted) test.push(...group);
    else train.push(group);
  }
  return { train, test };
}

function sharesRight(answers: readonly HeadAnswer[]): { head: string; right: Share }[] {
  return [...groupBy(answers, ({ head }) => head)].map(([head, own]) => ({
    head,
    right: shareOf(own.filter(isRight).length, own.length),
  }));
}

function pointOf(runs: readonly Run[]): SizePoint {
  const shares = runs.map(({ share }) => share);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const squares = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0);
  return {
    size: runs[0]?.size ?? 0,
    mean,
    spread: shares.length > 1 ? Math.sqrt(squares / (shares.length - 1)) : 0,
    least: Math.min(...shares),
    most: Math.max(...shares),
  };
}
