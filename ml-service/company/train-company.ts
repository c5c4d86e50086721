/** A training of a company's model: from its data set to a new version, which is put in force if it is not worse. */
import { compare } from "../evaluate/compare.ts";
import { normalise } from "../features.ts";
import type { Meaning } from "../meaning.ts";
import { ModelError } from "../model-error.ts";
import type { Registry } from "../registry/registry.ts";
import { RegistryError } from "../registry/registry-error.ts";
import type { TrainRequest, TrainResponse } from "../train-schema.ts";
import { type DescribedLabels, examplesOf, headsOf } from "./descriptions.ts";
import type { EncodedTexts, LearnJob, LearnResult } from "./learn-worker.ts";
import { readLessons } from "./lessons.ts";
import { runInThread } from "./run-in-thread.ts";
import { inWords, manifestOf, promoted, tooFew } from "./training-words.ts";

/** Versions kept of each company, beside the new one and those in force, on trial and before. */
const keptVersions = 10;

/** Texts that are encoded at a time. */
const encodedAtOnce = 256;
/** Where the encoder fails at a larger share of the texts, it is the encoder that is in trouble, and nothing is to be learnt with it. */
const mostUnread = 0.1;

/** Where data sets lie. */
export interface DataSets {
  get(key: string): Promise<{ bytes: Uint8Array }>;
}

export interface TrainerParts {
  readonly registry: Pick<Registry, "state" | "read" | "publish" | "promote" | "prune">;
  readonly objects: DataSets;
  readonly codeVersion: string;
  /** The oldest core that can load what this code writes. */
  readonly leastCore: string;
  /** What texts mean to the encoder of the config, if there is one. */
  readonly meaning?: Meaning | null;
  /** The default model's file, which a company's model is compared and blended with. */
  readonly defaultModelPath: string;
}

/** A training that could not be done, for a reason that people can mend or wait for. */
export class TrainingError extends Error {
  readonly kind: "busy" | "invalid" | "conflict";
  constructor(kind: "busy" | "invalid" | "conflict", message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TrainingError";
    this.kind = kind;
  }
}

export interface Trainer {
  /**
   * Trains in a thread of its own; the model in force goes on serving, whatever becomes of it.
   * @throws TrainingError `busy` while another training of the company is under way here, `conflict` where another node was faster,
   *   `invalid` where the data set is not there or not whole
   */
  train(request: TrainRequest, signal?: AbortSignal): Promise<TrainResponse>;
}

export function createTrainer(parts: TrainerParts): Trainer {
  const busy = new Set<string>();
  return {
    async train(request, signal) {
      const { company } = request;
      if (busy.has(company)) {
        throw new TrainingError("busy", `a training of ${company} is under way: try again when it has ended`);
      }
      busy.add(company);
      try {
        return await trainOnce(parts, request, signal);
      } finally {
        busy.delete(company);
      }
    },
  };
}

async function trainOnce(
  parts: TrainerParts,
  { company, dataset, settings, reason }: TrainRequest,
  signal?: AbortSignal,
): Promise<TrainResponse> {
  const { registry, objects } = parts;
  if (!dataset.startsWith(`datasets/${company}/`))
    throw new TrainingError("invalid", `the data set ${dataset} is none of ${company}'s: export it again`);
  const heads = headsOf(settings);
  const { current } = await registry.state(company);
  const before = current === null ? null : await readCurrent(parts, company, current);
  const lessons = await readDataSet(objects, dataset);
  const result = await learnInThread(
    {
      ...{ company, ...heads, risk: settings.risk ?? {}, defaultModelPath: parts.defaultModelPath },
      dataset: lessons,
      encoded: await encode(parts.meaning ?? null, lessons, heads.labels, signal),
      before,
      goesOn: reason === "correction",
    },
    signal,
  );
  const counts = { lessons: result.lessons, leftOut: result.leftOut };
  if (!result.learnt) {
    return { outcome: "too-few", version: null, message: tooFew(result), ...counts };
  }
  signal?.throwIfAborted();
  // Before, since what comes of the new version may be that it is only kept, or refused.
  await registry.prune(company, keptVersions);
  const version = await registry.publish(company, {
    bytes: result.learnt.bytes,
    manifest: manifestOf(
      parts,
      heads.labels,
      result.learnt,
      { current, dataHash: dataset, reason },
      result.lessons,
    ),
  });
  const worse = result.learnt.heads.flatMap(({ head, before: old, answers }) => {
    const comparison = compare(old, answers);
    return comparison.high < 0 ? [`${head} ${inWords(comparison)}`] : [];
  });
  if (worse.length > 0) {
    const message = `version ${version} is worse than what is in force, which goes on serving: ${worse.join("; ")}`;
    return { outcome: "kept", version, message, ...counts };
  }
  await putInForce(parts, company, version, current);
  return { outcome: "promoted", version, message: promoted(version, result.learnt), ...counts };
}

async function putInForce(
  { registry }: TrainerParts,
  company: string,
  version: string,
  expect: string | null,
) {
  try {
    await registry.promote(company, version, { expect });
  } catch (error) {
    const isLate =
      error instanceof RegistryError && (error.kind === "conflict" || error.kind === "withdrawn");
    if (!isLate) throw error;
    throw new TrainingError(
      "conflict",
      `version ${version} of ${company} was not put in force: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/** A model that cannot be read is no reason not to train a better one. */
async function readCurrent({ registry }: TrainerParts, company: string, version: string) {
  try {
    return (await registry.read(company, version)).bytes;
  } catch (error) {
    if (error instanceof RegistryError && error.kind !== "missing" && error.kind !== "damaged") throw error;
    return null;
  }
}

async function readDataSet(objects: DataSets, key: string): Promise<Uint8Array> {
  try {
    return (await objects.get(key)).bytes;
  } catch (cause) {
    throw new TrainingError("invalid", `the data set ${key} cannot be read: export it again`, { cause });
  }
}

/** Some at a time, so that a large data set does not push out of memory what it has encoded itself. */
async function encode(
  meaning: Meaning | null,
  dataset: Uint8Array,
  labels: DescribedLabels,
  signal?: AbortSignal,
): Promise<EncodedTexts | null> {
  if (!meaning) return null;
  const vectors = new Map<string, Float32Array>();
  const texts = [...readLessonsOf(dataset), ...examplesOf(labels)].map(({ subject, text }) =>
    normalise(subject ?? null, text),
  );
  let unread = 0;
  for (let at = 0; at < texts.length; at += encodedAtOnce) {
    const some = texts.slice(at, at + encodedAtOnce);
    unread += await meaning.know(some, signal);
    const done = at + some.length;
    if (unread > mostUnread * done)
      throw new Error(
        `the text encoder could not read ${unread} of ${done} texts: look at its model and its provider`,
      );
    for (const [text, vector] of meaning.vectorsOf(some)) vectors.set(text, vector);
  }
  return { ...meaning.encoder, vectors };
}

function readLessonsOf(dataset: Uint8Array) {
  try {
    return readLessons(dataset);
  } catch (error) {
    if (error instanceof ModelError) throw new TrainingError("invalid", error.message, { cause: error });
    throw error;
  }
}

async function learnInThread(job: LearnJob, signal?: AbortSignal): Promise<LearnResult> {
  const file = new URL("./learn-worker.ts", import.meta.url);
  const result = await runInThread<LearnResult | { invalid: string }>(file, job, signal);
  if ("invalid" in result) throw new TrainingError("invalid", result.invalid);
  return result;
}
