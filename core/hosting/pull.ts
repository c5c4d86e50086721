/** Pull: one node reads each source, page by page; a page and its cursor are committed together. */
import type { CompanyDirectory } from "../../config/directory.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../plugins/contract/errors.ts";
import { backoff } from "../lib/backoff.ts";
import { newId } from "../lib/ids.ts";
import type { Intake } from "../pipeline/intake.ts";
import { loadCursor } from "../store/cursors.ts";
import type { Database } from "../store/database.ts";
import { giveBackLease, takeLease } from "../store/leases.ts";
import type { Instances } from "./instances.ts";

/** Milliseconds that a lease holds without being extended: how long a source waits after its node has died. */
const leaseMs = 15_000;
/** Milliseconds between two looks at which sources want reading. */
const lookEveryMs = 2_000;
const retryBackoff = { firstMs: 1_000, maxMs: 5 * 60_000 };

export interface PullStatus {
  company: string;
  instance: string;
  /** The last page that was committed: what health goes by. */
  lastReadAt: Date | null;
  failures: number;
  detail: string | null;
}

export interface PullParts {
  directory: CompanyDirectory;
  instances: Instances;
  intake: Intake;
  db: Database;
  /** This node's name, as the holder of leases. */
  node: string;
  log: Log;
}

export interface Pulls {
  status(): PullStatus[];
  stop(): Promise<void>;
}

interface Reader {
  digest: string;
  abort: AbortController;
  done: Promise<void>;
  status: PullStatus;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Reads one source until its signal aborts or the lease is lost. */
async function read(parts: PullParts, status: PullStatus, signal: AbortSignal): Promise<void> {
  const { instances, intake, db } = parts;
  const { company, instance } = status;
  const { spec, client } = await instances.open(company, instance);
  if (!spec.pull) return;
  const saved = await loadCursor(db, company, instance);
  const cursor = saved === null ? null : readCursor(spec.cursor?.safeParse(saved), saved);
  for await (const page of spec.pull.pages(client, cursor, signal)) {
    if (signal.aborted) return;
    await intake.acceptPage({ company, connector: instance }, page);
    Object.assign(status, { lastReadAt: new Date(), failures: 0, detail: null });
  }
}

function readCursor(parsed: { success: boolean; data?: unknown } | undefined, saved: unknown): unknown {
  if (!parsed) return saved;
  if (parsed.success) return parsed.data;
  throw new ConnectorError("config", "the saved cursor does not fit this version of the connector");
}

/** Holds the lease while `work` goes on; aborts it when the lease is lost. */
async function withLease(
  parts: PullParts,
  name: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
) {
  const { db, log } = parts;
  // Each reader is a holder of its own: one that ends must not give back the lease of the one that follows it.
  const holder = `${parts.node}/${newId()}`;
  if (!(await takeLease(db, name, holder, leaseMs))) return false;
  const lost = new AbortController();
  let heldAt = performance.now();
  const timer = setInterval(async () => {
    try {
      if (await takeLease(db, name, holder, leaseMs)) heldAt = performance.now();
      else lost.abort(new Error("the lease went to another node"));
    } catch (error) {
      log.warn("a lease could not be extended", { lease: name, error: describeError(error) });
      if (performance.now() - heldAt > leaseMs) lost.abort(new Error("the lease has run out"));
    }
  }, leaseMs / 3);
  try {
    await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    clearInterval(timer);
    await giveBackLease(db, name, holder);
  }
  return true;
}

async function keepReading(parts: PullParts, status: PullStatus, signal: AbortSignal): Promise<void> {
  const { company, instance } = status;
  while (!signal.aborted) {
    let waitMs = lookEveryMs;
    try {
      await withLease(parts, `pull:${company}/${instance}`, signal, (held) => read(parts, status, held));
    } catch (error) {
      if (signal.aborted) return;
      status.failures++;
      status.detail = describeError(error);
      await parts.instances.report(company, instance, error);
      const asked = error instanceof ConnectorError ? (error.retryAfterMs ?? 0) : 0;
      waitMs = Math.max(backoff(status.failures, retryBackoff), asked);
      parts.log.warn("reading a source failed", {
        company,
        connector: instance,
        error: status.detail,
        retryInMs: waitMs,
      });
    }
    await sleep(waitMs, signal);
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
          lastReadAt: null,
          failures: 0,
          detail: null,
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
