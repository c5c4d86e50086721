/** The world of the `hubspot` connector for the conformance kit: a fresh account for each check. */

import type { CustomerMessage, Side } from "../../../plugins/kit/world.ts";
import { htmlToPlain } from "../../../plugins/toolkit/html-text.ts";
import type { ClientTuning } from "../client.ts";
import { type FakeHubspot, type FakeOptions, fakeSecrets, startFakeHubspot } from "./fake-hubspot.ts";

/** So that a test need not wait: HubSpot is looked at more often than a config may say. */
export const quick: ClientTuning = { pollMs: 100, overlapMs: 0, settleMs: 0, oddMs: 0 };

export interface WorldOptions extends FakeOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  /** Signs in as an app that a person has authorised. */
  readonly oauth?: boolean;
}

export function configOf(fake: Pick<FakeHubspot, "url">, { oauth, config }: WorldOptions = {}) {
  const { accessToken, clientId, clientSecret, refreshToken } = fakeSecrets;
  const credentials = oauth ? { oauth: { clientId, clientSecret, refreshToken } } : { accessToken };
  return { ...credentials, clientSecret, url: fake.url, ...config };
}

/** What HubSpot tells of a customer's message, doubly and in no order. */
export function hintsOf(ticketId: string, threadId: string, messageId: string) {
  const about = { eventId: 1, portalId: 62_515, appId: 3_142, occurredAt: Date.now(), attemptNumber: 0 };
  const hint = {
    ...about,
    subscriptionId: 7,
    subscriptionType: "ticket.propertyChange",
    objectId: Number(ticketId),
  };
  const news = {
    ...about,
    subscriptionType: "conversation.newMessage",
    objectId: Number(threadId),
    messageId,
  };
  return [
    { ...news, messageType: "MESSAGE" },
    { ...hint, propertyName: "hs_pipeline_stage", propertyValue: "1" },
    { ...hint, subscriptionType: "ticket.creation" },
    { ...about, subscriptionType: "contact.creation", objectId: 1 },
    { ...news, messageType: "MESSAGE" },
  ];
}

export async function startHubspot(options: WorldOptions = {}): Promise<Side & { fake: FakeHubspot }> {
  const fake = await startFakeHubspot({ listPage: 3, ...options });
  const write = (message: CustomerMessage) => fake.customerWrites(message);
  const placeOf = (message: CustomerMessage) => fake.placeOf(message.key) ?? write(message);
  return {
    fake,
    config: configOf(fake, options),
    async arrive(message) {
      write(message);
    },
    async arriveUnreadable(key) {
      fake.customerWrites({ key, text: key, fields: { id: key, createdAt: "at no time" } });
    },
    webhook: {
      body(message) {
        const { ticketId, threadId, messageId } = placeOf(message);
        return new TextEncoder().encode(JSON.stringify(hintsOf(ticketId, threadId, messageId)));
      },
      sign: (body, at) => fake.webhook(body, at),
    },
    found: async () => fake.notes().map(({ id, html }) => ({ id, text: htmlToPlain(html) })),
    async edit({ id }, text) {
      fake.agentEditsNote(id ?? "", `<p>${text}</p>`);
    },
    async answer(message, text) {
      fake.agentReplies(placeOf(message).ticketId, text);
    },
    snapshot: async () => fake.snapshot(),
    async close() {
      await fake.close();
      // Each check asks for nothing that HubSpot does not document.
      if (fake.violations.length > 0)
        throw new Error(`HubSpot was asked wrongly: ${fake.violations.join(" | ")}`);
    },
  };
}
