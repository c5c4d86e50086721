/** Deliver: each draft into the helpdesk that its message came from, once. */
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import { createBatcher } from "../lib/batcher.ts";
import { newId } from "../lib/ids.ts";
import type { Handler } from "../queue/queue.ts";
import { type Delivery, loadToDeliver, type MessageToDeliver, saveDeliveries } from "../store/drafts.ts";
import { skip } from "../store/progress.ts";
import { labelsOf } from "./draft.ts";
import { commits, companyOf, handleClaimed, type StepParts } from "./step.ts";

export interface DeliverParts extends StepParts {
  /** Puts a draft into the helpdesk; throws ConnectorErrors. */
  put(company: string, connector: string, draft: OutgoingDraft): Promise<Delivered>;
}

function toOutgoing(message: MessageToDeliver): OutgoingDraft {
  const { name, email, externalId } = message.requester;
  return {
    id: message.draft.id,
    // One draft a message, whatever happens: the message's id tells attempts at the same delivery apart from others.
    idempotencyKey: message.id,
    ticket: {
      id: message.ticketId,
      threadId: message.threadId,
      subject: message.subject,
      requester: { ...(name && { name }), ...(email && { email }), ...(externalId && { externalId }) },
    },
    message: { id: message.id, externalId: message.externalId, text: message.text, sentAt: message.sentAt },
    text: message.draft.text,
    language: message.draft.language,
    labels: labelsOf(message.labels),
    sources: message.draft.sources,
    writtenBy: message.draft.writtenBy,
  };
}

export function createDeliverHandler(parts: DeliverParts): Handler {
  const { db, directory, metrics, put } = parts;
  const saves = createBatcher<Delivery, void>(async (deliveries) => {
    await saveDeliveries(db, deliveries);
    metrics.count("deskwire.messages.ended", { outcome: "delivered" }, deliveries.length);
    return deliveries.map(() => undefined);
  }, commits);
  const skips = createBatcher<{ id: string; reason: string }, void>(async (items) => {
    await skip(db, items);
    metrics.count("deskwire.messages.ended", { outcome: "skipped" }, items.length);
    return items.map(() => undefined);
  }, commits);

  return handleClaimed(
    "deliver",
    parts,
    (ids) => loadToDeliver(db, ids),
    async (message) => {
      const company = companyOf(directory, message.company);
      const result = await put(company.id, message.connector, toOutgoing(message));
      if ("skipped" in result) {
        await skips.add({ id: message.id, reason: result.skipped });
        return;
      }
      const { externalId, created } = result;
      const { id: messageId, connector } = message;
      await saves.add({ messageId, auditId: newId(), connector, externalId, created });
    },
  );
}
