/** The `classifier.classify` action, and the event beside it: all that the core and the ml-service know of each other. */
import { z } from "zod";

/** The most items in one call. */
export const maxClassifyBatch = 256;

export const classifyItemSchema = z.object({
  id: z.string(),
  /** Whose labels and whose model: the company's id. */
  company: z.string(),
  /** The ticket's id: all messages of a ticket are answered by the same version of a model on trial. Default: `id`. */
  ticket: z.string().optional(),
  subject: z.string().nullable(),
  text: z.string(),
  /** Who wrote it, for the company's list of VIPs. */
  requester: z.object({ email: z.string().nullable() }).optional(),
});

/** To what a rule may raise a priority, rising. */
export const raisedPriorities = ["normal", "high", "urgent"] as const;

/** Label and description. */
const labels = z.record(z.string(), z.string());

/** What a company's file says under `classifier:`. */
export const classifierSettingsSchema = z.object({
  /** The company's own labels, in place of the default ones. */
  labels: z.object({ type: labels.optional(), department: labels.optional() }).default({}),
  /** By head: the largest share of wrong labels among those that are applied. */
  risk: z.record(z.string(), z.number()).default({}),
  /** By name: a change of a built-in rule, or a rule of the company's own. */
  rules: z.record(
    z.string(),
    z.union([
      z.literal("off"),
      z.object({ raisesTo: z.enum(raisedPriorities).optional(), phrases: z.array(z.string()).optional() }),
    ]),
  ),
  /** E-mail addresses, and domains such as `@example.com`. */
  vip: z.array(z.string()),
});

export const classifyRequestSchema = z.object({
  items: z.array(classifyItemSchema).max(maxClassifyBatch),
  /** By company; it comes with each call, since a node that only classifies knows no companies. */
  settings: z.record(z.string(), classifierSettingsSchema).default({}),
});

/** The reason of a label that an LLM chose where the classifier abstained: its confidence is the classifier's, or 0. */
export const chosenByLlm = "chosen by the LLM";

const scored = z.object({ label: z.string(), confidence: z.number().min(0).max(1) });

export const predictionSchema = scored.extend({
  /** True where the confidence is under the threshold: shown, not applied by itself. */
  abstained: z.boolean(),
  /** The next best labels, best first, at most three. */
  alternatives: z.array(scored).max(3),
  /** Readable reasons beside the model's word, such as the name of a rule that fired. */
  reasons: z.array(z.string()).optional(),
});

export const classifiedSchema = z.object({
  id: z.string(),
  type: predictionSchema,
  priority: predictionSchema,
  department: predictionSchema,
  /** ISO 639-1, or null where it could not be told. */
  language: z.string().nullable(),
  /** 0 (like what the model knows) to 1 (like nothing it knows), or null where the model does not tell. */
  outOfScope: z.number().min(0).max(1).nullable(),
  /** Name and version of the model that spoke, as it is kept in the history. */
  model: z.string(),
});

export const classifyResponseSchema = z.object({ results: z.array(classifiedSchema) });

/** Told to all nodes that classify when a company is taken out of the config, and when a node joins. */
export const companiesEvent = "classifier.companies";

/** The ids of all companies in the config. Of another one, nothing needs to be kept. */
export interface CompaniesInConfig {
  readonly companies: readonly string[];
}

export type ClassifyItem = z.output<typeof classifyItemSchema>;
/** What a company's file says under `classifier:`. */
export type ClassifierSettings = z.input<typeof classifierSettingsSchema>;
export type RaisedPriority = (typeof raisedPriorities)[number];
export type ClassifyRequest = z.input<typeof classifyRequestSchema>;
export type Prediction = z.output<typeof predictionSchema>;
export type Classified = z.output<typeof classifiedSchema>;
export type ClassifyResponse = z.output<typeof classifyResponseSchema>;
