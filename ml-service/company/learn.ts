/** Learns a company's own model from its lessons. */
import type { HeadAnswer } from "../evaluate/answers.ts";
import { type Choice, leastAnswers } from "../evaluate/threshold.ts";
import type { Model } from "../model.ts";
import type { Example } from "../train/examples.ts";
import { groupNearDuplicates } from "../train/groups.ts";
import { hashText } from "../train/random.ts";
import { learner } from "../train/settings.ts";
import { scoreAll, train } from "../train/train.ts";
import type { Lesson } from "../train-schema.ts";
import type { WordVectors } from "../word-vectors.ts";
import { calibrateHeads } from "./calibrate-heads.ts";
import { type DescribedLabels, examplesOf } from "./descriptions.ts";

/** One ticket in five is never learnt from: it tells what the model is worth, and what may be promised. */
const heldBackShare = 5;
/** The newest of those held back are enough. */
const mostHeldBack = 3_000;
/** With fewer lessons, judged and learnt from together, nothing is learnt. */
export const leastLessons = 20;
/** Up to so many lessons all is learnt anew each time: those held back alone are too few to promise by what all of them promise. */
export const mostAnew = 1_000;
/** Learning on goes through the newest lessons and as many older ones, so that it takes seconds however many there are. */
const newest = 1_500;
/** How often, and how carefully, learning on goes through them. */
const goingOn = { epochs: 4, deepRate: learner.deepRate * 0.3, wideRate: learner.wideRate * 0.3 };
/** Of more lessons, those held back are enough to tell what may be promised. */
const mostCrossed = 10_000;

export interface LearnOptions {
  readonly company: string;
  readonly version: string;
  /** The heads that may be learnt, with the labels of the company's config or the default ones. */
  readonly labels: DescribedLabels;
  /** Heads whose labels are the company's own: they are learnt even from few lessons, starting from the descriptions. */
  readonly own: readonly string[];
  /** The largest share of wrong answers among those applied, by head. */
  readonly risk: Readonly<Record<string, number>>;
  readonly vectors: WordVectors | null;
  /** A model to learn on from; it is left alone where its heads or labels are others, and where there are few lessons. */
  readonly start?: Model | undefined;
  /** What the default model says of a text, for a head with default labels. */
  defaults(head: string, normal: string): Float64Array | null;
}

export interface Learnt {
  readonly model: Model;
  /** Lessons held back, and the new model's answers to them, in their order. */
  readonly heldBack: readonly Example[];
  readonly answers: readonly HeadAnswer[];
  readonly choices: Readonly<Record<string, Choice>>;
  readonly lessons: number;
}

/**
 * Parts lessons by their tickets and near-duplicates: the same ones are held back each time. A group goes by its first ticket, by
 * the id: the order of lessons changes with each correction.
 */
export function partLessons(lessons: readonly Lesson[]): { learn: Example[]; heldBack: Example[] } {
  const groups = groupNearDuplicates(lessons.map(({ subject, text }) => `${subject ?? ""}\n${text}`));
  const names = new Map<number, string>();
  lessons.forEach(({ ticket }, at) => {
    const group = groups[at] as number;
    const name = names.get(group);
    if (name === undefined || ticket < name) names.set(group, ticket);
  });
  const learn: Example[] = [];
  const heldBack: Example[] = [];
  lessons.forEach(({ subject, text, labels }, at) => {
    const group = names.get(groups[at] as number) ?? "";
    const example = { subject, text, labels, group, source: "lesson", weight: 1 };
    (partOf(group) === 0 ? heldBack : learn).push(example);
  });
  return { learn, heldBack: heldBack.slice(-mostHeldBack) };
}

/** The model of a company that has taught nothing yet: it goes by what the labels are said to be, and always abstains. */
export function learnFromDescriptions(
  company: string,
  labels: DescribedLabels,
  vectors: WordVectors | null,
): Model {
  const examples = examplesOf(labels);
  const model = train(examples, {
    ...learner,
    ...{ name: company, version: "descriptions", labels: namesOf(labels), languages: [], vectors },
    // It is made while messages wait: two hundred labels take less than a second, unless their descriptions are long.
    epochs: Math.min(20, Math.max(5, Math.round(4_000 / Math.max(1, examples.length)))),
  });
  const heads = model.header.heads.map((head) => ({
    ...head,
    threshold: 1.01,
    reason: "goes by the descriptions of the labels: agents' corrections have not taught it yet",
  }));
  return { ...model, header: { ...model.header, heads } };
}

/**
 * @param lessons oldest first, with labels of the config alone
 * @returns null where there are too few for any head
 */
export function learn(lessons: readonly Lesson[], options: LearnOptions): Learnt | null {
  const labels = headsToLearn(lessons, options);
  if (Object.keys(labels).length === 0) return null;
  const { learn: all, heldBack } = partLessons(lessons);
  const goesOn =
    lessons.length > mostAnew && options.start && canGoOn(options.start, labels, options.vectors);
  const start = goesOn ? options.start : undefined;
  const some = start ? newestAndOlder(all) : all;
  const base = { ...learner, ...(start ? { ...goingOn, start } : {}) };
  const named = namesOf(labels);
  const learnt = train([...examplesOf(labels), ...some.map((one) => withHeads(one, labels))], {
    ...base,
    ...{
      name: options.company,
      version: options.version,
      labels: named,
      languages: [],
      vectors: options.vectors,
    },
  });
  const crossed = start || lessons.length > mostCrossed ? [] : crossFit(all, labels, options);
  const judged = [...scoreAll(learnt, heldBack, options.vectors), ...crossed];
  const calibrated = calibrateHeads(learnt, judged, heldBack.length, options);
  return { ...calibrated, heldBack, lessons: lessons.length };
}

/**
 * Scores what is learnt from by models that have not seen it: each part by one that has learnt from the other parts. So all lessons
 * tell what may be promised, not only those held back; the model itself knows a little more than those that are judged here.
 */
function crossFit(examples: readonly Example[], labels: DescribedLabels, options: LearnOptions) {
  return Array.from({ length: heldBackShare - 1 }, (_, at) => at + 1).flatMap((part) => {
    const others = examples.filter(({ group }) => partOf(group) !== part);
    const own = examples.filter(({ group }) => partOf(group) === part);
    const model = train([...examplesOf(labels), ...others.map((one) => withHeads(one, labels))], {
      ...learner,
      ...{
        name: options.company,
        version: "part",
        labels: namesOf(labels),
        languages: [],
        vectors: options.vectors,
      },
    });
    return scoreAll(model, own, options.vectors);
  });
}

/** The part of a group, from 0 on; part 0 is held back. */
function partOf(group: string): number {
  return hashText(`held back ${group}`) % heldBackShare;
}

/** Heads with labels of the company's own, and others of which there are enough lessons. */
function headsToLearn(lessons: readonly Lesson[], { labels, own, risk }: LearnOptions): DescribedLabels {
  const heads = Object.entries(labels).filter(([head]) => {
    if (own.includes(head)) return lessons.length >= leastLessons;
    // With fewer nothing could be promised, and the default model's own word is better than none.
    const needed = 2 * leastAnswers({ risk: risk[head] ?? 0.05 });
    return lessons.filter((lesson) => lesson.labels[head] !== undefined).length >= needed;
  });
  return Object.fromEntries(heads);
}

const namesOf = (labels: DescribedLabels): Record<string, string[]> =>
  Object.fromEntries(Object.entries(labels).map(([head, described]) => [head, Object.keys(described)]));

function withHeads(example: Example, labels: DescribedLabels): Example {
  const kept = Object.entries(example.labels).filter(([head]) => head in labels);
  return { ...example, labels: Object.fromEntries(kept) };
}

/** With other labels, another encoder or other settings, all must be learnt anew. */
function canGoOn({ header }: Model, labels: DescribedLabels, vectors: WordVectors | null): boolean {
  const theirs = header.heads.map(({ name, labels: own }) => [name, own]);
  const isSame = JSON.stringify(theirs) === JSON.stringify(Object.entries(namesOf(labels)));
  const isAlike = header.hidden === learner.members * learner.hidden && header.bits === learner.bits;
  return isSame && isAlike && header.vectors?.hash === vectors?.hash;
}

/** The newest lessons, and as many of the older ones, evenly spread. */
function newestAndOlder(examples: readonly Example[]): Example[] {
  const older = examples.slice(0, -newest);
  const step = Math.max(1, older.length / newest);
  const spread = Array.from(
    { length: Math.min(newest, older.length) },
    (_, at) => older[Math.floor(at * step)] as Example,
  );
  return [...spread, ...examples.slice(-newest)];
}
