/** Deliver: each draft into the helpdesk that its message came from, once. */
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import { type ErrorKind, kindOf } from "../../plugins/contract/errors.ts";
import { newId, ticketCode } from "../lib/ids.ts";
import type { Handler } from "../queue/queue.ts";
import { type Delivery, loadToDeliver, type MessageToDeliver, saveDeliveries } from "../store/drafts.ts";
import { skip } from "../store/progress.ts";
import { createCommits } from "./commits.ts";
import { labelsOf } from "./draft.ts";
import type { Attempted } from "./failures.ts";
import { recordLateOutcomes } from "./replies.ts";
import { companyOf, handleClaimed, type StepParts } from "./step.ts";

export interface DeliverParts extends StepParts {
  /**
   * Puts a draft into the helpdesk; throws ConnectorErrors.
   * @param signal aborts when the node cannot wait any longer
   */
  put(company: string, connector: string, draft: OutgoingDraft, signal: AbortSignal): Promise<Delivered>;
}

const lookingIsNoUse: ReadonlySet<ErrorKind> = new Set(["auth", "config", "permanent"]);

function toOutgoing(message: MessageToDeliver): OutgoingDraft {
  const { name, email, externalId } = message.requester;
  return {
    id: message.draft.id,
    // One draft a message, whatever happens: the message's id tells attempts at the same delivery apart from others.
    idempotencyKey: message.id,
    ticket: {
      id: message.ticketId,
      code: ticketCode(message.ticketId),
      threadId: message.threadId,
      subject: message.subject,
      requester: { ...(name && { name }), ...(email && { email }), ...(externalId && { externalId }) },
    },
    message: {
      id: message.id,
      externalId: message.externalId,
      text: message.text,
      quoted: message.quoted,
      sentAt: message.sentAt,
      sourceData: message.sourceData,
    },
    text: message.draft.text,
    language: message.draft.language,
    labels: labelsOf(message.labels),
    sources: message.draft.sources,
    writtenBy: message.draft.writtenBy,
    notes: message.draft.notes,
    ...(message.overtakenBy && { overtakenBy: message.overtakenBy }),
  };
}

export function createDeliverHandler(parts: DeliverParts): Handler {
  const { db, directory, metrics, put, signal } = parts;
  const saves = createCommits<Delivery, void>(
    async (deliveries) => {
      const moved = await saveDeliveries(db, deliveries);
      metrics.count("deskwire.messages.ended", { outcome: "delivered" }, moved.length);
      const replied = moved.flatMap((one) => (one.replied ? [one.id] : []));
      await recordLateOutcomes(db, replied);
      return deliveries.map(() => undefined);
    },
    { patience: signal },
  );
  const skips = createCommits<{ id: string; reason: string }, void>(
    async (items) => {
      const ended = await skip(db, items);
      metrics.count("deskwire.messages.ended", { outcome: "skipped" }, ended.length);
      return items.map(() => undefined);
    },
    { patience: signal },
  );

  /** Where the helpdesk lets nobody look, what has been overtaken ends as such instead of waiting for days. */
  const putOrSkip = async (company: string, message: MessageToDeliver): Promise<Delivered> => {
    const { overtakenBy } = message;
    try {
      return await put(company, message.connector, toOutgoing(message), signal);
    } catch (error) {
      if (!overtakenBy || !lookingIsNoUse.has(kindOf(error))) throw error;
      return { skipped: overtakenBy };
    }
  };

  return handleClaimed<MessageToDeliver & Attempted>(
    "deliver",
    parts,
    (ids) => loadToDeliver(db, ids),
    async (message) => {
      const company = companyOf(directory, message.company);
      const result = await putOrSkip(company.id, message);
      if ("skipped" in result) {
        await skips.add({ id: message.id, reason: result.skipped });
        return;
      }
      const { externalId, created } = result;
      const { id: messageId, connector } = message;
      await saves.add({ messageId, auditId: newId(), connector, externalId, created });
    },
    // An attempt whose end nobody knows may have brought the draft to the agents, and one of them have answered with it.
    ({ company, connector }) =>
      directory.get(company)?.connectors.get(connector)?.spec.deliver?.find !== undefined,
  );
}
