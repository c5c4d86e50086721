/** Requests under a connector's own address: served, or verified, parsed and taken in. */
import type { AnyConnector, HttpReply, RawRequest } from "../../plugins/contract/connector.ts";
import type { Accepted, Intake } from "../pipeline/intake.ts";
import type { Runner } from "../store/database.ts";
import { markSeen, wasSeen } from "../store/webhooks.ts";
import type { Instances } from "./instances.ts";

/** How far a webhook's own time may be from ours, in milliseconds. */
export const replayWindowMs = 5 * 60_000;

/** A request that the connector does not vouch for. */
export class Refused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "Refused";
  }
}

export type PushResult = { accepted: Accepted[] } | { reply: HttpReply } | { notFound: true };

export interface PushParts {
  instances: Instances;
  intake: Intake;
  db: Runner;
}

async function verify(spec: AnyConnector, request: RawRequest, config: unknown) {
  const verdict = spec.push?.verify(request, config) ?? { ok: false as const, reason: "it takes no posts" };
  if (!verdict.ok) throw new Refused(verdict.reason);
  // Written so that a time which is no time at all is refused as well.
  if (verdict.replay && !(Math.abs(Date.now() - verdict.replay.at.getTime()) <= replayWindowMs)) {
    throw new Refused("the request is too old, or from the future");
  }
  return verdict;
}

/**
 * Handles one request of a connector.
 * @throws Refused (not genuine), ZodError or a `permanent` ConnectorError (not readable), other errors (try again)
 */
export async function handleRequest(
  { instances, intake, db }: PushParts,
  company: string,
  instance: string,
  request: RawRequest,
): Promise<PushResult> {
  const { spec, client, config } = await instances.open(company, instance, "incoming");
  try {
    const reply = (await spec.serve?.handle(client, request)) ?? null;
    if (reply) return { reply };
    if (!spec.push || request.method !== "POST") return { notFound: true };
    const { replay } = await verify(spec, request, config);
    if (replay && (await wasSeen(db, company, instance, replay.id))) return { accepted: [] };
    const events = await spec.push.parse(client, request);
    const accepted = await intake.accept({ company, connector: instance }, events);
    // Noted after the commit: a webhook whose intake failed must be taken when it is sent again. Until then a repeat
    // is harmless, since each message is stored once.
    if (replay) await markSeen(db, company, instance, replay.id, replayWindowMs);
    return { accepted };
  } catch (error) {
    await instances.report(company, instance, error);
    throw error;
  }
}
