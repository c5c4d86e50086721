/** deskwire ledger: what each source holds is compared with what is stored, now, and what had been missed is fetched. */
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { compareSource, type LedgerRun } from "../hosting/ledger.ts";
import { leaseOf } from "../hosting/ledger-schedule.ts";
import { newId } from "../lib/ids.ts";
import { noMetrics } from "../lib/metrics.ts";
import type { Source } from "../pipeline/source.ts";
import { withLease } from "../store/with-lease.ts";
import { onInterrupt } from "./interrupt.ts";
import { type OpenProject, openProject } from "./open-project.ts";

/** Milliseconds between two looks at whether a hub beside is just bringing what seems to be missing. */
const settleMs = 3_000;

/** The sources that are meant. What cannot be meant is told, with what there is. */
function findSources({ directory }: OpenProject, target: string | undefined): Source[] {
  const all = directory
    .all()
    .flatMap(({ id: company, connectors }) =>
      [...connectors.values()]
        .filter(({ spec }) => spec.pull?.list)
        .map(({ instance: connector }) => ({ company, connector })),
    );
  if (target === undefined) return all;
  const found = all.filter(({ company, connector }) => [company, `${company}/${connector}`].includes(target));
  if (found.length > 0) return found;
  const there = all.map(({ company, connector }) => `${company}/${connector}`).join(", ") || "none";
  throw new ConnectorError(
    "config",
    `${target} cannot be compared with what is stored. Say COMPANY or COMPANY/CONNECTOR; those that can be: ${there}`,
  );
}

const minute = (at: Date) => at.toISOString().slice(0, 16).replace("T", " ");

function summary(run: LedgerRun): string {
  const { since, until, listed, known, passedOver, healed, stillMissing, error } = run;
  const figures = [
    `${known} known`,
    ...(passedOver > 0 ? [`${passedOver} of no ticket`] : []),
    `${healed} missed and fetched now`,
    `${stillMissing} still missing`,
  ];
  const failed = error === null ? "" : ` (${error})`;
  return `${listed} listed from ${minute(since)} to ${minute(until)} UTC: ${figures.join(", ")}${failed}`;
}

/** @returns whether all that the source holds is stored now */
async function compareOne(
  opened: OpenProject,
  source: Source,
  windowMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { db, instances, intake, logFor } = opened;
  const tell = (text: string) =>
    process.stdout.write(`${source.company}/${source.connector}: ${text.replaceAll("\n", " ")}\n`);
  const log = logFor("ledger");
  let whole = false;
  try {
    const took = await withLease({ db, log, node: newId() }, leaseOf(source), signal, async (held) => {
      const parts = { db, instances, intake, metrics: noMetrics, log, settleMs };
      const run = await compareSource(parts, source, windowMs, held);
      whole = run === null || run.stillMissing === 0;
      tell(run ? summary(run) : "it has not been read for ten minutes yet, so there is nothing to compare");
    });
    if (!took) tell("it is being compared at this moment, by the hub or another command: try again");
  } catch (error) {
    signal.throwIfAborted();
    tell(`FAILED: ${describeError(error)}`);
  }
  return whole;
}

/** @returns the exit code: 1 where it was stopped, a source could not be compared, or something is still missing */
export async function ledger(project: string, target: string | undefined): Promise<number> {
  const interrupt = onInterrupt();
  let opened: OpenProject | undefined;
  try {
    opened = await openProject(project, "ledger", interrupt.signal);
    const sources = findSources(opened, target);
    if (sources.length === 0) process.stdout.write("no connector of this project can list what it holds\n");
    let whole = true;
    for (const source of sources)
      whole = (await compareOne(opened, source, opened.ledgerWindowMs, interrupt.signal)) && whole;
    return whole ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write("stopped: what was fetched so far is stored\n");
    return 1;
  } finally {
    await opened?.close();
    interrupt.end();
  }
}
