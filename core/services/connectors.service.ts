/** Connectors: deliveries into helpdesks, and the reading of sources. */
import type { Context, ServiceSchema } from "moleculer";
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { putDraft } from "../hosting/deliver.ts";
import { isRead, type PullParts, type PullStatus, type Pulls, startPulls } from "../hosting/pull.ts";

export type ConnectorsParts = PullParts;

/** A connector as the API shows it. */
export interface ConnectorEntry {
  name: string;
  plugin: string;
  state: "closed" | "open" | "paused";
  /** What is wrong, where something is. */
  detail: string | null;
  /** Null for a connector that is not read, since it is sent its messages. */
  source: { read: boolean; lastReadAt: string | null; failures: number } | null;
}

interface DeliverParams {
  company: string;
  instance: string;
  draft: OutgoingDraft;
}

/** The connectors of a company, and how they are. */
function list(
  { directory, instances }: ConnectorsParts,
  sources: PullStatus[],
  company: string,
): ConnectorEntry[] {
  const known = directory.get(company)?.connectors;
  return instances
    .status()
    .filter((status) => status.company === company)
    .map(({ instance, state, detail }) => {
      const source = sources.find((one) => one.company === company && one.instance === instance);
      return {
        name: instance,
        plugin: known?.get(instance)?.spec.name ?? instance,
        state,
        detail: detail ?? source?.detail ?? null,
        source: source
          ? {
              read: isRead(source),
              lastReadAt: source.lastReadAt?.toISOString() ?? null,
              failures: source.failures,
            }
          : null,
      };
    });
}

export function connectorsService(parts: ConnectorsParts): ServiceSchema {
  let pulls: Pulls | undefined;
  return {
    name: "connectors",
    actions: {
      deliver(ctx: Context<DeliverParams>) {
        const { company, instance, draft } = ctx.params;
        // Between nodes it travels as JSON, where a date is a string.
        const message = { ...draft.message, sentAt: new Date(draft.message.sentAt) };
        return putDraft(parts.instances, company, instance, { ...draft, message });
      },
      status: () => pulls?.status() ?? [],
      list: (ctx: Context<{ company: string }>) => list(parts, pulls?.status() ?? [], ctx.params.company),
    },
    async started() {
      pulls = startPulls(parts);
    },
    async stopped() {
      await pulls?.stop();
    },
  };
}
