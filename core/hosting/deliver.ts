/** Deliveries: a draft to its connector, which looks it up before it writes. */
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import {
  ConnectorError,
  describeError,
  type ErrorKind,
  isConnectorError,
  kindOf,
} from "../../plugins/contract/errors.ts";
import { untilAborted } from "../lib/abort.ts";
import type { Instances } from "./instances.ts";

/** The longest time that one delivery may take, in milliseconds. */
const timeoutMs = 60_000;

/** A result that keeps its kind on its way between nodes, where an error would lose its class. */
export type DeliveryResult =
  | Delivered
  | { failed: { kind: ErrorKind; message: string; retryAfterMs: number | null } };

/**
 * Attempts under way on this node, by connector and idempotency key. An attempt that outlives its caller's patience would
 * otherwise look for the draft at the same time as the next one, and both would write it.
 */
const underWay = new WeakMap<Instances, Map<string, Promise<Delivered>>>();

async function put(
  instances: Instances,
  company: string,
  instance: string,
  draft: OutgoingDraft,
): Promise<Delivered> {
  const { spec, client, signal, gate } = await instances.open(company, instance);
  const { deliver } = spec;
  if (!deliver) return { externalId: draft.id, created: true };
  const running = underWay.get(instances) ?? new Map<string, Promise<Delivered>>();
  underWay.set(instances, running);
  const key = JSON.stringify([company, instance, draft.idempotencyKey]);
  const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let attempt = running.get(key);
  if (!attempt) {
    attempt = gate(async () => deliver.put(client, draft, within), within);
    running.set(key, attempt);
    const done = () => running.delete(key);
    attempt.then(done, done);
  }
  return untilAborted(attempt, within);
}

/** Puts a draft; a connector without `deliver` leaves it in the history, where it can be read. */
export async function putDraft(
  instances: Instances,
  company: string,
  instance: string,
  draft: OutgoingDraft,
): Promise<DeliveryResult> {
  try {
    return await put(instances, company, instance, draft);
  } catch (error) {
    await instances.report(company, instance, error);
    const retryAfterMs = (isConnectorError(error) ? error.retryAfterMs : undefined) ?? null;
    return { failed: { kind: kindOf(error), message: describeError(error), retryAfterMs } };
  }
}

/** The other end of `putDraft`: throws what failed, as it was. */
export function unwrap(result: DeliveryResult): Delivered {
  if (!("failed" in result)) return result;
  const { kind, message, retryAfterMs } = result.failed;
  throw new ConnectorError(kind, message, retryAfterMs === null ? {} : { retryAfterMs });
}
