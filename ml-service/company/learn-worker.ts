/** The thread in which a company's model is learnt, so that those who wait for labels do not wait for it. */
import { parentPort, workerData } from "node:worker_threads";
import { classifierOf } from "../classifier.ts";
import type { HeadAnswer } from "../evaluate/answers.ts";
import { normalise } from "../features.ts";
import { joinVectors } from "../meaning.ts";
import { decodeModel, encodeModel, loadModel, type Model } from "../model.ts";
import { ModelError } from "../model-error.ts";
import type { Example } from "../train/examples.ts";
import type { Lesson } from "../train-schema.ts";
import { shippedVectors, type WordVectors } from "../word-vectors.ts";
import { makeOwn, unlearntLabels } from "./companies.ts";
import type { DescribedLabels } from "./descriptions.ts";
import { learn, learnFromDescriptions, leastLessons } from "./learn.ts";
import { readLessons } from "./lessons.ts";
import { createOwnModel } from "./own-model.ts";

export interface LearnJob {
  readonly company: string;
  readonly labels: DescribedLabels;
  /** The heads with labels of the company's own. */
  readonly own: readonly string[];
  readonly risk: Readonly<Record<string, number>>;
  readonly defaultModelPath: string;
  /** JSON lines of lessons, oldest first. */
  readonly dataset: Uint8Array;
  /** The model in force, or null. */
  readonly before: Uint8Array | null;
  /** Whether to learn on from it. */
  readonly goesOn: boolean;
  /** What the lessons mean to the company's own encoder, or null where there is none. */
  readonly encoded: EncodedTexts | null;
}

export interface EncodedTexts {
  readonly identity: string;
  readonly dimensions: number;
  /** By normalised text. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

export interface LearntHead {
  readonly head: string;
  readonly temperature: number;
  readonly threshold: number;
  /** The share of wrong answers that is promised not to be passed; 1 where nothing is. */
  readonly bound: number;
  /** Why nothing is promised. */
  readonly reason: string | null;
  /** Answers to what was held back, and those of what is in force now, in the same order. */
  readonly answers: readonly HeadAnswer[];
  readonly before: readonly HeadAnswer[];
}

export interface LearnResult {
  /** Null where there are too few lessons. */
  readonly learnt: { readonly bytes: Uint8Array; readonly heads: readonly LearntHead[] } | null;
  readonly lessons: number;
  /** Lessons with labels that are not in the config. */
  readonly leftOut: number;
  readonly least: number;
}

/** Takes away labels that are not in the config, and lessons without any other. */
function withKnownLabels(lessons: readonly Lesson[], labels: DescribedLabels): Lesson[] {
  return lessons.flatMap((lesson) => {
    const kept = Object.entries(lesson.labels).filter(([head, label]) =>
      Object.hasOwn(labels[head] ?? {}, label),
    );
    return kept.length > 0 ? [{ ...lesson, labels: Object.fromEntries(kept) }] : [];
  });
}

/** A model that cannot be used is as good as none: what replaces it is learnt from nothing. */
function decodeStart(bytes: Uint8Array | null, vectors: WordVectors): Model | null {
  if (!bytes) return null;
  try {
    const model = decodeModel(bytes, "the model in force");
    createOwnModel(model, fitting(model, vectors));
    return model;
  } catch (error) {
    if (error instanceof ModelError) return null;
    throw error;
  }
}

/** A model from before there was an encoder goes by words alone. */
function fitting({ header }: Model, vectors: WordVectors): WordVectors {
  return header.vectors?.hash === vectors.hash ? vectors : shippedVectors();
}

function vectorsOf({ encoded }: LearnJob): WordVectors {
  if (!encoded) return shippedVectors();
  const { identity, dimensions, vectors } = encoded;
  return joinVectors(shippedVectors(), dimensions, identity, (text) => vectors.get(text));
}

function work(job: LearnJob): LearnResult {
  const vectors = vectorsOf(job);
  const all = readLessons(job.dataset);
  const lessons = withKnownLabels(all, job.labels);
  const counts = { lessons: lessons.length, leftOut: all.length - lessons.length, least: leastLessons };
  const defaults = classifierOf(loadModel(job.defaultModelPath));
  const start = decodeStart(job.before, vectors);
  const ownHeads = new Set(job.own);
  const learnt = learn(lessons, {
    ...{ company: job.company, version: "new", labels: job.labels, own: job.own, risk: job.risk },
    vectors,
    start: job.goesOn && start ? start : undefined,
    defaults: (head, normal) => (ownHeads.has(head) ? null : defaults.chancesOf(head, normal)),
  });
  if (!learnt) return { learnt: null, ...counts };
  const known = { words: shippedVectors(), meaning: job.encoded && vectors };
  const unlearnt = unlearntLabels(job, start);
  const guessed = unlearnt && learnFromDescriptions(job.company, unlearnt, known.words);
  const serving = makeOwn(job, { learnt: start, guessed }, known);
  const answerBefore = (head: string, { subject, text, labels }: Example): HeadAnswer => {
    const normal = normalise(subject ?? null, text);
    const mine = serving?.read(normal, (name) => defaults.chancesOf(name, normal)).heads.get(head);
    const names = mine?.head.labels ?? Object.keys(job.labels[head] ?? {});
    const chances = mine?.chances ?? defaults.chancesOf(head, normal) ?? new Float64Array(names.length);
    const confidence = Math.max(0, ...chances);
    const label = names[chances.indexOf(confidence)] ?? "";
    return { head, right: labels[head] ?? "", label, confidence, abstained: false };
  };
  const heads = learnt.model.header.heads.map(({ name, temperature, threshold, reason }): LearntHead => {
    const asked = learnt.heldBack.filter(({ labels }) => labels[name] !== undefined);
    return {
      ...{
        head: name,
        temperature,
        threshold,
        reason: reason ?? null,
        bound: learnt.choices[name]?.bound ?? 1,
      },
      answers: learnt.answers.filter(({ head }) => head === name),
      before: asked.map((example) => answerBefore(name, example)),
    };
  });
  return { learnt: { bytes: encodeModel(learnt.model), heads }, ...counts };
}

try {
  parentPort?.postMessage(work(workerData as LearnJob));
} catch (error) {
  if (!(error instanceof ModelError)) throw error;
  parentPort?.postMessage({ invalid: error.message });
}
