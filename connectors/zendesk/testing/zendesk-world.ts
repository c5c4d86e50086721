/** A Zendesk account for the conformance kit, or for a test of its own: fresh, with the fake's clock set for speed. */
import type { Context } from "../../../plugins/contract/connector.ts";
import type { CustomerMessage, Side } from "../../../plugins/kit/world.ts";
import { rawRequest } from "../../../plugins/kit/world.ts";
import { openClient } from "../client.ts";
import type { ZendeskConfig } from "../config.ts";
import { zendesk } from "../index.ts";
import { plainText } from "./fake-model.ts";
import { signIn } from "./fake-tokens.ts";
import { type FakeOptions, type FakeZendesk, startFakeZendesk, webhookSecret } from "./fake-zendesk.ts";

/** The connector as it is, but for looking more often than a config may say. */
export const hastyZendesk: typeof zendesk = {
  ...zendesk,
  open: async (ctx: Context<ZendeskConfig>) => openClient(ctx, { pollMs: 100, patienceMs: 1_000 }),
};

export function configFor(url: string): Record<string, unknown> {
  const { clientId, clientSecret, refreshToken } = signIn;
  return { url, oauth: { clientId, clientSecret, refreshToken }, webhookSecret };
}

export interface ZendeskSide extends Side {
  readonly fake: FakeZendesk;
}

export async function startZendeskSide(options: FakeOptions = {}): Promise<ZendeskSide> {
  // What happened two seconds ago stands still: no delivery has to wait for the second to be over.
  const fake = await startFakeZendesk({ ageMs: 2_000, ...options });
  const { account } = fake;
  const threads = new Map<string, number>();
  const write = ({ key, thread, text, subject, from, files }: CustomerMessage) => {
    const written = threads.get(key);
    if (written !== undefined) return written;
    const known = threads.get(thread);
    const { ticketId } = account.customerWrites({
      text,
      subject,
      ...from,
      ...(known !== undefined && { ticketId: known }),
      files: files.map(({ name, mediaType, content }) => account.fileOf(name, mediaType, content)),
    });
    threads.set(key, ticketId);
    return ticketId;
  };
  return {
    fake,
    config: configFor(fake.url),
    arrive: async (message) => void write(message),
    arriveUnreadable: async () => void account.customerWrites({ text: null }),
    webhook: {
      body: (message) => fake.webhookBody("ticket.comment_added", write(message)),
      sign: (body, at) => rawRequest({ body, headers: fake.sign(body, at) }),
    },
    found: async () => account.notes().map(({ id, text }) => ({ id: String(id), text })),
    answer: async ({ key, thread }, text) => {
      const ticketId = threads.get(key) ?? threads.get(thread) ?? 0;
      account.agentReplies(ticketId, text);
    },
    snapshot: async () =>
      [...account.tickets.values()].map(({ id, change, comments }) => [
        id,
        change,
        comments.map(({ html_body }) => plainText(html_body)),
      ]),
    async close() {
      await fake.close();
      const faults = [...fake.violations, ...fake.leaks.map((path) => `credentials went to ${path}`)];
      if (faults.length > 0) throw new Error(`requests that no document allows: ${faults.join("\n")}`);
    },
  };
}
