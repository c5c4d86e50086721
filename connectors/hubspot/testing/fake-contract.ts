/** What HubSpot documents of each request: the fake answers nothing else, and notes whatever goes beyond it. */
import { z } from "zod";

export interface Operation {
  readonly name: string;
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With a group for each part that is an id. */
  readonly path: RegExp;
  readonly query?: Readonly<Record<string, z.ZodType>>;
  /** Of a JSON body; `form`: of a form. */
  readonly body?: z.ZodType;
  readonly form?: z.ZodType;
  /** The scope that it needs; null: no token at all. */
  readonly scope: string | null;
}

const text = z.string();
const flag = z.enum(["true", "false"]);
const count = z.string().regex(/^[1-9]\d{0,2}$/, "expected a number");
const names = z.string().regex(/^[a-z0-9_]+(,[a-z0-9_]+)*$/, "expected names with commas between them");
const objects = "/crm/objects/2026-09";
const at = (source: string) => new RegExp(`^${source}$`);
const id = "([^/]+)";

const filter = z.strictObject({
  propertyName: text,
  operator: z.enum([
    "BETWEEN",
    "CONTAINS_TOKEN",
    "EQ",
    "GT",
    "GTE",
    "HAS_PROPERTY",
    "IN",
    "LT",
    "LTE",
    "NEQ",
    "NOT_CONTAINS_TOKEN",
    "NOT_HAS_PROPERTY",
    "NOT_IN",
  ]),
  value: text.optional(),
  values: z.array(text).optional(),
  highValue: text.optional(),
});

export const searchBody = z.strictObject({
  after: text.regex(/^\d*$/),
  filterGroups: z.array(z.strictObject({ filters: z.array(filter).min(1).max(6) })).max(6),
  limit: z.int().min(1).max(200),
  properties: z.array(text),
  // More than one is refused.
  sorts: z.array(text).max(1),
  query: text.max(3_000).optional(),
});

export const batchBody = z
  .strictObject({
    inputs: z.array(z.strictObject({ id: text })).max(100),
    properties: z.array(text),
    propertiesWithHistory: z.array(text),
    idProperty: text.optional(),
  })
  .refine(({ inputs, propertiesWithHistory: { length } }) => length === 0 || inputs.length <= 50, {
    error: "at most 50 objects with their history",
  });

export const noteBody = z.strictObject({
  properties: z.strictObject({
    hs_timestamp: z.iso.datetime(),
    hs_note_body: text.max(65_536),
    hubspot_owner_id: text.regex(/^\d+$/).optional(),
  }),
  associations: z.array(
    z.strictObject({
      to: z.strictObject({ id: text }),
      types: z.array(
        z.strictObject({
          associationCategory: z.literal("HUBSPOT_DEFINED"),
          associationTypeId: z.literal(228),
        }),
      ),
    }),
  ),
});

export const patchBody = z.strictObject({ properties: z.record(text, text) });
export const associationsBody = z.strictObject({
  inputs: z.array(z.strictObject({ id: text, after: text.optional() })),
});

const reading = { archived: flag, properties: names, propertiesWithHistory: names, associations: names };

export const crmOperations: readonly Operation[] = [
  {
    name: "search",
    method: "POST",
    path: at(`${objects}/tickets/search`),
    body: searchBody,
    scope: "tickets",
  },
  {
    name: "batch-read",
    method: "POST",
    path: at(`${objects}/(tickets|notes|contacts)/batch/read`),
    query: { archived: flag },
    body: batchBody,
    scope: "of-type",
  },
  {
    name: "read",
    method: "GET",
    path: at(`${objects}/(tickets|contacts)/${id}`),
    query: { ...reading, idProperty: text },
    scope: "of-type",
  },
  {
    name: "list",
    method: "GET",
    path: at(`${objects}/(tickets|notes|contacts)`),
    query: { ...reading, after: text, limit: count },
    scope: "of-type",
  },
  {
    name: "create-note",
    method: "POST",
    path: at(`${objects}/notes`),
    body: noteBody,
    scope: "crm.objects.contacts.write",
  },
  {
    name: "patch-ticket",
    method: "PATCH",
    path: at(`${objects}/tickets/${id}`),
    query: { idProperty: text },
    body: patchBody,
    scope: "tickets",
  },
  {
    name: "archive-note",
    method: "DELETE",
    path: at(`${objects}/notes/${id}`),
    scope: "crm.objects.contacts.write",
  },
  {
    name: "associations",
    method: "POST",
    path: at("/crm/associations/2026-09/tickets/(notes|contacts)/batch/read"),
    body: associationsBody,
    scope: "crm.objects.contacts.read",
  },
  { name: "pipelines", method: "GET", path: at("/crm/pipelines/2026-09/tickets"), scope: "tickets" },
  {
    name: "property",
    method: "GET",
    path: at(`/crm/properties/2026-09/tickets/${id}`),
    query: { archived: flag, dataSensitivity: text, locale: text, properties: text },
    scope: "tickets",
  },
];
