/** Calls of other services, wherever they run. */
import { Errors, type ServiceBroker } from "moleculer";
import { Unavailable } from "../lib/unavailable.ts";

export interface CallOptions {
  /** Milliseconds. */
  timeout: number;
  nodeID?: string;
  /** False where a stop need not wait for it, though it goes on in this node. */
  tracking?: boolean;
}

/**
 * Calls another service.
 * @param lostMs milliseconds to wait where a node was lost that may have begun
 * @throws Unavailable where it is not there, or does not answer; else what it throws
 */
export async function callService<T>(
  broker: ServiceBroker,
  action: string,
  params: object,
  options: CallOptions,
  lostMs?: number,
): Promise<T> {
  try {
    return await broker.call<T, object>(action, params, options);
  } catch (error) {
    if (error instanceof Errors.MoleculerRetryableError) {
      const isNowhere =
        error instanceof Errors.ServiceNotFoundError || error instanceof Errors.ServiceNotAvailableError;
      throw new Unavailable(action.split(".")[0] ?? action, error, isNowhere ? undefined : lostMs);
    }
    throw error;
  }
}
