/** Connectors: deliveries into helpdesks, and the reading of sources. */
import type { Context } from "moleculer";
import { putDraft } from "../hosting/deliver.ts";
import { createFence } from "../hosting/fence.ts";
import { type LedgerSchedule, startLedger } from "../hosting/ledger-schedule.ts";
import { type PullParts, type Pulls, startPulls } from "../hosting/pull.ts";
import type { Metrics } from "../lib/metrics.ts";
import { countOverdue, type LedgerRow, listRuns } from "../store/ledger.ts";
import type { DrainedService } from "./broker.ts";
import { mergeStates } from "./connector-states.ts";
import { createDeliveryDesk, type DeliveryOrder } from "./deliveries.ts";
import type { NodeStatus } from "./node.service.ts";
import type { Nodes } from "./nodes.ts";

/**
 * Milliseconds of silence after which deliveries end that others then take over: of NATS those that another node asked for,
 * before it asks elsewhere; of the database our own, before their claims run out.
 */
const silenceMs = { nats: 2_500, database: 4_500 };
/** Milliseconds for one sign of life of the database. */
const pingTimeoutMs = 1_000;
/** Milliseconds in which a node has to say how its connectors are. */
const statusTimeoutMs = 2_000;

export interface ConnectorsParts extends PullParts {
  metrics: Metrics;
  nodes: Nodes;
  /** Told once the sources are read. */
  onPulls(pulls: Pulls): void;
  /** How often sources are compared with what is stored (0 for never), and how far back. */
  ledger: { everyMinutes: number; windowHours: number };
}

/** The last comparison of a source with what is stored, as the API shows it. */
export interface LedgerEntry {
  attemptedAt: string;
  checkedAt: string | null;
  since: string | null;
  until: string | null;
  listed: number;
  known: number;
  passedOver: number;
  healed: number;
  stillMissing: number;
  error: string | null;
}

/** A connector as the API shows it. */
export interface ConnectorEntry {
  name: string;
  plugin: string;
  state: "closed" | "open" | "paused";
  /** What is wrong, where something is. */
  detail: string | null;
  /** Null for a connector that is not read, since it is sent its messages. */
  source: { read: boolean; lastReadAt: string | null; failures: number } | null;
  /** Null for a source that cannot be compared, or has not been yet. */
  ledger: LedgerEntry | null;
  /** Messages that have been open for longer than an hour. */
  overdue: number;
}

function showRun(run: LedgerRow): LedgerEntry {
  const { company: _, connector: __, ...figures } = run;
  return {
    ...figures,
    attemptedAt: run.attemptedAt.toISOString(),
    checkedAt: run.checkedAt?.toISOString() ?? null,
    since: run.since?.toISOString() ?? null,
    until: run.until?.toISOString() ?? null,
  };
}

/** The connectors of a company, and how they are on all nodes. */
async function list({ directory, nodes, db }: ConnectorsParts, company: string): Promise<ConnectorEntry[]> {
  const [runs, overdue, answers] = await Promise.all([
    listRuns(db, company),
    countOverdue(db, company),
    nodes.ask<NodeStatus>("node.status", { company }, statusTimeoutMs),
  ]);
  const known = directory.get(company)?.connectors;
  return mergeStates(answers.flatMap(({ answer }) => answer ?? [])).map(
    ({ instance, state, detail, source }) => {
      const run = runs.find(({ connector }) => connector === instance);
      return {
        name: instance,
        plugin: known?.get(instance)?.spec.name ?? instance,
        state,
        detail: detail ?? source?.detail ?? null,
        source: source && {
          read: source.read,
          lastReadAt: source.lastReadAt?.toISOString() ?? null,
          failures: source.failures,
        },
        ledger: run ? showRun(run) : null,
        overdue: overdue.find(({ connector }) => connector === instance)?.count ?? 0,
      };
    },
  );
}

export function connectorsService(parts: ConnectorsParts): DrainedService {
  let pulls: Pulls | undefined;
  let ledger: LedgerSchedule | undefined;
  const { instances, nodes, db } = parts;
  const fences = {
    own: createFence({
      what: "the database",
      ask: () => db.ping(pingTimeoutMs),
      patienceMs: silenceMs.database,
    }),
    others: createFence({ what: "NATS", ask: () => nodes.link.hear(), patienceMs: silenceMs.nats }),
  };
  /** A hub of one node has none that could take over. */
  const fenceFor = (caller: string | null) => {
    if (!nodes.link.used) return undefined;
    return caller === nodes.here ? fences.own : fences.others;
  };
  const desk = createDeliveryDesk(({ company, instance, draft }, caller) => {
    // Between nodes it travels as JSON, where a date is a string.
    const message = { ...draft.message, sentAt: new Date(draft.message.sentAt) };
    return putDraft(instances, company, instance, { ...draft, message }, fenceFor(caller));
  });
  return {
    name: "connectors",
    actions: {
      deliver: (ctx: Context<DeliveryOrder>) => desk.one(ctx.params, ctx.nodeID),
      deliverAll: (ctx: Context<{ orders: DeliveryOrder[] }>) => desk.all(ctx.params.orders, ctx.nodeID),
      list: (ctx: Context<{ company: string }>) => list(parts, ctx.params.company),
    },
    async started() {
      pulls = startPulls(parts);
      parts.onPulls(pulls);
      const { everyMinutes, windowHours } = parts.ledger;
      const [everyMs, windowMs] = [everyMinutes * 60_000, windowHours * 3_600_000];
      ledger = startLedger({ ...parts, everyMs, windowMs });
    },
    async drain() {
      await Promise.all([pulls?.stop(), ledger?.stop()]);
    },
  };
}
