/** Makes models of what labels are said to be while messages wait for them: of few labels at once, of many in a thread. */
import type { Model } from "../model.ts";
import { shippedVectors } from "../word-vectors.ts";
import { type DescribedLabels, examplesOf } from "./descriptions.ts";
import { learnFromDescriptions } from "./learn.ts";
import { runInThread } from "./run-in-thread.ts";

/** A text takes as long as so many letters, however short it is. */
const lettersOfText = 20;
/** Up to so many letters take less than 0.1 s, which is less than a thread needs to start; 400 labels may take 8 s. */
const quickLetters = 3_500;

export interface DescribeJob {
  readonly company: string;
  readonly labels: DescribedLabels;
}

export type Describe = (job: DescribeJob) => Promise<Model>;

/**
 * One thread at a time: after a start many companies may ask at once.
 * @param signal ends the thread that is at work, and those that wait for it do not begin; all of them throw its reason
 */
export function createDescriber(signal?: AbortSignal): Describe {
  let last: Promise<unknown> = Promise.resolve();
  return async (job) => {
    const letters = examplesOf(job.labels).reduce((sum, { text }) => sum + lettersOfText + text.length, 0);
    if (letters <= quickLetters) return learnFromDescriptions(job.company, job.labels, shippedVectors());
    const made = last.then(() =>
      runInThread<Model>(new URL("./describe-worker.ts", import.meta.url), job, signal),
    );
    // The next one does not fail with this one.
    last = made.catch(() => undefined);
    return made;
  };
}
