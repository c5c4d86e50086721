/** deskwire replay --quarantine: what could not be read is read once more, or listed. */
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { type Reread, rereadQuarantine } from "../hosting/reread.ts";
import { isId } from "../lib/ids.ts";
import { onOneLine } from "../lib/log.ts";
import { listQuarantined, type QuarantineFilter, type StoredItem } from "../store/quarantine.ts";
import { onInterrupt } from "./interrupt.ts";
import { type OpenProject, openProject } from "./open-project.ts";

export interface QuarantineOptions {
  company: string | null;
  /** Only shows what there is. */
  list: boolean;
  /** Items by their ids; none means all. */
  ids: string[];
}

const pageSize = 500;

async function show({ db }: OpenProject, filter: QuarantineFilter): Promise<void> {
  let before: string | null = null;
  for (let shown = 0; ; ) {
    const items: StoredItem[] = await listQuarantined(db, filter, before, pageSize);
    for (const { id, company, connector, createdAt, externalId, reason } of items) {
      const line = [id, `${company}/${connector}`, createdAt.toISOString(), externalId, reason];
      process.stdout.write(`${line.map(onOneLine).join("  ")}\n`);
    }
    shown += items.length;
    before = items.at(-1)?.id ?? null;
    if (before !== null) continue;
    if (shown === 0) process.stdout.write("nothing is in quarantine\n");
    return;
  }
}

const told: Record<Exclude<Reread["result"], "failed">, string> = {
  taken: "taken in",
  kept: "still cannot be read",
  "no-raw": "without raw bytes to read",
  "no-reread": "of connectors that cannot read again",
};

async function reread(opened: OpenProject, filter: QuarantineFilter, signal: AbortSignal): Promise<number> {
  const counts: Record<Reread["result"], number> = {
    taken: 0,
    kept: 0,
    "no-raw": 0,
    "no-reread": 0,
    failed: 0,
  };
  await rereadQuarantine(opened, filter, signal, ({ id, company, connector, externalId }, one) => {
    counts[one.result]++;
    const name = onOneLine(`${id}  ${company}/${connector}  ${externalId}`);
    if ("reason" in one) process.stderr.write(`${name}: ${onOneLine(one.reason)}\n`);
  });
  const { failed, ...rest } = counts;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = Object.entries(told).flatMap(([result, words]) => {
    const count = rest[result as keyof typeof rest];
    return count > 0 || result === "taken" ? [`${count} ${words}`] : [];
  });
  if (failed > 0) parts.push(`${failed} not tried, see above`);
  process.stdout.write(`${all} ${all === 1 ? "item" : "items"}: ${parts.join(", ")}\n`);
  if (signal.aborted) process.stderr.write("stopped: the other items are as they were\n");
  return signal.aborted || failed > 0 ? 1 : 0;
}

/** @returns the exit code: 1 where it was stopped, or an item could not be tried */
export async function quarantine(
  project: string,
  { company, list, ids }: QuarantineOptions,
): Promise<number> {
  const wrong = ids.find((id) => !isId(id));
  if (wrong !== undefined)
    throw new ConnectorError("config", `"${wrong}" is not the id of an item: --quarantine --list shows them`);
  const filter = { company, connector: null, ids: ids.length > 0 ? ids : null };
  const interrupt = onInterrupt();
  let opened: OpenProject | undefined;
  try {
    opened = await openProject(project, "replay", interrupt.signal);
    if (!list) return await reread(opened, filter, interrupt.signal);
    await show(opened, filter);
    return 0;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.stderr.write("stopped\n");
    return 1;
  } finally {
    await opened?.close();
    interrupt.end();
  }
}
