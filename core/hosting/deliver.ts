/** Deliveries: a draft to its connector, which looks it up before it writes. */
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import {
  ConnectorError,
  describeError,
  type ErrorKind,
  isConnectorError,
  kindOf,
} from "../../plugins/contract/errors.ts";
import { firstOf, untilAborted } from "../lib/abort.ts";
import type { Breaker, Verdict } from "../lib/breaker.ts";
import { Unavailable } from "../lib/unavailable.ts";
import type { Fence } from "./fence.ts";
import type { Instances, OpenConnector } from "./instances.ts";

/** The longest time that one delivery may take, in milliseconds. */
const timeoutMs = 60_000;

/** A result that keeps its kind on its way between nodes, where an error would lose its class. */
export type DeliveryResult =
  | Delivered
  | {
      failed: {
        kind: ErrorKind;
        message: string;
        retryAfterMs: number | null;
        /** False where the other side is in trouble or has too much to do: that is no attempt at this delivery. */
        tried: boolean;
      };
    };

/** Failures in a row after which a helpdesk is left alone. */
const breakerThreshold = 5;

/** What asks for a longer pause may be a limit of one ticket's own, in milliseconds. */
const mostAloneMs = 60_000;

/** What an error says of the helpdesk. Refused credentials have a pause of their own. */
function verdictOf(error: unknown): Verdict {
  const kind = kindOf(error);
  if (error instanceof Closing || error instanceof Unavailable) return "ignore";
  if (kind === "auth" || kind === "config") return "ignore";
  if (kind === "rate_limited")
    return { aloneMs: Math.min((isConnectorError(error) && error.retryAfterMs) || 0, mostAloneMs) };
  return kind === "transient" ? "trouble" : "works";
}

/** The connector is being closed: what then breaks off is no trouble of the helpdesk. */
class Closing extends Error {}

function breakerOf({ breakers }: Instances, company: string, instance: string): Breaker {
  const key = `${company}/${instance}`;
  const what = `the system behind ${key}`;
  return breakers.of("connector", key, what, { what, threshold: breakerThreshold, verdict: verdictOf });
}

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
  fence: Fence | undefined,
): Promise<Delivered> {
  const breaker = breakerOf(instances, company, instance);
  breaker.check();
  const { spec, client, signal, gate } = await opened(instances, breaker, company, instance);
  const { deliver } = spec;
  if (!deliver) return { externalId: draft.id, created: true };
  const { overtakenBy } = draft;
  const act = async (until: AbortSignal): Promise<Delivered> => {
    if (!overtakenBy) return deliver.put(client, draft, until);
    const found = (await deliver.find?.(client, draft, until)) ?? null;
    return found ? { externalId: found.externalId, created: false } : { skipped: overtakenBy };
  };
  const running = underWay.get(instances) ?? new Map<string, Promise<Delivered>>();
  underWay.set(instances, running);
  const key = JSON.stringify([company, instance, draft.idempotencyKey]);
  const write = async (within: AbortSignal, cutOff?: AbortSignal) => {
    const until = cutOff && firstOf([within, cutOff]);
    try {
      return await act(until?.signal ?? within);
    } catch (error) {
      if (cutOff?.aborted) throw cutOff.reason;
      throw signal.aborted ? new Closing("the connector was closed meanwhile", { cause: error }) : error;
    } finally {
      until?.end();
    }
  };
  const begin = (within: AbortSignal) => {
    const guarded = () => (fence ? fence.guard((cutOff) => write(within, cutOff)) : write(within));
    const attempt = gate(() => breaker.run(guarded, within), within);
    running.set(key, attempt);
    const done = () => running.delete(key);
    attempt.then(done, done);
    return attempt;
  };
  const patience = firstOf([signal], timeoutMs);
  try {
    return await untilAborted(running.get(key) ?? begin(patience.signal), patience.signal);
  } finally {
    patience.end();
  }
}

/** A system that lets nobody in is in as much trouble as one that takes no drafts. */
async function opened(instances: Instances, breaker: Breaker, company: string, instance: string) {
  try {
    return await instances.open(company, instance);
  } catch (error) {
    return breaker.run((): Promise<OpenConnector> => Promise.reject(error));
  }
}

/**
 * Puts a draft; a connector without `deliver` leaves it in the history, where it can be read.
 * @param fence ends the attempt when others may have taken it over
 */
export async function putDraft(
  instances: Instances,
  company: string,
  instance: string,
  draft: OutgoingDraft,
  fence?: Fence,
): Promise<DeliveryResult> {
  try {
    return await put(instances, company, instance, draft, fence);
  } catch (error) {
    const tried = !(error instanceof Unavailable);
    if (tried) await instances.report(company, instance, error);
    const told = isConnectorError(error) || !tried ? (error as { retryAfterMs?: number }).retryAfterMs : null;
    return {
      failed: { kind: kindOf(error), message: describeError(error), retryAfterMs: told ?? null, tried },
    };
  }
}

/** The other end of `putDraft`: throws what failed, as it was. */
export function unwrap(result: DeliveryResult): Delivered {
  if (!("failed" in result)) return result;
  const { kind, message, retryAfterMs, tried } = result.failed;
  if (tried === false) throw new Unavailable("the helpdesk", new Error(message), retryAfterMs ?? undefined);
  throw new ConnectorError(kind, message, retryAfterMs === null ? {} : { retryAfterMs });
}
