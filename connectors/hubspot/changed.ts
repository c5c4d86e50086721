/** Which tickets have changed: a search by (time, id) that neither loses any nor turns in a circle, however many share a time. */
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { HubspotClient } from "./client.ts";
import type { FoundObject } from "./schemas.ts";
import { type Filter, type SearchRequest, searchPage } from "./vendor.ts";

/** A ticket as the search has it. */
export interface Found {
  readonly id: string;
  /** When it last changed or was made, by what was searched for; milliseconds. */
  readonly at: number;
  readonly object: FoundObject;
}

type TimeProperty = "hs_lastmodifieddate" | "createdate";

export interface Stretch {
  readonly by: TimeProperty;
  /** Milliseconds; this one too. */
  readonly from: number;
  readonly until?: number;
  readonly properties?: readonly string[];
}

function timeOf({ properties }: FoundObject, by: TimeProperty): number {
  const text = String(properties[by]);
  // HubSpot writes times as ISO 8601, and has written them as milliseconds.
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
}

function createSearch(client: HubspotClient, { by, properties = [] }: Stretch, signal: AbortSignal) {
  const { pipelines } = client.ctx.config;
  const ours: Filter[] =
    pipelines.length > 0 ? [{ propertyName: "hs_pipeline", operator: "IN", values: pipelines }] : [];
  const limit = client.tuning.searchPage ?? searchPage;
  return async (filters: Filter[], sort: SearchRequest["sort"]) => {
    const wanted = [by, "hs_object_id", ...properties];
    const request = { filters: [...filters, ...ours], sort, properties: wanted, limit };
    const { results, paging } = await client.vendor.searchTickets(request, signal);
    const found = results.map((object): Found => ({ id: object.id, at: timeOf(object, by), object }));
    if (found.some(({ at }) => Number.isNaN(at)))
      throw new ConnectorError("transient", `HubSpot gave a ticket without a ${by} that could be read`);
    // A page may lack what was deleted meanwhile, and is then no sign of the end.
    const isCut = results.length > 0 && Boolean(paging?.next);
    return { found, isWhole: results.length < limit && !isCut };
  };
}

/**
 * Tickets of a stretch of time, the oldest first, in groups. No search gives more than 10,000 results and none can be
 * sorted by two properties: so each page begins anew behind the last one, and the tickets of a page's last moment, which
 * may be any number, are gone through by their ids.
 */
export async function* ticketsOf(
  client: HubspotClient,
  stretch: Stretch,
  signal: AbortSignal,
): AsyncGenerator<Found[]> {
  const { by, until } = stretch;
  const search = createSearch(client, stretch, signal);
  const end: Filter[] =
    until === undefined ? [] : [{ propertyName: by, operator: "LTE", value: String(until) }];
  for (let from = stretch.from; ; ) {
    const since: Filter = { propertyName: by, operator: "GTE", value: String(from) };
    const page = await search([since, ...end], by);
    const sorted = page.found.toSorted((a, b) => a.at - b.at || (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
    if (page.isWhole) {
      if (sorted.length > 0) yield sorted;
      return;
    }
    const last = sorted.at(-1)?.at ?? from;
    const before = sorted.filter(({ at }) => at < last);
    if (before.length > 0) yield before;
    yield* ofOneMoment(search, by, last);
    from = Math.max(last, from) + 1;
  }
}

async function* ofOneMoment(
  search: ReturnType<typeof createSearch>,
  by: TimeProperty,
  at: number,
): AsyncGenerator<Found[]> {
  for (let after = "0"; ; ) {
    const moment: Filter = { propertyName: by, operator: "EQ", value: String(at) };
    const further: Filter = { propertyName: "hs_object_id", operator: "GT", value: after };
    const { found, isWhole } = await search([moment, further], "hs_object_id");
    if (found.length > 0) yield found;
    if (isWhole) return;
    const last = found.map(({ id }) => id).reduce((a, b) => (BigInt(a) > BigInt(b) ? a : b), after);
    if (last === after)
      throw new ConnectorError("transient", "HubSpot's search gives the same tickets again");
    after = last;
  }
}
