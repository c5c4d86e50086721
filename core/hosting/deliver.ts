/** Deliveries: a draft to its connector, which looks it up before it writes. */
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import { ConnectorError, describeError, type ErrorKind, kindOf } from "../../plugins/contract/errors.ts";
import type { Instances } from "./instances.ts";

/** The longest time that one delivery may take, in milliseconds. */
const timeoutMs = 60_000;

/** A result that keeps its kind on its way between nodes, where an error would lose its class. */
export type DeliveryResult =
  | Delivered
  | { failed: { kind: ErrorKind; message: string; retryAfterMs: number | null } };

/** Puts a draft; a connector without `deliver` leaves it in the history, where it can be read. */
export async function putDraft(
  instances: Instances,
  company: string,
  instance: string,
  draft: OutgoingDraft,
): Promise<DeliveryResult> {
  try {
    const { spec, client, signal } = await instances.open(company, instance);
    if (!spec.deliver) return { externalId: draft.id, created: true };
    return await spec.deliver.put(client, draft, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  } catch (error) {
    await instances.report(company, instance, error);
    const retryAfterMs = (error instanceof ConnectorError ? error.retryAfterMs : undefined) ?? null;
    return { failed: { kind: kindOf(error), message: describeError(error), retryAfterMs } };
  }
}

/** The other end of `putDraft`: throws what failed, as it was. */
export function unwrap(result: DeliveryResult): Delivered {
  if (!("failed" in result)) return result;
  const { kind, message, retryAfterMs } = result.failed;
  throw new ConnectorError(kind, message, retryAfterMs === null ? {} : { retryAfterMs });
}
