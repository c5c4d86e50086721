/** Pull: one node reads each source, page by page; a page and its cursor are committed together. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Log, Page } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError, isConnectorError } from "../../plugins/contract/errors.ts";
import { sleep, untilAborted } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";
import type { Intake } from "../pipeline/intake.ts";
import { loadCursor } from "../store/cursors.ts";
import type { Database } from "../store/database.ts";
import { withLease } from "../store/with-lease.ts";
import type { Instances } from "./instances.ts";

/** Milliseconds between two looks at which sources want reading. */
const lookEveryMs = 2_000;
/** What asks for a longer pause may speak of one ticket or file alone. */
const mostAskedMs = 5 * 60_000;
const retryBackoff = { firstMs: 1_000, maxMs: 5 * 60_000 };

/** A source that has not been read for this long is not read, whatever its connection says; milliseconds. */
const usualSilentMs = 10 * 60_000;

export interface PullStatus {
  company: string;
  instance: string;
  startedAt: Date;
  /** The last page that was committed: what health goes by. */
  lastReadAt: Date | null;
  failures: number;
  detail: string | null;
  /** Another node reads it: this one only waits for its turn, and knows nothing of how it goes. */
  standby: boolean;
}

export interface PullParts {
  directory: CompanyDirectory;
  instances: Instances;
  intake: Intake;
  db: Database;
  /** Milliseconds without a page after which a source is read anew (default: ten minutes). */
  silentMs?: number;
  /** This node's name, as the holder of leases. */
  node: string;
  log: Log;
}

export interface Pulls {
  status(): PullStatus[];
  stop(): Promise<void>;
}

/** False where the last attempt failed, or nothing at all was read for ten minutes. */
export function isRead({ startedAt, lastReadAt, failures }: PullStatus, now = Date.now()): boolean {
  // Between nodes a date travels as text.
  const last = new Date(lastReadAt ?? startedAt).getTime();
  return failures === 0 && now - last < usualSilentMs;
}

interface Reader {
  digest: string;
  abort: AbortController;
  done: Promise<void>;
  status: PullStatus;
}

/**
 * Goes through what `pages` yields until `signal` aborts. A connector that does not heed the signal is left behind: its
 * next page, if it ever comes, is dropped.
 */
export async function eachPage<Some>(
  pages: AsyncIterable<Some>,
  signal: AbortSignal,
  take: (page: Some) => Promise<unknown>,
): Promise<void> {
  const iterator = pages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await untilAborted(iterator.next(), signal);
      if (next.done) return;
      await take(next.value);
    }
  } finally {
    // Not awaited: a generator that hangs in a call comes to its end only after that.
    Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Reads one source until its signal aborts, the lease is lost, or the connector is closed. */
async function read(parts: PullParts, status: PullStatus, held: AbortSignal): Promise<void> {
  const { instances, intake, db, silentMs = usualSilentMs } = parts;
  const { company, instance } = status;
  const { spec, client, signal: open } = await untilAborted(instances.open(company, instance), held);
  if (!spec.pull) return;
  const told = AbortSignal.any([held, open]);
  // Whoever yields nothing at all, not even an empty page, hangs in a call that has no end.
  const silence = new AbortController();
  const minutes = Math.round(silentMs / 60_000);
  const reason = `nothing was read for ${minutes} minutes: the source is read anew`;
  const timer = setTimeout(() => silence.abort(new ConnectorError("transient", reason)), silentMs);
  const signal = AbortSignal.any([told, silence.signal]);
  const saved = await loadCursor(db, company, instance);
  const cursor = saved === null ? null : readCursor(spec.cursor?.safeParse(saved), saved);
  try {
    await eachPage<Page<unknown>>(spec.pull.pages(client, cursor, signal), signal, async (page) => {
      await intake.acceptPage({ company, connector: instance }, page);
      timer.refresh();
      Object.assign(status, { lastReadAt: new Date(), failures: 0, detail: null });
    });
  } catch (error) {
    // The end that it was told to come to is no failure of the source.
    if (!told.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  if (!told.aborted) Object.assign(status, { failures: 0, detail: null });
}

function readCursor(parsed: { success: boolean; data?: unknown } | undefined, saved: unknown): unknown {
  if (!parsed) return saved;
  if (parsed.success) return parsed.data;
  throw new ConnectorError("config", "the saved cursor does not fit this version of the connector");
}

async function keepReading(parts: PullParts, status: PullStatus, signal: AbortSignal): Promise<void> {
  const { company, instance } = status;
  while (!signal.aborted) {
    let waitMs = lookEveryMs;
    try {
      const held = await withLease(parts, `pull:${company}/${instance}`, signal, (lost) => {
        // What it knows of the source begins with the lease.
        if (status.standby)
          Object.assign(status, { standby: false, startedAt: new Date(), lastReadAt: null });
        return read(parts, status, lost);
      });
      if (!held) Object.assign(status, { standby: true, failures: 0, detail: null });
    } catch (error) {
      if (signal.aborted) return;
      status.failures++;
      status.detail = describeError(error);
      await parts.instances.report(company, instance, error);
      const asked = isConnectorError(error) ? Math.min(error.retryAfterMs ?? 0, mostAskedMs) : 0;
      waitMs = Math.max(backoff(status.failures, retryBackoff), asked);
      parts.log.warn("reading a source failed", {
        company,
        connector: instance,
        error: status.detail,
        retryInMs: waitMs,
      });
    }
    if (!(await waited(waitMs, signal))) return;
  }
}

/** @returns false where the signal aborted first */
async function waited(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/** Starts a reader for each connector that pulls, and follows changes of the config. */
export function startPulls(parts: PullParts): Pulls {
  const readers = new Map<string, Reader>();
  const stopReader = (key: string, reader: Reader) => {
    reader.abort.abort(new Error("the source is no longer read"));
    readers.delete(key);
    return reader.done;
  };
  const look = () => {
    for (const company of parts.directory.all()) {
      for (const [instance, { spec, digest }] of company.connectors) {
        const key = `${company.id}/${instance}`;
        const running = readers.get(key);
        if (!spec.pull || running?.digest === digest) continue;
        if (running) void stopReader(key, running);
        const abort = new AbortController();
        const status: PullStatus = {
          company: company.id,
          instance,
          startedAt: new Date(),
          lastReadAt: null,
          failures: 0,
          detail: null,
          standby: false,
        };
        readers.set(key, { digest, abort, status, done: keepReading(parts, status, abort.signal) });
      }
    }
    for (const [key, reader] of readers) {
      const { company, instance } = reader.status;
      if (!parts.directory.get(company)?.connectors.has(instance)) void stopReader(key, reader);
    }
  };
  look();
  const unsubscribe = parts.directory.onChange(look);
  return {
    status: () => [...readers.values()].map((reader) => reader.status),
    async stop() {
      unsubscribe();
      await Promise.all([...readers].map(([key, reader]) => stopReader(key, reader)));
    },
  };
}
