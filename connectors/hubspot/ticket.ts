/** A ticket as HubSpot keeps it, in our own terms; and which tickets are ours to read. */
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { rejected } from "../../plugins/toolkit/items.ts";
import type { HubspotClient } from "./client.ts";
import type { Field } from "./config.ts";
import { type CrmObject, type HistoryEntry, objectSchema } from "./schemas.ts";
import { batchPage, type ReadRequest } from "./vendor.ts";

export interface Ticket {
  readonly id: string;
  readonly subject: string | undefined;
  readonly createdAt: Date;
  /** What a form or another program wrote into the ticket itself: its first message, where it has no thread. */
  readonly content: string | null;
  readonly pipeline: string;
  readonly stage: string;
  readonly object: CrmObject;
}

const wanted = [
  "subject",
  "content",
  "hs_pipeline",
  "hs_pipeline_stage",
  "source_type",
  "hs_object_source",
  "hs_object_source_label",
  "createdate",
  "hs_lastmodifieddate",
];

/** What is asked of a ticket wherever it is read. */
export function ticketRequest({ fields }: Pick<HubspotClient, "fields">): ReadRequest {
  const history = fields.map(({ property }) => property);
  return { properties: [...wanted, ...history], history };
}

/**
 * Whether the ticket's own text is what a customer wrote. Of those that came by mail or chat it is a copy of the first
 * message, which comes with their thread; of those that an agent opened by hand it is the agent's.
 */
function isWrittenByCustomer(properties: CrmObject["properties"]): boolean {
  const channel = (properties.source_type ?? "").toUpperCase();
  if (channel !== "") return channel === "FORM";
  const origin = (properties.hs_object_source ?? properties.hs_object_source_label ?? "").toUpperCase();
  return /^(FORMS?|INTEGRATION|API|INTEGRATIONS_PLATFORM)$/.test(origin);
}

export function toTicket(object: CrmObject): Ticket {
  const { id, createdAt, properties } = object;
  const subject = properties.subject?.trim();
  const content = properties.content?.trim() ?? "";
  return {
    id,
    createdAt,
    subject: subject || undefined,
    content: content !== "" && isWrittenByCustomer(properties) ? content : null,
    pipeline: properties.hs_pipeline ?? "",
    stage: properties.hs_pipeline_stage ?? "",
    object,
  };
}

export function isOurs({ ctx }: HubspotClient, { pipeline }: Ticket): boolean {
  const { pipelines } = ctx.config;
  return pipelines.length === 0 || pipelines.includes(pipeline);
}

export interface Tickets {
  /** In the order in which they were asked for. Deleted and merged ones are left out, and so are others' pipelines. */
  readonly tickets: Ticket[];
  /** Those that cannot be read, for the quarantine. */
  readonly broken: ConnectorEventInput[];
}

/** The tickets of these ids. */
export async function readTickets(
  client: HubspotClient,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Tickets> {
  const found = new Map<string, Ticket>();
  const broken: ConnectorEventInput[] = [];
  for (let from = 0; from < ids.length; from += batchPage) {
    const batch = ids.slice(from, from + batchPage);
    for (const raw of await client.vendor.readTickets(batch, ticketRequest(client), signal)) {
      const { data, error } = objectSchema.safeParse(raw);
      if (error) {
        broken.push(rejected("ticket:", raw, error, { kind: "ticket", ticket: raw }));
        continue;
      }
      const ticket = toTicket(data);
      if (isOurs(client, ticket)) found.set(ticket.id, ticket);
    }
  }
  return { tickets: ids.flatMap((id) => found.get(id) ?? []), broken };
}

/** Sources that have a user's id with them, and are no person's own choice. */
const machines =
  /^(INTEGRATION|API|AUTOMATION|WORKFLOW|CALCULATED|IMPORT|FORM|BOT|AI_|SYSTEM|MERGE|MIGRATION|BEHAVIORAL|BATCH|DEFAULT)/;

/** Whether a person chose this value in HubSpot. */
export function isByPerson({ sourceType, updatedByUserId }: HistoryEntry): boolean {
  const source = sourceType.toUpperCase();
  if (/^(CRM_UI|MOBILE)/.test(source)) return true;
  return typeof updatedByUserId === "number" && !machines.test(source);
}

/** The values that a property has had, newest first. */
export function historyOf({ object }: Ticket, property: string): HistoryEntry[] {
  const entries = object.propertiesWithHistory?.[property] ?? [];
  return entries.toSorted((a, b) => b.timestamp.getTime() - a.timestamp.getTime());
}

function labelOf({ values }: Field, value: string | null | undefined): string | undefined {
  return Object.keys(values).find((label) => values[label] === value);
}

/** What people chose for the ticket's properties, in labels of ours: lessons for the classifier. */
export function corrections(ticket: Ticket, fields: readonly Field[]): ConnectorEventInput[] {
  return fields.flatMap((field) =>
    historyOf(ticket, field.property).flatMap((entry): ConnectorEventInput[] => {
      const label = labelOf(field, entry.value);
      if (label === undefined || !isByPerson(entry)) return [];
      const { timestamp, updatedByUserId } = entry;
      return [
        {
          kind: "label-correction",
          externalId: `ticket:${ticket.id}:${field.property}:${timestamp.getTime()}`,
          threadId: ticket.id,
          labels: { [field.name]: label },
          ...(typeof updatedByUserId === "number" && { agent: { externalId: String(updatedByUserId) } }),
          at: timestamp,
        },
      ];
    }),
  );
}
