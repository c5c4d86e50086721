/** What an operator may set for a Zendesk account. */
import { z } from "zod";
import { storableText } from "../../plugins/contract/events.ts";
import { secret } from "../../plugins/contract/secret.ts";

const oauth = z.strictObject({
  clientId: z
    .string()
    .min(1)
    .describe("The unique identifier of your OAuth client, as Admin Center shows it."),
  clientSecret: secret().describe("Its secret."),
  refreshToken: secret()
    .optional()
    .describe(
      "What an admin got by authorising the client. Without it the client signs in by itself (client credentials).",
    ),
  scope: z.string().min(1).default("read write").describe("What is asked for, such as `read write`."),
});

/** How our labels become values of a ticket's field. */
const fieldRule = z
  .strictObject({
    field: z
      .union([z.enum(["priority", "type", "group_id"]), z.int().positive()])
      .describe("priority, type, group_id, or the number of a custom field."),
    from: z.enum(["type", "priority", "department"]).describe("The label that decides the value."),
    minConfidence: z
      .number()
      .min(0)
      .max(1)
      .default(0.8)
      .describe("The field is set only where the label is at least this certain."),
    values: z
      .record(z.string(), z.union([storableText(255).min(1), z.int()]))
      .optional()
      .describe(
        "From the label to the field's value: a group's number, a tag of a drop-down. Labels that are not named are not set. Needed, but for priority from priority.",
      ),
    overRules: z
      .boolean()
      .default(false)
      .describe(
        "Whether a value that a trigger or an automation has set may be changed. What a person chose never is.",
      ),
  })
  .superRefine((rule, ctx) => {
    const fault = (message: string) => ctx.addIssue({ code: "custom", path: ["values"], message });
    const values = Object.values(rule.values ?? {});
    const isOwn = rule.field === "priority" && rule.from === "priority";
    if (rule.values === undefined && !isOwn) fault("needed: which value stands for which label");
    if (rule.field === "priority" && !values.every((value) => priorities.includes(String(value))))
      fault(`expected ${priorities.join(", ")}`);
    if (rule.field === "type" && !values.every((value) => types.includes(String(value))))
      fault(`expected ${types.join(", ")}`);
    if (rule.field === "group_id" && !values.every((value) => typeof value === "number"))
      fault("expected the numbers of groups");
  });

const priorities = ["urgent", "high", "normal", "low"];
const types = ["problem", "incident", "question", "task"];

export const zendeskConfig = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "expected an address, such as https://acme.zendesk.com" })
      .transform((value) => new URL(value).origin)
      .describe("The account's own address, such as https://acme.zendesk.com."),
    oauth: oauth.optional().describe("How it signs in."),
    email: z.email().optional().describe("With apiToken: the agent that it works as."),
    apiToken: secret()
      .optional()
      .describe(
        "Instead of oauth, for accounts that have one still: Zendesk makes no new ones, and ends them on 30 April 2027.",
      ),
    webhookSecret: secret(16)
      .optional()
      .describe("The signing secret of the webhook. Without it new messages are found by polling alone."),
    pollSeconds: z
      .int()
      .min(8)
      .max(600)
      .default(15)
      .describe("Seconds between two looks. Zendesk shows there what is more than a minute old."),
    fields: z
      .array(fieldRule)
      .max(20)
      .default([])
      .describe("Fields of the ticket that are set with the note, and whose corrections are learnt from."),
    suspended: z
      .boolean()
      .default(false)
      .describe("Whether suspended tickets are read into the history too. They get no drafts."),
    maxFileBytes: z
      .int()
      .min(0)
      .max(100_000_000)
      .default(20_000_000)
      .describe("The largest attachment that is loaded, in bytes; of a larger one, only the name."),
    share: z
      .number()
      .min(0.05)
      .max(1)
      .default(0.8)
      .describe(
        "The part of the account's request limit that Deskwire takes; the rest is left to other programs.",
      ),
  })
  .superRefine((config, ctx) => {
    const fault = (path: string, message: string) => ctx.addIssue({ code: "custom", path: [path], message });
    if (!config.oauth && !config.apiToken) fault("oauth", "expected oauth, or email and apiToken");
    if (config.oauth && config.apiToken) fault("oauth", "expected oauth or apiToken, not both");
    if (config.apiToken && !config.email) fault("email", "needed with apiToken: whose token it is");
    const names = config.fields.map(({ field }) => field);
    if (new Set(names).size < names.length) fault("fields", "expected each field once");
  });

export type ZendeskConfig = z.output<typeof zendeskConfig>;
export type FieldRule = ZendeskConfig["fields"][number];
