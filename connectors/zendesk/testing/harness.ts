/** The connector open against a fake account, in a host that treats it as the core does. */
import { onTestFinished } from "vitest";
import type { OutgoingDraft } from "../../../plugins/contract/connector.ts";
import type { ConnectorEvent } from "../../../plugins/contract/events.ts";
import { createKitHost, type KitHost } from "../../../plugins/kit/host.ts";
import { createJournal } from "../../../plugins/kit/journal.ts";
import { draftFor } from "../../../plugins/kit/stage.ts";
import { eventually } from "../../../plugins/kit/waiting.ts";
import { signIn } from "./fake-tokens.ts";
import type { FakeOptions } from "./fake-zendesk.ts";
import { configFor, hastyZendesk, startZendeskSide } from "./zendesk-world.ts";

export type Kind<K extends ConnectorEvent["kind"]> = Extract<ConnectorEvent, { kind: K }>;

export async function openZendesk(options: FakeOptions = {}, config: Record<string, unknown> = {}) {
  const side = await startZendeskSide(options);
  const { fake } = side;
  const hosts: KitHost[] = [];
  onTestFinished(async () => {
    for (const host of hosts) await host.close(1_000);
    await side.close();
  });
  const hostWith = (given: Record<string, unknown>): KitHost => {
    const host = createKitHost(hastyZendesk, { ...given, ...config }, createJournal());
    hosts.push(host);
    return host;
  };
  const host = hostWith(configFor(fake.url));
  /** Another node. Its memory is its own, and so an access token of the first one would be void to it. */
  const newHost = () => hostWith({ url: fake.url, email: signIn.email, apiToken: signIn.apiToken });
  /** Events of a kind, once there are so many. */
  const events = async <K extends ConnectorEvent["kind"]>(kind: K, count: number): Promise<Array<Kind<K>>> =>
    eventually(`${count} ${kind}`, 5_000, () => {
      const found = host.memory.events.filter((event): event is Kind<K> => event.kind === kind);
      return found.length >= count && found;
    });
  return { fake, account: fake.account, host, newHost, events };
}

/** A draft for a comment of a customer's. */
export function draftOf(
  { ticketId, commentId }: { ticketId: number; commentId: number },
  fields: Partial<OutgoingDraft> = {},
): OutgoingDraft {
  const key = `comment-${commentId}`;
  const text = "Where is my parcel?";
  const from = { name: "Ada Berg", email: "ada@customer.example" };
  return draftFor(
    {
      message: { key, thread: key, text, subject: "Parcel", from, files: [] },
      event: { externalId: `comment:${commentId}`, threadId: String(ticketId), text },
    },
    fields,
  );
}

const certain = (value: string, confidence = 0.95) => ({ value, confidence });

export const labelsOf = (type: string, priority: string, department: string, confidence?: number) => ({
  type: certain(type, confidence),
  priority: certain(priority, confidence),
  department: certain(department, confidence),
});
