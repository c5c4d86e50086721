/** Connectors: deliveries into helpdesks, and the reading of sources. */
import type { Context, ServiceSchema } from "moleculer";
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { putDraft } from "../hosting/deliver.ts";
import type { Instances } from "../hosting/instances.ts";
import { type LedgerSchedule, startLedger } from "../hosting/ledger-schedule.ts";
import { isRead, type PullParts, type PullStatus, type Pulls, startPulls } from "../hosting/pull.ts";
import type { Metrics } from "../lib/metrics.ts";
import { countOverdue, type LedgerRow, listRuns } from "../store/ledger.ts";

export interface ConnectorsParts extends PullParts {
  metrics: Metrics;
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

interface DeliverParams {
  /** `company/instance`. */
  account: string;
  company: string;
  instance: string;
  draft: OutgoingDraft;
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

/** Whether deliveries wait on this node for the system behind a connector. */
function troubleOf({ breakers }: Instances, company: string, instance: string): string | null {
  const left = breakers.state("connector", `${company}/${instance}`) !== "closed";
  return left ? "the system behind it does not take drafts at present: they wait" : null;
}

/** The connectors of a company, and how they are. */
async function list(
  { directory, instances, db }: ConnectorsParts,
  sources: PullStatus[],
  company: string,
): Promise<ConnectorEntry[]> {
  const [runs, overdue] = await Promise.all([listRuns(db, company), countOverdue(db, company)]);
  const known = directory.get(company)?.connectors;
  return instances
    .status()
    .filter((status) => status.company === company)
    .map(({ instance, state, detail }) => {
      const source = sources.find((one) => one.company === company && one.instance === instance);
      const run = runs.find(({ connector }) => connector === instance);
      return {
        name: instance,
        plugin: known?.get(instance)?.spec.name ?? instance,
        state,
        detail: detail ?? source?.detail ?? troubleOf(instances, company, instance),
        source: source
          ? {
              read: isRead(source),
              lastReadAt: source.lastReadAt?.toISOString() ?? null,
              failures: source.failures,
            }
          : null,
        ledger: run ? showRun(run) : null,
        overdue: overdue.find(({ connector }) => connector === instance)?.count ?? 0,
      };
    });
}

export function connectorsService(parts: ConnectorsParts): ServiceSchema {
  let pulls: Pulls | undefined;
  let ledger: LedgerSchedule | undefined;
  return {
    name: "connectors",
    actions: {
      deliver: {
        // One node delivers for an account while the nodes stay the same: what it knows of limits and of attempts under
        // way holds for all.
        strategy: "Shard",
        strategyOptions: { shardKey: "account" },
        handler(ctx: Context<DeliverParams>) {
          const { company, instance, draft } = ctx.params;
          // Between nodes it travels as JSON, where a date is a string.
          const message = { ...draft.message, sentAt: new Date(draft.message.sentAt) };
          return putDraft(parts.instances, company, instance, { ...draft, message });
        },
      },
      status: () => pulls?.status() ?? [],
      list: (ctx: Context<{ company: string }>) => list(parts, pulls?.status() ?? [], ctx.params.company),
    },
    async started() {
      pulls = startPulls(parts);
      const { everyMinutes, windowHours } = parts.ledger;
      const [everyMs, windowMs] = [everyMinutes * 60_000, windowHours * 3_600_000];
      ledger = startLedger({ ...parts, everyMs, windowMs });
    },
    async stopped() {
      await Promise.all([pulls?.stop(), ledger?.stop()]);
    },
  };
}
