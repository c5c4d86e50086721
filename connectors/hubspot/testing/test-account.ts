/** An account for one test: the fake, and the connector opened on it as the kit's host does. */
import { expect, onTestFinished } from "vitest";
import type { BackfillRequest, ListRequest, OutgoingDraft } from "../../../plugins/contract/connector.ts";
import type { ConnectorEvent, ConnectorEventInput } from "../../../plugins/contract/events.ts";
import { createKitHost } from "../../../plugins/kit/host.ts";
import { createJournal } from "../../../plugins/kit/journal.ts";
import { type ClientTuning, type HubspotClient, openClient } from "../client.ts";
import { hubspot } from "../index.ts";
import { backfill, type HubspotCursor, list, pages } from "../pull.ts";
import { startFakeHubspot } from "./fake-hubspot.ts";
import { configOf, quick, type WorldOptions } from "./hubspot-world.ts";

export interface AccountOptions extends WorldOptions {
  readonly tuning?: ClientTuning;
  /** Requests are not all as documented, since the test makes the fake answer strangely. */
  readonly lax?: boolean;
}

const { signal } = new AbortController();

export async function openAccount(options: AccountOptions = {}) {
  const fake = await startFakeHubspot({ listPage: 3, ...options });
  const tuning = { ...quick, pollMs: 20, ...options.tuning };
  const spec: typeof hubspot = { ...hubspot, open: async (ctx, closing) => openClient(ctx, closing, tuning) };
  const journal = createJournal();
  const host = createKitHost(spec, configOf(fake, options), journal);
  onTestFinished(async () => {
    await host.close(1_000);
    await fake.close();
    if (!options.lax) expect(fake.violations).toEqual([]);
  });
  const client = (await host.client()) as HubspotClient;

  /** Reads as the hub does. Each look gives the events of all pages until nothing more comes. */
  const startReader = async (from: HubspotCursor | null = null) => {
    const iterator = pages(client, from, signal);
    onTestFinished(async () => void (await iterator.return(undefined)));
    const next = async () => {
      const { value } = await iterator.next();
      if (!value) throw new Error("the pages have come to an end");
      host.memory.commitPage(value);
      return value;
    };
    if (from === null) expect((await next()).events).toEqual([]);
    return {
      next,
      async look(): Promise<ConnectorEventInput[]> {
        const events: ConnectorEventInput[] = [];
        // Two empty pages in a row: nothing has changed, and nothing comes late.
        for (let empty = 0; empty < 2; ) {
          const page = await next();
          empty = page.events.length === 0 ? empty + 1 : 0;
          events.push(...page.events);
        }
        return events;
      },
    };
  };

  return {
    fake,
    client,
    host,
    journal,
    memory: host.memory,
    signal,
    startReader,
    put: (draft: OutgoingDraft) => host.put(draft),
    async backfill(request: Partial<BackfillRequest> = {}): Promise<ConnectorEventInput[]> {
      const found: ConnectorEventInput[] = [];
      for await (const { events } of backfill(client, { since: null, path: null, ...request }, signal))
        found.push(...events);
      return found;
    },
    async list(request: ListRequest): Promise<string[]> {
      const found: string[] = [];
      for await (const items of list(client, request, signal))
        found.push(...items.map((one) => one.externalId));
      return found;
    },
  };
}

export type Account = Awaited<ReturnType<typeof openAccount>>;

export const idsOf = (events: ReadonlyArray<ConnectorEvent | ConnectorEventInput>) =>
  events.map(({ externalId }) => externalId);
