/** Whether a node can do its work, and what stands in the way. */
import { Errors, type ServiceBroker } from "moleculer";
import type { Log } from "../../plugins/contract/connector.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import type { Instances } from "../hosting/instances.ts";
import { isRead, type PullStatus } from "../hosting/pull.ts";
import type { Queue } from "../queue/queue.ts";
import type { Database } from "../store/database.ts";
import { countOpen } from "../store/progress.ts";
import { countQuarantined } from "../store/quarantine.ts";
import type { HealthReport } from "./gateway/services.ts";

/** Milliseconds for one look at the database or another service. */
const timeoutMs = 2_000;
/** Counting costs the database something: the figures may be this old, in milliseconds. */
const countsMaxAgeMs = 5_000;

export interface HealthParts {
  db: Database;
  broker: ServiceBroker;
  queue: Queue;
  instances: Instances;
  log: Log;
}

/** What exactly is wrong goes to the log: /health is public, and errors name hosts and sockets. */
async function attempt(
  what: string,
  log: Log,
  look: () => Promise<object>,
): Promise<{ ok: boolean; detail?: string }> {
  try {
    return { ok: true, ...(await look()) };
  } catch (error) {
    log.warn(`${what} does not answer`, { error: describeError(error) });
    return { ok: false, detail: `${what} does not answer: see the log` };
  }
}

/** The sources that are read; none where no node does that. */
async function sourcesOf(broker: ServiceBroker): Promise<PullStatus[]> {
  try {
    return await broker.call<PullStatus[], object>("connectors.status", {}, { timeout: timeoutMs });
  } catch (error) {
    if (error instanceof Errors.ServiceNotFoundError || error instanceof Errors.ServiceNotAvailableError)
      return [];
    throw error;
  }
}

/** Credentials that were refused, and sources that are not read: a connection alone is no sign of health. */
async function connectorsCheck(instances: Instances, broker: ServiceBroker) {
  const states = instances.status().map(({ state }) => state);
  const paused = states.filter((state) => state === "paused").length;
  const sources = await sourcesOf(broker);
  const unread = sources.filter((source) => !isRead(source)).length;
  const details = [
    ...(paused > 0 ? ["connectors are paused since their credentials were refused"] : []),
    ...(unread > 0 ? ["sources of messages are not being read"] : []),
  ];
  return {
    ok: details.length === 0,
    configured: states.length,
    paused,
    sources: sources.length,
    unread,
    ...(details.length > 0 && { detail: `${details.join("; ")}: see the log` }),
  };
}

/** A report for /health: the database and the classifier decide; the rest is told. Names of companies are not. */
export function createHealth({
  db,
  broker,
  queue,
  instances,
  log,
}: HealthParts): () => Promise<HealthReport> {
  let counted: { at: number; counts: { messages: Record<string, number>; quarantined: number } } | undefined;
  const counts = async () => {
    if (!counted || Date.now() - counted.at > countsMaxAgeMs) {
      const [messages, quarantined] = await Promise.all([countOpen(db), countQuarantined(db)]);
      counted = { at: Date.now(), counts: { messages, quarantined } };
    }
    return counted.counts;
  };
  const look = async (): Promise<HealthReport> => {
    const [database, classifier, connectors] = await Promise.all([
      attempt("the database", log, async () => {
        await db.ping(timeoutMs);
        return counts();
      }),
      attempt("the classifier", log, () =>
        broker.call<object, object>("classifier.status", {}, { timeout: timeoutMs }),
      ),
      connectorsCheck(instances, broker),
    ]);
    return {
      ready: database.ok && classifier.ok,
      checks: {
        database,
        classifier,
        queue: { ok: true, ...queue.depth() },
        connectors,
      },
    };
  };
  let looking: Promise<HealthReport> | undefined;
  // Whoever asks while a look is under way shares it: /health needs no key, and must not become a load of its own.
  return () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}
