/** What a node tells the others: how its connectors are, which config it has, and which companies there are. */
import type { Context, ServiceBroker, ServiceSchema } from "moleculer";
import type { CompanyDirectory } from "../../config/directory.ts";
import { type CompaniesInConfig, companiesEvent } from "../../ml-service/classify-schema.ts";
import type { ConnectorStatus, Instances } from "../hosting/instances.ts";
import type { PullStatus } from "../hosting/pull.ts";
import type { BreakerKind } from "../lib/breakers.ts";

/** A connector as one node has it. */
export interface NodeConnector extends ConnectorStatus {
  /** Whether deliveries wait on this node for the system behind it. */
  leftAlone: boolean;
}

export interface NodeStatus {
  connectors: NodeConnector[];
  /** The sources that it reads, or stands by to read. */
  sources: PullStatus[];
  /** Systems in trouble that it leaves alone for now. */
  leftAlone: Record<BreakerKind, number>;
}

export interface NodeParts {
  directory: CompanyDirectory;
  instances: Instances;
  /** None on a node that reads no sources. */
  sources(): PullStatus[];
}

export function nodeService({ directory, instances, sources }: NodeParts): ServiceSchema {
  const { breakers } = instances;
  let unsubscribe: (() => void) | undefined;
  /** Nodes that only classify know no companies: they are told whose alarms and models are of no more use. */
  const tellCompanies = (broker: ServiceBroker) => {
    const companies = directory.all().map(({ id }) => id);
    void broker.broadcast(companiesEvent, { companies } satisfies CompaniesInConfig);
  };
  return {
    name: "node",
    started(this: { broker: ServiceBroker }) {
      tellCompanies(this.broker);
      unsubscribe = directory.onChange((_, company) => {
        if (company === null) tellCompanies(this.broker);
      });
    },
    stopped: () => unsubscribe?.(),
    events: {
      // It may have gone on while this node was away, or was started with another config.
      "$node.connected": (ctx: Context) => tellCompanies(ctx.broker),
    },
    actions: {
      status({ params: { company } }: Context<{ company?: string }>): NodeStatus {
        const isAsked = (one: { company: string }) => company === undefined || one.company === company;
        return {
          connectors: instances
            .status()
            .filter(isAsked)
            .map((one) => ({
              ...one,
              leftAlone: breakers.state("connector", `${one.company}/${one.instance}`) !== "closed",
            })),
          sources: sources().filter(isAsked),
          leftAlone: breakers.open(),
        };
      },
      config: (): Record<string, string> =>
        Object.fromEntries(directory.all().map(({ id, sharedDigest }) => [id, sharedDigest])),
    },
  };
}
