/** deskwire backfill: old messages of a source, or of a file, into the history. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { type BackfillFigures, noFigures, backfill as readBack } from "../hosting/backfill.ts";
import { onInterrupt } from "./interrupt.ts";
import { type OpenProject, openProject } from "./open-project.ts";
import { findTarget } from "./target.ts";

/** Milliseconds between two lines that tell how far it is. */
const tellEveryMs = 3_000;
const dayMs = 86_400_000;

export interface BackfillArguments {
  /** COMPANY/CONNECTOR */
  target: string | undefined;
  since: string | undefined;
  from: string | undefined;
  /** Old messages get drafts. */
  draft: boolean;
}

const date = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

/** @throws ConnectorError of kind `config` where it is neither a date nor a number of days or weeks */
export function parseSince(text: string, now = Date.now()): Date {
  const [, count, unit] = /^(\d{1,5})([dw])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(now - Number(count) * (unit === "w" ? 7 : 1) * dayMs);
  if (!date.safeParse(text).success)
    throw new ConnectorError("config", `--since ${text}: expected a date such as 2026-10-01, or 30d, or 12w`);
  if (Date.parse(text) > now)
    throw new ConnectorError("config", `--since ${text}: this time is still to come`);
  return new Date(text);
}

async function existing(from: string): Promise<string> {
  const path = resolve(from);
  try {
    await stat(path);
    return path;
  } catch (error) {
    throw new ConnectorError(
      "config",
      `--from ${from}: there is no such file or folder, or it may not be read`,
      {
        cause: error,
      },
    );
  }
}

const counted = (count: number, one: string, many: string) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function summary({ messages, replies, stored, quarantined, left }: BackfillFigures): string {
  const read = `${counted(messages, "message", "messages")} and ${counted(replies, "reply", "replies")} read`;
  const rest = `${stored.toLocaleString("en")} new, ${quarantined.toLocaleString("en")} in quarantine`;
  const newer = left > 0 ? `; ${left.toLocaleString("en")} so new that they are left to the hub` : "";
  return `${read}, ${rest}${newer}`;
}

/** Runs it with a line every few seconds. @returns the exit code */
async function run(
  opened: OpenProject,
  { target, draft }: { target: string; draft: boolean },
  request: { since: Date | null; path: string | null },
  signal: AbortSignal,
): Promise<number> {
  const figures = noFigures();
  const telling = setInterval(() => process.stderr.write(`${summary(figures)} …\n`), tellEveryMs);
  try {
    const { db, instances, intake } = opened;
    const parts = { db, instances, intake, log: opened.logFor("backfill") };
    const { company, connector } = findTarget(opened.directory.all(), target);
    const source = { company: company.id, connector: connector.instance };
    await readBack(parts, { ...source, ...request, drafts: draft, signal, figures });
    process.stdout.write(`${summary(figures)}\n`);
    return 0;
  } catch (error) {
    if (!signal.aborted && figures.messages + figures.replies === 0) throw error;
    process.stdout.write(`${summary(figures)}\n`);
    const again = "what was read so far is stored, run it again to go on";
    if (!signal.aborted) throw new ConnectorError("transient", `it broke off (${again})`, { cause: error });
    process.stderr.write(`stopped: ${again}\n`);
    return 1;
  } finally {
    clearInterval(telling);
  }
}

/** @returns the exit code: 1 where it was stopped */
export async function backfill(project: string, options: BackfillArguments): Promise<number> {
  const { target, since, from, draft } = options;
  if (target === undefined) throw new ConnectorError("config", "say which: COMPANY/CONNECTOR");
  if (since === undefined && from === undefined)
    throw new ConnectorError("config", "say what to read: --since DATE (or 30d), or --from a file or folder");
  const request = {
    since: since === undefined ? null : parseSince(since),
    path: from === undefined ? null : await existing(from),
  };
  const interrupt = onInterrupt();
  let opened: OpenProject | undefined;
  try {
    opened = await openProject(project, "backfill", interrupt.signal);
    return await run(opened, { target, draft }, request, interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write("stopped\n");
    return 1;
  } finally {
    await opened?.close();
    interrupt.end();
  }
}
