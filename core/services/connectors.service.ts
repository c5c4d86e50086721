/** Connectors: deliveries into helpdesks, and the reading of sources. */
import type { Context, ServiceSchema } from "moleculer";
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import { putDraft } from "../hosting/deliver.ts";
import { type PullParts, type Pulls, startPulls } from "../hosting/pull.ts";

export type ConnectorsParts = PullParts;

interface DeliverParams {
  company: string;
  instance: string;
  draft: OutgoingDraft;
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
    },
    async started() {
      pulls = startPulls(parts);
    },
    async stopped() {
      await pulls?.stop();
    },
  };
}
