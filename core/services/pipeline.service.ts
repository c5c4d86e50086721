/** The pipeline as a service: it classifies and delivers through the broker, wherever those services run. */
import type { ServiceBroker } from "moleculer";
import type { CompanyDirectory } from "../../config/directory.ts";
import type { ClassifierSettings, ClassifyItem, ClassifyResponse } from "../../ml-service/classify-schema.ts";
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import { type DeliveryResult, unwrap } from "../hosting/deliver.ts";
import {
  type Pipeline,
  type PipelineOptions,
  type PipelineParts,
  startPipeline,
} from "../pipeline/pipeline.ts";
import type { DrainedService } from "./broker.ts";
import { callService } from "./call-service.ts";
import { createDeliveryOrders } from "./deliveries.ts";
import type { Nodes } from "./nodes.ts";

/** Milliseconds for one batch at the classifier. */
const classifyTimeoutMs = 30_000;
/** Milliseconds for one delivery: above the connector's own limit, so that its error is the one that is seen. */
const deliverTimeoutMs = 90_000;
/**
 * Milliseconds until a delivery is tried again whose node was lost, perhaps in the middle of it: by then that node has ended
 * it, if it lives (`silenceMs` in connectors.service.ts).
 */
const handoverMs = 3_500;
/** Milliseconds that a stop waits for what is under way. */
const drainMs = 7_000;

export interface PipelineServiceParts extends Omit<PipelineParts, "classify" | "put"> {
  options: PipelineOptions;
  nodes: Nodes;
}

/** What the companies of some items say of their classification, as it is in force now. */
function settingsOf(items: readonly ClassifyItem[], directory: CompanyDirectory) {
  const settings: Record<string, ClassifierSettings> = {};
  for (const { company } of items) {
    const own = directory.get(company)?.classifier;
    if (own) settings[company] = own;
  }
  return settings;
}

export function pipelineService({ options, nodes, ...parts }: PipelineServiceParts): DrainedService {
  let pipeline: Pipeline | undefined;
  return {
    name: "pipeline",
    async started() {
      const { broker } = this as unknown as { broker: ServiceBroker };
      const classify = (items: ClassifyItem[]) => {
        const params = { items, settings: settingsOf(items, parts.directory) };
        return callService<ClassifyResponse>(broker, "classifier.classify", params, {
          timeout: classifyTimeoutMs,
        });
      };
      const deliver = <T>(action: string, params: object, nodeID?: string) => {
        const to = { timeout: deliverTimeoutMs, ...(nodeID !== undefined && { nodeID }) };
        return callService<T>(broker, action, params, to, handoverMs);
      };
      const order = createDeliveryOrders({
        all: (nodeID, orders) => deliver("connectors.deliverAll", { orders }, nodeID),
        one: (nodeID, order) => deliver("connectors.deliver", order, nodeID),
      });
      const put = async (company: string, instance: string, draft: OutgoingDraft): Promise<Delivered> => {
        // One node delivers for an account while the nodes stay the same: what it knows of limits and of deliveries under
        // way holds for all.
        const nodeID = nodes.ownerOf("connectors.deliver", `${company}/${instance}`);
        const isElsewhere = nodeID !== undefined && nodeID !== nodes.here;
        const params = { company, instance, draft };
        return unwrap(
          isElsewhere
            ? await order(nodeID, params)
            : await deliver<DeliveryResult>("connectors.deliver", params, nodeID),
        );
      };
      pipeline = startPipeline({ ...parts, classify, put }, options);
    },
    async drain() {
      await pipeline?.stop(drainMs);
    },
  };
}
