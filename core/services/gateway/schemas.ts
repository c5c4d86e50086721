/** The API's answers and queries, as its OpenAPI document shows them. */
import { z } from "zod";
import { maxTextLength, storableText } from "../../../plugins/contract/events.ts";
import { isId } from "../../lib/ids.ts";

const id = z.uuid();
const time = z.iso.datetime().describe("ISO 8601, UTC, milliseconds");
const person = z.object({
  name: z.string().nullable(),
  email: z.string().nullable(),
  externalId: z.string().nullable(),
});

export const stages = ["received", "classified", "drafted", "delivered", "skipped", "dead"] as const;

const scored = z.object({ label: z.string(), confidence: z.number().min(0).max(1) });
const prediction = scored.extend({
  abstained: z.boolean().describe("Too unsure to be applied by itself"),
  alternatives: z.array(scored),
  reasons: z
    .array(z.string())
    .optional()
    .describe("Why, beside the classifier's own word: rules, doubts, `chosen by the LLM`"),
});

const usage = z
  .object({ promptTokens: z.int(), completionTokens: z.int() })
  .nullable()
  .describe("In tokens, as the API told");
const llm = z
  .object({ model: z.string(), usage })
  .optional()
  .describe("The LLM that was asked for labels which the classifier had abstained from");

const attachment = z.object({
  id,
  name: z.string(),
  mediaType: z.string(),
  bytes: z.int(),
  contentId: z.string().nullable().describe("The id by which `html` shows it (`cid:`)"),
});
const source = z.object({
  title: z.string(),
  path: z.string(),
  url: z.string().optional(),
  score: z.number().optional(),
});

const progress = z.object({
  stage: z.enum(stages),
  reason: z.string().nullable().describe("Why it was skipped: answered, superseded, …"),
  error: z.object({ kind: z.string(), message: z.string(), step: z.string() }).nullable(),
  attempts: z.int().describe("Failed attempts at this stage"),
  receivedAt: time,
  classifiedAt: time.nullable(),
  draftedAt: time.nullable(),
  endedAt: time.nullable().describe("When it was delivered, skipped or given up"),
});

const classification = z.object({
  type: prediction,
  priority: prediction,
  department: prediction,
  llm,
  language: z.string().nullable(),
  outOfScope: z.number().nullable(),
  model: z.string(),
  at: time,
});

const outcome = z.object({
  kind: z.enum(["sent-unchanged", "edited", "not-used"]),
  replyId: id,
  editDistance: z.int().describe("Characters that an agent changed"),
  at: time,
});

const draft = z.object({
  id,
  text: z.string(),
  language: z.string().nullable(),
  writtenBy: z.string().describe("The model, or `offline` where no LLM wrote it"),
  sources: z.array(source),
  notes: z.array(z.string()).describe("What agents should know of the draft"),
  usage,
  externalId: z.string().nullable().describe("The draft's id in the helpdesk"),
  createdAt: time,
  deliveredAt: time.nullable(),
  outcome: outcome.nullable(),
});

const message = z.object({
  id,
  externalId: z.string(),
  from: z.enum(["requester", "agent"]),
  author: person,
  text: z.string().describe("What was newly written"),
  quoted: z.string().nullable().describe("What was taken off the text: quotes and signatures"),
  html: z.string().nullable().describe("Sanitised; without it there is only the text"),
  hasRaw: z.boolean().describe("Whether `/v1/messages/{id}/raw` has the message as its source had it"),
  sentAt: time,
  receivedAt: time,
  attachments: z.array(attachment),
  progress: progress.nullable().describe("Null for agents' replies"),
  classification: classification.nullable(),
  draft: draft.nullable(),
});

const ticketFields = {
  id,
  code: z.string().describe("Its short name in subject lines"),
  connector: z.string().describe("The connector's key in the company's file"),
  threadId: z.string(),
  subject: z.string().nullable(),
  requester: person,
  createdAt: time,
  updatedAt: time,
};

export const ticketSchema = z.object({
  ...ticketFields,
  related: z.array(id).describe("Tickets linked with it: a message of one names a message of the other"),
  messages: z.array(message),
});

const ledger = z.object({
  attemptedAt: time,
  checkedAt: time.nullable().describe("The last comparison that came to its end; the figures are its own"),
  since: time.nullable().describe("What came to the source between these two was compared"),
  until: time.nullable(),
  listed: z.int().describe("Items of the source: known, passed over, healed and still missing together"),
  known: z.int().describe("Stored, or in quarantine, before the comparison"),
  passedOver: z.int().describe("Agents' replies to people who never wrote: they belong to no ticket"),
  healed: z.int().describe("Missed before, and fetched by the comparison"),
  stillMissing: z.int(),
  error: z.string().nullable().describe("Why the last attempt failed, or could not fetch what was missing"),
});

export const connectorListSchema = z.object({
  connectors: z.array(
    z.object({
      name: z.string().describe("The connector's key in the company's file."),
      plugin: z.string(),
      state: z.enum(["closed", "open", "paused"]).describe("`paused`: its credentials were refused."),
      detail: z.string().nullable().describe("What is wrong, where something is."),
      source: z
        .object({
          read: z
            .boolean()
            .describe("False where the last attempt failed, or nothing was read for ten minutes."),
          lastReadAt: z.iso.datetime().nullable(),
          failures: z.int().describe("Attempts that failed since then."),
        })
        .nullable()
        .describe("Of connectors that are read, such as a mailbox."),
      ledger: ledger
        .nullable()
        .describe("The last comparison of what the source holds with what is stored; null before the first."),
      overdue: z
        .int()
        .describe("Messages that have been open for longer than an hour; at most 10,000 are counted."),
    }),
  ),
});

export const quarantineListSchema = z.object({
  items: z.array(
    z.object({
      id,
      connector: z.string().describe("The connector's key in the company's file"),
      externalId: z.string(),
      reason: z.string().describe("Why it could not be read"),
      createdAt: time,
      hasRaw: z.boolean().describe("Whether it can be read once more"),
    }),
  ),
  next: z.string().nullable().describe("Pass it as `cursor` for the next page; null on the last one"),
});

export const ticketListSchema = z.object({
  tickets: z.array(
    z.object({
      ...ticketFields,
      stage: z.enum(stages).nullable().describe("Of the newest message"),
      labels: z.object({ type: z.string(), priority: z.string(), department: z.string() }).nullable(),
      preview: z.string().nullable(),
    }),
  ),
  next: z.string().nullable().describe("Pass it as `cursor` for the next page; null on the last one"),
});

export const draftListSchema = z.object({
  drafts: z.array(
    z.object({
      id,
      ticketId: id,
      threadId: z.string(),
      messageId: id,
      messageExternalId: z.string(),
      text: z.string(),
      language: z.string().nullable(),
      writtenBy: z.string(),
      sources: z.array(source),
      notes: z.array(z.string()),
      labels: z.object({ type: prediction, priority: prediction, department: prediction, llm }).nullable(),
      createdAt: time,
    }),
  ),
  next: z.string().nullable().describe("Pass it as `after` for the next page; null on the last one"),
});

export const acceptedSchema = z.object({
  accepted: z.array(
    z.object({
      externalId: z.string(),
      messageId: id,
      ticketId: id,
      duplicate: z.boolean().describe("It was stored before; nothing was changed"),
    }),
  ),
});

export const replyRequestSchema = z.strictObject({
  text: storableText(maxTextLength).min(1).describe("What the customer gets"),
  draftId: z.uuid().optional().describe("The draft that the reply was made from"),
  agent: z
    .strictObject({ name: storableText(320).optional(), email: storableText(320).optional() })
    .optional(),
  externalId: storableText(512)
    .min(1)
    .optional()
    .describe("Makes the reply unique; a second one with it changes nothing"),
});

export const replySchema = z.object({
  messageId: id,
  ticketId: id,
  duplicate: z.boolean(),
  outcome: z
    .object({ draftId: id, kind: z.enum(["sent-unchanged", "edited", "not-used"]), editDistance: z.int() })
    .nullable(),
});

export const idParams = z.object({ id: z.string().refine(isId, "expected a UUID") });

const label = storableText(100).min(1);
const limit = z
  .string()
  .regex(/^[1-9]\d{0,2}$/, "expected a number from 1 to 100")
  .transform(Number)
  .pipe(z.int().max(100, "expected a number from 1 to 100"))
  .default(25)
  .meta({ type: "integer", minimum: 1, maximum: 100 });

export const ticketQuery = z.strictObject({
  stage: z.enum(stages).optional(),
  type: label.optional(),
  priority: label.optional(),
  department: label.optional(),
  connector: label.optional(),
  text: storableText(500).min(1).optional().describe("Words that the subject or a message must hold"),
  limit,
  cursor: z.uuid().optional().describe("`next` of the page before"),
});

export const quarantineQuery = z.strictObject({
  connector: label.optional(),
  limit,
  cursor: z.uuid().optional().describe("`next` of the page before"),
});

export const draftQuery = z.strictObject({
  connector: label.optional(),
  after: z.uuid().optional().describe("`next` of the page before"),
  limit,
});

const check = z.looseObject({ ok: z.boolean(), detail: z.string().optional() });
export const healthSchema = z.object({
  status: z.enum(["ok", "unavailable"]).describe("`ok`: the node has what its own work needs"),
  degraded: z
    .boolean()
    .optional()
    .describe("Something is wrong, here or on another node; `checks` says what"),
  node: z.object({ name: z.string(), roles: z.array(z.string()) }).optional(),
  checks: z.record(z.string(), check).optional(),
});
