/** Items of the quarantine, read once more from the raw bytes that were kept. */
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import type { ConnectorEvent } from "../../plugins/contract/events.ts";
import { BlobError, type Blobs } from "../blobs/blobs.ts";
import { untilAborted } from "../lib/abort.ts";
import { storable } from "../lib/text.ts";
import type { Intake } from "../pipeline/intake.ts";
import { readEvent } from "../pipeline/read-event.ts";
import { audit } from "../store/audit.ts";
import { type Database, isDataError } from "../store/database.ts";
import {
  deleteQuarantined,
  explainQuarantined,
  listQuarantined,
  type QuarantineFilter,
  type StoredItem,
} from "../store/quarantine.ts";
import { historyMs, importedSkip } from "./backfill.ts";
import type { Instances } from "./instances.ts";

/** The longest time for one item, in milliseconds. */
const readingMs = 60_000;
const pageSize = 100;

export interface RereadParts {
  db: Database;
  blobs: Blobs;
  instances: Instances;
  intake: Intake;
}

/** What became of one item. `kept`: it still cannot be read; `failed`: it could not even be tried. */
export type Reread =
  | { result: "taken" }
  | { result: "kept" | "failed"; reason: string }
  | { result: "no-raw" | "no-reread" };

async function readRaw({ blobs }: RereadParts, blob: string): Promise<Uint8Array | null> {
  try {
    return await blobs.get(blob);
  } catch (error) {
    if (error instanceof BlobError && error.kind === "missing") return null;
    throw error;
  }
}

/** The events of an item, or why there are none that could be taken. */
function judge(outputs: unknown[]): { events: ConnectorEvent[] } | { reason: string } {
  if (outputs.length === 0) return { reason: "it was read, and the connector found nothing to take in" };
  const events = outputs.map(readEvent);
  const rejected = events.find((event) => event.kind === "rejected");
  return rejected ? { reason: rejected.reason } : { events };
}

function withoutOldDrafts(events: ConnectorEvent[], { createdAt }: StoredItem): ConnectorEvent[] {
  return events.map((event) => {
    if (event.kind !== "message" || event.skip !== undefined || !event.sentAt) return event;
    const wasHistory = createdAt.getTime() - event.sentAt.getTime() > historyMs;
    return wasHistory ? { ...event, skip: importedSkip } : event;
  });
}

async function take({ intake }: RereadParts, item: StoredItem, events: ConnectorEvent[]): Promise<void> {
  const { id, company, connector, externalId } = item;
  await intake.acceptWhole({ company, connector }, withoutOldDrafts(events, item), async (runner) => {
    if (!(await deleteQuarantined(runner, id))) return;
    const detail = { connector, externalId, events: events.map(({ kind }) => kind) };
    await audit(runner, [{ company, actor: "operator", action: "quarantine.replayed", subject: id, detail }]);
  });
}

async function rereadItem(parts: RereadParts, item: StoredItem, signal: AbortSignal): Promise<Reread> {
  const { db, instances } = parts;
  const { company, connector, id, blob } = item;
  if (blob === null) return { result: "no-raw" };
  const { spec, client, signal: open } = await untilAborted(instances.open(company, connector), signal);
  if (!spec.pull?.reread) return { result: "no-reread" };
  const raw = await readRaw(parts, blob);
  if (!raw) return { result: "no-raw" };
  const late = new ConnectorError("transient", `reading it took longer than ${readingMs / 1_000} s`);
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(late), readingMs);
  const keep = async (reason: string): Promise<Reread> => {
    await explainQuarantined(db, id, storable(reason, 2_000));
    return { result: "kept", reason };
  };
  try {
    const ending = AbortSignal.any([signal, open, giveUp.signal]);
    const judged = judge(await untilAborted(spec.pull.reread(client, raw, ending), ending));
    if ("reason" in judged) return await keep(judged.reason);
    await take(parts, item, judged.events);
    return { result: "taken" };
  } catch (error) {
    if (isDataError(error)) return await keep(`the database refused it: ${(error as Error).message}`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads the items that fit the filter, the newest first, each once. What can be read now is taken in and leaves the
 * quarantine in one transaction; what cannot be stays, with its reason of today. Ends early where `signal` aborts.
 * @param tell called with each item's result
 */
export async function rereadQuarantine(
  parts: RereadParts,
  filter: QuarantineFilter,
  signal: AbortSignal,
  tell: (item: StoredItem, reread: Reread) => void,
): Promise<void> {
  let before: string | null = null;
  for (;;) {
    const items: StoredItem[] = await listQuarantined(parts.db, filter, before, pageSize);
    for (const item of items) {
      if (signal.aborted) return;
      try {
        tell(item, await rereadItem(parts, item, signal));
      } catch (error) {
        // One item, or one connector that does not open, must not keep the others waiting. The database must.
        if (signal.aborted) return;
        tell(item, { result: "failed", reason: describeError(error) });
      }
    }
    before = items.at(-1)?.id ?? null;
    if (before === null) return;
  }
}
