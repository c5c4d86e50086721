/** deskwire train: a company's classifier learns from its agents' corrections at once. */

import type { TrainResponse } from "../../ml-service/train-schema.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { teach } from "../learning/teach.ts";
import { leaseOf } from "../learning/teacher.ts";
import { newId } from "../lib/ids.ts";
import { onOneLine } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { openObjects, openTrainer } from "../parts/classifier.ts";
import { withLease } from "../store/with-lease.ts";
import { onInterrupt } from "./interrupt.ts";
import { type OpenProject, openProject } from "./open-project.ts";
import { findCompany } from "./target.ts";

export interface TrainOptions {
  company: string | undefined;
  /** Learns all anew, in place of learning on from the model in force. */
  full: boolean;
}

const outcomes: Record<TrainResponse["outcome"], string> = {
  promoted: "a new model is in force",
  kept: "the model in force stays, since the new one is worse",
  "too-few": "nothing was learnt",
};

function inWords({ outcome, version, message, lessons, leftOut }: TrainResponse): string {
  const named = version === null ? "" : ` (${version})`;
  const left = leftOut > 0 ? `, ${leftOut} left out since their labels are not in the config` : "";
  return `${outcomes[outcome]}${named}: ${message}; ${lessons} lessons${left}`;
}

interface Told {
  text: string;
  code: 0 | 1;
}

async function trainOne(
  { db, directory, config, logFor }: OpenProject,
  { company: id, full }: TrainOptions,
  open: typeof openTrainer,
  signal: AbortSignal,
): Promise<Told> {
  const company = findCompany(directory.all(), id);
  const train = await open(config);
  const log = logFor("learning");
  const { mostLessons } = config.hub.classifier;
  const parts = { db, objects: openObjects(config.stateDir), mostLessons, train, log, metrics: noMetrics };
  const teaching = { company, reason: full ? "manual" : "correction", actor: "operator" } as const;
  let told: Told = { text: "it is being trained for at this moment: try again", code: 1 };
  await withLease({ db, log, node: newId() }, leaseOf(company.id), signal, async (held) => {
    try {
      told = { text: inWords(await teach(parts, teaching, held)), code: 0 };
    } catch (error) {
      held.throwIfAborted();
      told = { text: `FAILED: ${describeError(error)}`, code: 1 };
    }
  });
  return told;
}

/**
 * Works beside a running hub, and without one.
 * @returns the exit code: 1 where the training failed, was stopped, or another one goes on
 * @throws ConnectorError of kind `config` where there is no such company; ConfigError with all mistakes
 */
export async function train(
  project: string,
  options: TrainOptions,
  open = openTrainer,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<number> {
  const interrupt = onInterrupt();
  let opened: OpenProject | undefined;
  try {
    opened = await openProject(project, "train", interrupt.signal);
    const { text, code } = await trainOne(opened, options, open, interrupt.signal);
    write(`${options.company}: ${onOneLine(text)}\n`);
    return code;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write("stopped: what was to be learnt is left for the next training\n");
    return 1;
  } finally {
    await opened?.close();
    interrupt.end();
  }
}
