/** The fake's tickets, notes and contacts, as their API answers. */
import type { z } from "zod";
import type { associationsBody, batchBody, noteBody, patchBody, searchBody } from "./fake-contract.ts";
import type { Asked } from "./fake-request.ts";
import { type FakeObject, type FakeStore, type FakeTicket, iso } from "./fake-store.ts";

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface CrmOptions {
  /** No search gives more results than these. */
  readonly searchLimit: number;
  /** How many associations come with an object at once. */
  readonly associationPage: number;
  readonly appId: string;
}

export const notFound: Reply = { status: 404, body: { category: "OBJECT_NOT_FOUND" } };
export const invalid = (message: string): Reply => ({
  status: 400,
  body: { category: "VALIDATION_ERROR", message },
});

export const pipelines = [
  {
    id: "0",
    label: "Support",
    stages: [
      { id: "1", metadata: { ticketState: "OPEN", isClosed: "false" } },
      { id: "2", metadata: { ticketState: "OPEN", isClosed: "false" } },
      { id: "4", metadata: { ticketState: "CLOSED", isClosed: "true" } },
    ],
  },
  {
    id: "77",
    label: "Returns",
    stages: [
      { id: "771", metadata: { ticketState: "OPEN" } },
      { id: "779", metadata: { ticketState: "CLOSED" } },
    ],
  },
];

const options: Record<string, string[]> = {
  hs_ticket_priority: ["LOW", "MEDIUM", "HIGH", "URGENT"],
  topic: ["BILLING", "SHIPPING"],
};

function property(name: string): Reply {
  const values = options[name];
  if (!values) return notFound;
  const shown = values.map((value) => ({ value, label: value, hidden: false }));
  const about = { label: name, description: "", groupName: "ticketinformation" };
  return { status: 200, body: { name, type: "enumeration", fieldType: "select", ...about, options: shown } };
}

function shown(object: FakeObject, properties: readonly string[], history: readonly string[] = []) {
  const wanted = ["hs_object_id", "createdate", "hs_lastmodifieddate", ...properties, ...history];
  return {
    id: object.id,
    archived: object.archived,
    createdAt: iso(object.createdAt),
    updatedAt: iso(object.updatedAt),
    properties: Object.fromEntries(wanted.map((name) => [name, object.properties[name] ?? null])),
    ...(history.length > 0 && {
      propertiesWithHistory: Object.fromEntries(history.map((name) => [name, object.history[name] ?? []])),
    }),
  };
}

type Search = z.output<typeof searchBody>;
type Filter = Search["filterGroups"][number]["filters"][number];

const numeric = (value: string | null | undefined) =>
  value && /^\d{4}-/.test(value) ? Date.parse(value) : Number(value);

function matches(
  properties: FakeObject["properties"],
  { propertyName, operator, value, values }: Filter,
): boolean {
  const own = properties[propertyName];
  if (operator === "IN") return values?.includes(own ?? "") ?? false;
  const [a, b] = [numeric(own), numeric(value)];
  if (operator === "EQ") return own === value || a === b;
  if (operator === "GT") return a > b;
  if (operator === "GTE") return a >= b;
  if (operator === "LTE") return a <= b;
  throw new Error(`the fake does not know ${operator}`);
}

function search(store: FakeStore, request: Search, { searchLimit }: CrmOptions): Reply {
  store.index();
  const known = [...store.tickets.values()].flatMap((ticket) =>
    ticket.indexed ? [{ ...ticket, ...ticket.indexed }] : [],
  );
  const { filterGroups, sorts, limit } = request;
  const found = known.filter(({ properties }) => {
    return (
      filterGroups.length === 0 ||
      filterGroups.some((group) => group.filters.every((one) => matches(properties, one)))
    );
  });
  const [by = "hs_object_id"] = sorts;
  // What is equal comes in no order, and what was deleted meanwhile is missing from its page.
  const order = found.toReversed().toSorted((a, b) => numeric(a.properties[by]) - numeric(b.properties[by]));
  const from = Number(request.after || 0);
  if (from + limit > searchLimit) return invalid(`no more than ${searchLimit} results`);
  const there = order.slice(from, from + limit).filter(({ archived }) => !archived);
  const results = there.map((ticket) => shown(ticket, request.properties));
  const after = from + limit < found.length ? { paging: { next: { after: String(from + limit) } } } : {};
  return { status: 200, body: { total: found.length, results, ...after } };
}

function batchRead(objects: Map<string, FakeObject>, request: z.output<typeof batchBody>): Reply {
  const found = request.inputs.flatMap(({ id }) => {
    const object = objects.get(id);
    return object && !object.archived
      ? [shown(object, request.properties, request.propertiesWithHistory)]
      : [];
  });
  const missing = request.inputs.length - found.length;
  const errors = { numErrors: 1, errors: [{ status: "error", category: "OBJECT_NOT_FOUND" }] };
  const times = { startedAt: iso(Date.now()), completedAt: iso(Date.now()), status: "COMPLETE" };
  // In another order than they were asked for.
  const results = found.toReversed();
  return { status: missing > 0 ? 207 : 200, body: { ...times, results, ...(missing > 0 && errors) } };
}

const split = (names: string | undefined) => names?.split(",") ?? [];

function idsOf(store: FakeStore, ticket: FakeTicket, type: string): string[] {
  const ids = type === "notes" ? ticket.notes : ticket.contacts;
  const objects = type === "notes" ? store.notes : store.contacts;
  return ids.filter((id) => objects.get(id)?.archived === false);
}

function paged<T>(all: readonly T[], after: string | undefined, size: number) {
  const from = Number(after ?? 0);
  const next = from + size < all.length ? { paging: { next: { after: String(from + size) } } } : {};
  return { part: all.slice(from, from + size), next };
}

function read(
  store: FakeStore,
  type: string,
  id: string,
  { query }: Asked,
  { associationPage }: CrmOptions,
): Reply {
  const object = (type === "tickets" ? store.tickets : store.contacts).get(id);
  if (!object || object.archived) return notFound;
  const body = shown(object, split(query.properties), split(query.propertiesWithHistory));
  const [wanted] = split(query.associations);
  if (wanted === undefined || type !== "tickets") return { status: 200, body };
  const { part, next } = paged(idsOf(store, object as FakeTicket, wanted), undefined, associationPage);
  if (part.length === 0) return { status: 200, body };
  // One object may be joined in two ways, and is then named twice.
  const results = part.flatMap((one) => [
    { id: one, type: `ticket_to_${wanted}` },
    { id: one, type: `ticket_to_${wanted}_unlabeled` },
  ]);
  return { status: 200, body: { ...body, associations: { [wanted]: { results, ...next } } } };
}

function associations(
  store: FakeStore,
  type: string,
  { inputs }: z.output<typeof associationsBody>,
  { associationPage }: CrmOptions,
): Reply {
  const results = inputs.flatMap(({ id, after }) => {
    const ticket = store.tickets.get(id);
    if (!ticket) return [];
    const { part, next } = paged(idsOf(store, ticket, type), after, associationPage);
    return [{ from: { id }, to: part.map((one) => ({ toObjectId: one, associationTypes: [] })), ...next }];
  });
  const times = { startedAt: iso(Date.now()), completedAt: iso(Date.now()), status: "COMPLETE" };
  return { status: 200, body: { ...times, results } };
}

function createNote(store: FakeStore, request: z.output<typeof noteBody>, { appId }: CrmOptions): Reply {
  const ticket = store.tickets.get(request.associations[0]?.to.id ?? "");
  if (!ticket || ticket.archived) return invalid("there is no such ticket");
  const at = store.tick();
  const id = store.nextId();
  const origin = { hs_object_source: "INTEGRATION", hs_object_source_id: appId };
  const properties = { ...request.properties, ...origin };
  const note = { id, createdAt: at, updatedAt: at, archived: false, properties, history: {} };
  store.notes.set(id, note);
  ticket.notes.push(id);
  store.touch(ticket);
  return { status: 201, body: shown(note, Object.keys(properties)) };
}

function patchTicket(
  store: FakeStore,
  id: string,
  request: z.output<typeof patchBody>,
  { appId }: CrmOptions,
): Reply {
  const ticket = store.tickets.get(id);
  if (!ticket || ticket.archived) return notFound;
  for (const [name, value] of Object.entries(request.properties))
    if (value !== "" && options[name]?.includes(value) !== true)
      return invalid(`${name} has no option ${value}`);
  store.change(ticket, request.properties, { sourceType: "INTEGRATION", sourceId: appId });
  return { status: 200, body: shown(ticket, Object.keys(request.properties)) };
}

/** The answer to an operation of the CRM; null for any other. */
export function answerCrm(store: FakeStore, asked: Asked, settings: CrmOptions): Reply | null {
  const { operation, parts, body } = asked;
  const [first = "", second = ""] = parts;
  const byType = { tickets: store.tickets, notes: store.notes, contacts: store.contacts };
  const ofType = (type: string): Map<string, FakeObject> => byType[type as keyof typeof byType];
  switch (operation.name) {
    case "search":
      return search(store, body as Search, settings);
    case "batch-read":
      return batchRead(ofType(first), body as z.output<typeof batchBody>);
    case "read":
      return read(store, first, second, asked, settings);
    case "list": {
      const all = [...ofType(first).values()].filter(({ archived }) => !archived);
      const { part, next } = paged(all, asked.query.after, Number(asked.query.limit ?? 10));
      return { status: 200, body: { results: part.map((one) => shown(one, [])), ...next } };
    }
    case "create-note":
      return createNote(store, body as z.output<typeof noteBody>, settings);
    case "patch-ticket":
      return patchTicket(store, first, body as z.output<typeof patchBody>, settings);
    case "archive-note": {
      const note = store.notes.get(first);
      if (note) note.archived = true;
      return { status: 204 };
    }
    case "associations":
      return associations(store, first, body as z.output<typeof associationsBody>, settings);
    case "pipelines":
      return { status: 200, body: { results: pipelines } };
    case "property":
      return property(first);
    default:
      return null;
  }
}
