/** What an operator may set for a HubSpot account. */
import { hash } from "node:crypto";
import { z } from "zod";
import type { Quota } from "../../plugins/contract/connector.ts";
import { storableText } from "../../plugins/contract/events.ts";
import { secret } from "../../plugins/contract/secret.ts";
import { readLimits } from "./limits.ts";

const label = storableText(100).min(1);
const propertyName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,99}$/, "expected the internal name of a property, such as hs_ticket_priority");
const id = z.string().regex(/^[\w-]{1,100}$/, "expected an id");
const number = z.string().regex(/^\d{1,20}$/, "expected an id of digits alone");

const minConfidence = z
  .number()
  .min(0)
  .max(1)
  .default(0.8)
  .describe("How sure a label must be, 0 to 1. One that is less sure stands in the note alone.");

/** A property for a label whose values each account names for itself. */
const field = z.strictObject({
  property: propertyName.describe("The internal name of a ticket property."),
  minConfidence,
  values: z
    .record(label, storableText(200).min(1))
    .refine((values) => Object.keys(values).length > 0, { error: "expected a value for one label at least" })
    .describe("HubSpot's value for each of our labels; a label that is not named is never set."),
});

const priority = z.strictObject({
  property: propertyName.default("hs_ticket_priority").describe("The internal name of a ticket property."),
  minConfidence,
  values: field.shape.values
    .default({ urgent: "URGENT", high: "HIGH", normal: "MEDIUM", low: "LOW" })
    .describe("HubSpot's value for each of our labels; a label that is not named is never set."),
});

const fields = z
  .strictObject({
    type: field
      .optional()
      .describe("The property for the type: question, incident, problem, request, complaint."),
    priority: priority.optional().describe("The property for the priority: urgent, high, normal, low."),
    department: field
      .optional()
      .describe("The property for the department: billing, orders, shipping and so on."),
  })
  .superRefine((all, ctx) => {
    const names = Object.values(all).flatMap((one) => (one ? [one.property] : []));
    if (new Set(names).size < names.length)
      ctx.addIssue({ code: "custom", message: "expected another property for each label" });
  });

const oauth = z.strictObject({
  clientId: z.string().min(1).max(200).describe("The app's client id."),
  clientSecret: secret().describe("The app's client secret."),
  refreshToken: secret().describe("What a person got by authorising the app for this account."),
});

export const hubspotConfig = z
  .strictObject({
    accessToken: secret()
      .optional()
      .describe("The static token of an app in this account, or a service key. Either this or oauth."),
    oauth: oauth.optional().describe("Instead of accessToken: an app that a person has authorised."),
    clientSecret: secret()
      .optional()
      .describe(
        "The app's client secret, by which webhooks are known to be genuine. Without it they are all refused.",
      ),
    publicUrl: z
      .url({ protocol: /^https?$/, error: "expected an address such as https://hub.example.com" })
      .transform((value) => value.replace(/\/+$/, ""))
      .optional()
      .describe(
        "The hub's address as HubSpot calls it, such as https://hub.example.com. Default: the one in the request.",
      ),
    url: z
      .url({ protocol: /^https?$/, error: "expected an https:// address" })
      .default("https://api.hubapi.com")
      .describe("The address of HubSpot's API."),
    pollSeconds: z
      .int()
      .min(5)
      .max(300)
      .default(20)
      .describe("Seconds between two looks for changed tickets."),
    overlapSeconds: z
      .int()
      .min(30)
      .max(3_600)
      .default(120)
      .describe(
        "How far each look goes back behind the last one, in seconds: HubSpot's search learns of changes late.",
      ),
    pipelines: z
      .array(id)
      .max(100)
      .default([])
      .describe("Ids of the pipelines whose tickets are read. Default: all."),
    closedStages: z
      .array(id)
      .max(500)
      .default([])
      .describe(
        "Ids of the stages in which a ticket wants no draft. Default: those that HubSpot itself counts as closed.",
      ),
    ownerId: number
      .optional()
      .describe("The id of the owner in whose name notes are written. Default: nobody's."),
    fields: fields
      .default({})
      .describe("Properties that are set with a draft, where no person has chosen a value."),
    maxBytes: z
      .int()
      .min(10_000)
      .max(100_000_000)
      .default(20_000_000)
      .describe("The largest file that is loaded, in bytes; a larger one is left out."),
  })
  .superRefine((config, ctx) => {
    if (!config.accessToken && !config.oauth)
      ctx.addIssue({ code: "custom", path: ["accessToken"], message: "expected accessToken, or oauth" });
    if (config.accessToken && config.oauth)
      ctx.addIssue({ code: "custom", path: ["oauth"], message: "expected accessToken or oauth, not both" });
  });

export type HubspotConfig = z.output<typeof hubspotConfig>;

/** The labels that a property may be set for. */
export type FieldName = keyof HubspotConfig["fields"];

export interface Field {
  readonly name: FieldName;
  readonly property: string;
  readonly minConfidence: number;
  readonly values: Readonly<Record<string, string>>;
}

/** The properties that the config names, in a fixed order. */
export function fieldsOf({ fields }: Pick<HubspotConfig, "fields">): Field[] {
  const names: FieldName[] = ["type", "priority", "department"];
  return names.flatMap((name) => {
    const found = fields[name];
    return found ? [{ name, ...found }] : [];
  });
}

/** HubSpot counts by app and account, which the credentials stand for. Their hash is the same on all nodes, and tells nothing. */
export function quotaOf({ url, accessToken, oauth }: HubspotConfig): Quota {
  const { host, origin } = new URL(url);
  const seed = accessToken?.reveal() ?? `${oauth?.clientId} ${oauth?.refreshToken.reveal()}`;
  return {
    account: `hubspot:${host}:${hash("sha256", seed).slice(0, 16)}`,
    ...readLimits(origin),
  };
}
