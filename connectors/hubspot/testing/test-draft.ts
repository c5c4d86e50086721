/** A customer's message in the fake account, and a draft for it. */
import type { OutgoingDraft } from "../../../plugins/contract/connector.ts";
import type { Account } from "./test-account.ts";

export function written({ fake }: Account, fields: Partial<OutgoingDraft> = {}, key = "a") {
  const place = fake.customerWrites({ key, text: "Where is it?", subject: "Parcel" });
  const draft: OutgoingDraft = {
    id: `draft-${key}`,
    idempotencyKey: `key-${key}`,
    ticket: {
      id: "t",
      code: "0123456789",
      threadId: place.ticketId,
      subject: "Parcel",
      requester: {},
    },
    message: {
      id: "m",
      externalId: `message:${place.messageId}`,
      text: "Where is it?",
      quoted: null,
      sentAt: new Date(),
      sourceData: null,
    },
    text: "It is on its way.",
    language: "en",
    labels: null,
    sources: [],
    writtenBy: "offline",
    ...fields,
  };
  return { ...place, draft };
}
