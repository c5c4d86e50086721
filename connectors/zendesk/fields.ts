/** Fields of a ticket: which of them may be set, and which label a person's choice stands for. */
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import type { ConnectorEventInput, LabelCorrection } from "../../plugins/contract/events.ts";
import { auditPages, type Client } from "./client.ts";
import type { FieldRule } from "./config.ts";
import { personOf } from "./map.ts";
import type { Audit, Ticket } from "./schema.ts";

/** Labels that Zendesk has by the same name. */
const samePriorities = { urgent: "urgent", high: "high", normal: "normal", low: "low" };

const valuesOf = (rule: FieldRule): Readonly<Record<string, string | number>> =>
  rule.values ?? samePriorities;

/** As audits name it. */
const nameOf = ({ field }: FieldRule) => String(field);

function currentOf(ticket: Ticket, { field }: FieldRule): string {
  const value =
    typeof field === "number" ? ticket.custom_fields?.find(({ id }) => id === field)?.value : ticket[field];
  return value === null || value === undefined ? "" : String(value);
}

/** Who set a field last. */
type Setter = "we" | "person" | "rule" | "nobody";

const ruleChannels = new Set(["rule", "system", "automation", "trigger"]);
const channelOf = (via: Audit["via"]) => String(via?.channel ?? "");

type AuditEvent = Audit["events"][number];

/** An event says how it came about where that is another way than its audit's. */
function setterOf(audit: Audit, event: AuditEvent, me: number | null): Setter {
  const own = channelOf(event.via);
  const channel = own === "" ? channelOf(audit.via) : own;
  if (ruleChannels.has(channel) || (audit.author_id ?? 0) <= 0) return "rule";
  return audit.author_id === me && channel === "api" ? "we" : "person";
}

function isOf(event: AuditEvent, name: string): boolean {
  if (String(event.field_name ?? "") !== name) return false;
  // That a new ticket came without a value is nobody's choice.
  return event.type === "Change" || (event.type === "Create" && (event.value ?? "") !== "");
}

/** One that cannot be read may have been a change of any field. */
const isOdd = ({ type, field_name }: AuditEvent) =>
  !type || (["Change", "Create"].includes(type) && (field_name ?? "") === "");

/** Pages of audits that are read for one note: what was set longer ago is left alone. */
const mostPages = 10;

/** Who set each of these fields last, by their names. Reads no further than it must. */
async function lastSetters(client: Client, ticketId: number, names: readonly string[], signal: AbortSignal) {
  const me = (await client.me(signal)).id;
  const found = new Map<string, Setter>();
  // Where nobody knows, it may have been a person.
  const leaveTheRest = () => {
    for (const name of names) if (!found.has(name)) found.set(name, "person");
  };
  let pages = 0;
  for await (const { audits, isWhole } of auditPages(client, ticketId, signal)) {
    if (!isWhole) leaveTheRest();
    for (const audit of audits) {
      for (const event of audit.events.toReversed()) {
        if (isOdd(event)) leaveTheRest();
        const name = names.find((one) => !found.has(one) && isOf(event, one));
        if (name !== undefined) found.set(name, setterOf(audit, event, me));
      }
    }
    if (++pages >= mostPages) leaveTheRest();
    if (found.size === names.length) break;
  }
  return found;
}

/** A person's choice stays, and so does a person's wish to have none. */
function mayChange(rule: FieldRule, current: string, setter: Setter): boolean {
  if (setter === "person") return false;
  if (current === "" || setter === "we") return true;
  return setter === "rule" && rule.overRules;
}

/** What goes into a ticket's update beside the note. */
export interface FieldUpdate {
  priority?: string;
  type?: string;
  group_id?: number;
  custom_fields?: Array<{ id: number; value: string | number }>;
}

function toUpdate(chosen: ReadonlyArray<{ rule: FieldRule; value: string | number }>): FieldUpdate {
  const update: FieldUpdate = {};
  for (const { rule, value } of chosen) {
    const { field } = rule;
    if (field === "group_id") update.group_id = Number(value);
    else if (typeof field === "string") update[field] = String(value);
    else update.custom_fields = [...(update.custom_fields ?? []), { id: field, value }];
  }
  return update;
}

/** The fields to set for a draft's labels: those whose label is certain enough, and that no person has chosen. */
export async function chooseFields(
  client: Client,
  ticket: Ticket,
  { labels }: OutgoingDraft,
  signal: AbortSignal,
): Promise<FieldUpdate> {
  const wanted = client.ctx.config.fields.flatMap((rule) => {
    const label = labels?.[rule.from];
    const value = label && valuesOf(rule)[label.value];
    if (value === undefined || label === undefined || label === null) return [];
    if (label.confidence < rule.minConfidence || currentOf(ticket, rule) === String(value)) return [];
    return [{ rule, value }];
  });
  if (wanted.length === 0) return {};
  const names = wanted.map(({ rule }) => nameOf(rule));
  const setters = await lastSetters(client, ticket.id, names, signal);
  return toUpdate(
    wanted.filter(({ rule }) =>
      mayChange(rule, currentOf(ticket, rule), setters.get(nameOf(rule)) ?? "nobody"),
    ),
  );
}

/** The label that a value stands for; undefined where none does, or several do. */
function labelOf(rule: FieldRule, value: unknown): string | undefined {
  const fitting = Object.entries(valuesOf(rule)).filter(([, one]) => String(one) === String(value));
  return fitting.length === 1 ? fitting[0]?.[0] : undefined;
}

function correctionsOf(
  rules: readonly FieldRule[],
  audit: Audit,
  me: number | null,
): Array<{ id: number; labels: LabelCorrection["labels"] }> {
  return audit.events.flatMap((event) => {
    const rule = rules.find((one) => isOf(event, nameOf(one)));
    if (!rule || typeof event.id !== "number" || event.type !== "Change") return [];
    const label = labelOf(rule, event.value);
    if (label === undefined || setterOf(audit, event, me) !== "person") return [];
    return [{ id: event.id, labels: { [rule.from]: label } }];
  });
}

/**
 * What agents have chosen by themselves, oldest first: lessons for the classifier.
 * @param since nothing older is wanted
 * @param after the newest audit that was looked at before
 */
export async function readCorrections(
  client: Client,
  ticketId: number,
  { since, after, signal }: { since: Date; after?: number | undefined; signal?: AbortSignal | undefined },
): Promise<{ events: ConnectorEventInput[]; newest: number | undefined }> {
  const { fields } = client.ctx.config;
  if (fields.length === 0) return { events: [], newest: undefined };
  const me = (await client.me(signal)).id;
  const fresh: Audit[] = [];
  let newest = after;
  for await (const { audits } of auditPages(client, ticketId, signal)) {
    newest = Math.max(newest ?? 0, audits[0]?.id ?? 0);
    const isFresh = ({ id, created_at }: Audit) => id > (after ?? 0) && new Date(created_at) >= since;
    const some = audits.filter(isFresh);
    fresh.push(...some);
    if (some.length < audits.length || audits.length === 0) break;
  }
  const found = fresh
    .toReversed()
    .flatMap((audit) => correctionsOf(fields, audit, me).map((one) => ({ audit, ...one })));
  const authors = await client.users(
    found.flatMap(({ audit }) => (audit.author_id ? [audit.author_id] : [])),
    signal,
  );
  const events = found.flatMap(({ audit, id, labels }): ConnectorEventInput[] => {
    const agent = authors.get(audit.author_id ?? 0);
    // A customer's choice in a form is no lesson of an agent's.
    if (agent?.role !== "agent" && agent?.role !== "admin") return [];
    const at = new Date(audit.created_at);
    return [
      {
        kind: "label-correction",
        externalId: `change:${id}`,
        threadId: String(ticketId),
        labels,
        agent: personOf(agent),
        at,
      },
    ];
  });
  return { events, newest };
}
