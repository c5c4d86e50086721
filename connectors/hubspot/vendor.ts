/** HubSpot's API as far as the connector uses it: one function for each operation, answers checked. */
import { z } from "zod";
import { isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import type { Api } from "../../plugins/toolkit/api-client.ts";
import {
  associationsSchema,
  batchSchema,
  type CrmObject,
  objectSchema,
  pageSchema,
  pipelinesSchema,
  propertySchema,
  searchSchema,
} from "./schemas.ts";
import { inbox } from "./vendor-inbox.ts";

/** The most items that a search gives at once. */
export const searchPage = 200;
/** The most objects that are read at once where their history is wanted too. */
export const batchPage = 50;
/** Ends a list whose pages lead in a circle. */
const mostPages = 1_000;
/** HubSpot's own number for a note that belongs to a ticket. */
const noteToTicket = 228;

const objects = "/crm/objects/2026-09";
const segment = encodeURIComponent;
const anything = z.unknown();
/** Reading by POST changes nothing, and may be asked again. */
const readAgain = { attempts: 3 };

export interface Filter {
  readonly propertyName: string;
  readonly operator: "EQ" | "GT" | "GTE" | "LTE" | "IN";
  readonly value?: string;
  readonly values?: readonly string[];
}

export interface SearchRequest {
  readonly filters: readonly Filter[];
  /** Ascending. */
  readonly sort: string;
  readonly properties: readonly string[];
  readonly limit?: number;
}

export interface ReadRequest {
  readonly properties: readonly string[];
  readonly history?: readonly string[];
  readonly associations?: string;
}

export interface NewNote {
  readonly ticketId: string;
  readonly html: string;
  readonly at: Date;
  readonly ownerId: string | undefined;
}

/**
 * What is not there any more, or never was, is null.
 * @param statuses of answers that say so
 */
export async function orNull<T>(work: Promise<T>, statuses: readonly number[] = [404]): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isConnectorError(error) && statuses.includes(error.status ?? 0)) return null;
    throw error;
  }
}

/** As `orNull`, for what is worth less than what it belongs to: null also where HubSpot refuses this single thing. */
export async function ifGiven<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    const isRefused = isConnectorError(error) && error.status === 403;
    if (isRefused || kindOf(error) === "permanent") return null;
    throw error;
  }
}

/** Objects by their ids. At most `batchPage` at once. */
function batchReader(api: Api) {
  return async (type: string, ids: readonly string[], request: ReadRequest, signal: AbortSignal) => {
    if (ids.length === 0) return [];
    const json = {
      inputs: ids.map((id) => ({ id })),
      properties: request.properties,
      propertiesWithHistory: request.history ?? [],
    };
    const path = `${objects}/${type}/batch/read`;
    return (await api.send("POST", path, batchSchema, { json, signal, ...readAgain })).results;
  };
}

/** Tickets, and what belongs to them. */
function tickets(api: Api) {
  const readBatch = batchReader(api);
  return {
    /** The first page alone: what comes after is asked for by another filter, since no search gives more than 10,000. */
    async searchTickets(
      { filters, sort, properties, limit = searchPage }: SearchRequest,
      signal: AbortSignal,
    ) {
      const filterGroups = filters.length > 0 ? [{ filters }] : [];
      const json = { filterGroups, sorts: [sort], properties, limit, after: "0" };
      return api.send("POST", `${objects}/tickets/search`, searchSchema, { json, signal, ...readAgain });
    },
    /** Those that are there, in any order, as HubSpot gave them. At most `batchPage` at once. */
    readTickets: (ids: readonly string[], request: ReadRequest, signal: AbortSignal) =>
      readBatch("tickets", ids, request, signal),
    /** @throws ConnectorError with status 404 where it is not there */
    readObject(type: "tickets" | "contacts", id: string, request: ReadRequest, signal: AbortSignal) {
      const query = {
        properties: request.properties.join(",") || undefined,
        propertiesWithHistory: request.history?.join(",") || undefined,
        associations: request.associations,
      };
      return api.get(`${objects}/${type}/${segment(id)}`, objectSchema, { query, signal });
    },
    async patchTicket(id: string, properties: Record<string, string>, signal: AbortSignal): Promise<void> {
      const path = `${objects}/tickets/${segment(id)}`;
      // The same values once more change nothing.
      await api.send("PATCH", path, anything, { json: { properties }, signal, ...readAgain });
    },
    /** The ids of what belongs to a ticket: those that came with it, and those of further pages. */
    async associated(ticket: CrmObject, type: "notes", signal: AbortSignal): Promise<string[]> {
      const found = Object.values(ticket.associations ?? {});
      const ids = found.flatMap(({ results }) => results.map(({ id }) => id));
      let after = found.find(({ paging }) => paging?.next)?.paging?.next?.after;
      for (let page = 0; after !== undefined && page < mostPages; page++) {
        const json = { inputs: [{ id: ticket.id, after }] };
        const path = `/crm/associations/2026-09/tickets/${type}/batch/read`;
        const { results } = await api.send("POST", path, associationsSchema, { json, signal, ...readAgain });
        ids.push(...results.flatMap(({ to }) => to.map(({ toObjectId }) => toObjectId)));
        after = results[0]?.paging?.next?.after;
      }
      return [...new Set(ids)];
    },
  };
}

function notes(api: Api) {
  const readBatch = batchReader(api);
  return {
    async readNotes(ids: readonly string[], properties: readonly string[], signal: AbortSignal) {
      const all: CrmObject[] = [];
      for (let from = 0; from < ids.length; from += batchPage) {
        const found = await readBatch("notes", ids.slice(from, from + batchPage), { properties }, signal);
        // What cannot be read is nothing that we wrote.
        all.push(...found.flatMap((one) => objectSchema.safeParse(one).data ?? []));
      }
      return all;
    },
    /** Once: HubSpot has no key by which it would know a repeat. */
    createNote({ ticketId, html, at, ownerId }: NewNote, signal: AbortSignal): Promise<CrmObject> {
      const types = [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: noteToTicket }];
      const json = {
        properties: {
          hs_timestamp: at.toISOString(),
          hs_note_body: html,
          ...(ownerId !== undefined && { hubspot_owner_id: ownerId }),
        },
        associations: [{ to: { id: ticketId }, types }],
      };
      return api.send("POST", `${objects}/notes`, objectSchema, { json, signal, attempts: 1 });
    },
    async archiveNote(id: string, signal: AbortSignal): Promise<void> {
      const path = `${objects}/notes/${segment(id)}`;
      await orNull(api.send("DELETE", path, anything, { signal, ...readAgain }));
    },
  };
}

/** How the account is set up, and whether there is anything to read: what `check` asks. */
const account = (api: Api) => ({
  peek: (type: "contacts" | "notes", signal: AbortSignal) =>
    api.get(`${objects}/${type}`, pageSchema, { query: { limit: 1 }, signal }),
  pipelines: async (signal: AbortSignal) =>
    (await api.get("/crm/pipelines/2026-09/tickets", pipelinesSchema, { signal })).results,
  property: (name: string, signal: AbortSignal) =>
    api.get(`/crm/properties/2026-09/tickets/${segment(name)}`, propertySchema, { signal }),
});

export type Vendor = ReturnType<typeof tickets> &
  ReturnType<typeof notes> &
  ReturnType<typeof account> &
  ReturnType<typeof inbox>;

export const createVendor = (api: Api): Vendor => ({
  ...tickets(api),
  ...notes(api),
  ...account(api),
  ...inbox(api),
});
