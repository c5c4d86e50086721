/** The pipeline as a service: it classifies and delivers through the broker, wherever those services run. */
import { Errors, type ServiceBroker, type ServiceSchema } from "moleculer";
import type { ClassifyResponse } from "../../ml-service/classify-schema.ts";
import type { Delivered } from "../../plugins/contract/connector.ts";
import { type DeliveryResult, unwrap } from "../hosting/deliver.ts";
import { Unavailable } from "../lib/unavailable.ts";
import {
  type Pipeline,
  type PipelineOptions,
  type PipelineParts,
  startPipeline,
} from "../pipeline/pipeline.ts";

/** Milliseconds for one batch at the classifier. */
const classifyTimeoutMs = 30_000;
/** Milliseconds for one delivery: above the connector's own limit, so that its error is the one that is seen. */
const deliverTimeoutMs = 90_000;
/** Milliseconds that a stop waits for what is under way. */
const drainMs = 10_000;

export interface PipelineServiceParts extends Omit<PipelineParts, "classify" | "put"> {
  options: PipelineOptions;
}

/** Calls another service; one that is not there, or does not answer, is `Unavailable`. */
async function call<T>(broker: ServiceBroker, action: string, params: object, timeout: number): Promise<T> {
  try {
    return await broker.call<T, object>(action, params, { timeout });
  } catch (error) {
    if (error instanceof Errors.MoleculerRetryableError)
      throw new Unavailable(action.split(".")[0] ?? action, error);
    throw error;
  }
}

export function pipelineService({ options, ...parts }: PipelineServiceParts): ServiceSchema {
  let pipeline: Pipeline | undefined;
  return {
    name: "pipeline",
    async started() {
      const { broker } = this as unknown as { broker: ServiceBroker };
      const classify = (items: unknown[]) =>
        call<ClassifyResponse>(broker, "classifier.classify", { items }, classifyTimeoutMs);
      const put = async (company: string, instance: string, draft: object): Promise<Delivered> =>
        unwrap(
          await call<DeliveryResult>(
            broker,
            "connectors.deliver",
            { account: `${company}/${instance}`, company, instance, draft },
            deliverTimeoutMs,
          ),
        );
      pipeline = startPipeline({ ...parts, classify, put }, options);
    },
    async stopped() {
      await pipeline?.stop(drainMs);
    },
  };
}
