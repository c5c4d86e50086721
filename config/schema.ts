/** What may stand in `hub.yaml` and in a company's file. The reference in `docs/reference/config.md` is made from here. */
import { z } from "zod";
import { secret } from "../plugins/contract/secret.ts";
import { classifierSchema } from "./classifier-schema.ts";
import { encoderSchema } from "./encoder-schema.ts";

export const roles = ["api", "connectors", "pipeline", "ml"] as const;
export type Role = (typeof roles)[number];

const origin = z.string().refine((value) => URL.canParse(value) && new URL(value).origin === value, {
  error: "expected an origin, such as https://shop.example (no path, no trailing slash)",
});

/** Where drafts come from. Without a key or a base URL, the offline drafter composes them from the company's own articles. */
export const drafterSchema = z.strictObject({
  baseUrl: z
    .url()
    .optional()
    .describe("Address of an OpenAI-compatible API, ending in /v1. Default: OpenAI's own."),
  key: secret().optional().describe("The API key. Without key and baseUrl no LLM is asked."),
  model: z.string().min(1).default("gpt-4.1-mini").describe("The model's name as the API knows it."),
  temperature: z.number().min(0).max(2).default(0.2).describe("0 is the most predictable."),
  maxTokens: z.int().min(50).max(8_000).default(700).describe("The longest answer, in tokens."),
  timeoutMs: z.int().min(1_000).max(600_000).default(60_000).describe("Milliseconds for one call."),
  instructions: z
    .string()
    .max(4_000)
    .optional()
    .describe("What the drafts should be like: tone, signature, things never to promise."),
  prices: z
    .strictObject({
      inputPerMillion: z.number().min(0).describe("For a million tokens that the model reads."),
      outputPerMillion: z.number().min(0).describe("For a million tokens that it writes."),
      currency: z
        .string()
        .regex(/^[A-Z]{3}$/, { error: "expected three capital letters, such as EUR" })
        .default("USD")
        .describe("Three letters."),
    })
    .optional()
    .describe("What the API asks for, so that `deskwire plan` can tell the cost of a month."),
});

export const hubSchema = z.strictObject({
  http: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1").describe("Address to listen on. 0.0.0.0 for all."),
      port: z.int().min(0).max(65_535).default(3000).describe("Port to listen on; 0 takes a free one."),
      publicUrl: z
        .url()
        .optional()
        .describe("The address that the outside world uses, where a proxy stands in front."),
      maxBodyBytes: z
        .int()
        .min(1_000)
        .max(50_000_000)
        .default(9_000_000)
        .describe("The largest request body, in bytes; larger ones are answered with 413."),
      rateLimit: z
        .strictObject({
          perSecond: z.number().positive().default(2_000).describe("Requests a second, on average."),
          burst: z.int().positive().default(10_000).describe("Requests at once."),
        })
        .prefault({})
        .describe("Per API key; for requests to connectors, a twentieth of it per address."),
      trustProxy: z
        .boolean()
        .default(false)
        .describe("Take the sender's address from X-Forwarded-For. Only behind a proxy that sets it."),
      operatorKey: secret(16)
        .optional()
        .describe("Bearer key for GET /metrics. Without it, only this machine may read them."),
      corsOrigins: z
        .array(origin)
        .default([])
        .describe("Origins whose pages may call /v1 from a browser. None by default."),
    })
    .prefault({}),
  database: z
    .strictObject({
      url: secret()
        .optional()
        .describe("postgres://… of a PostgreSQL 15 or newer. Without it, one is started by Deskwire itself."),
      poolSize: z
        .int()
        .min(4)
        .max(100)
        .default(8)
        .describe("Connections of one node; a quarter of them is for searches."),
    })
    .prefault({}),
  nats: z
    .strictObject({
      url: z
        .string()
        .min(1)
        .optional()
        .describe(
          "Such as nats://nats.internal:4222; several, separated by commas, for a cluster. With it this node is one of many; without it, all is in one process.",
        ),
      user: z.string().min(1).optional().describe("Where the server asks for a user and a password."),
      password: secret().optional(),
      token: secret().optional().describe("Where the server asks for a token."),
      replicas: z
        .int()
        .min(1)
        .max(5)
        .default(1)
        .describe(
          "Servers that keep each queued item. PostgreSQL has the messages themselves, so 1 is safe.",
        ),
    })
    .prefault({})
    .describe("How nodes find each other."),
  ledger: z
    .strictObject({
      everyMinutes: z
        .int()
        .min(0)
        .max(1_440)
        .default(60)
        .describe("Minutes between two comparisons of each source with what is stored; 0 turns them off."),
      windowHours: z.int().min(1).max(720).default(48).describe("How far back a comparison looks, in hours."),
    })
    .prefault({})
    .describe("The completeness ledger: what a source holds and we do not is reported and fetched."),
  stateDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder for the embedded database, files and generated secrets, relative to this file. Default: .deskwire beside config/.",
    ),
  pipeline: z
    .strictObject({
      classifyBatch: z.int().min(1).max(256).default(32).describe("Messages in one call of the model."),
      draftConcurrency: z.int().min(1).max(1_000).default(64).describe("LLM calls in flight on one node."),
      deliverConcurrency: z.int().min(1).max(1_000).default(64).describe("Deliveries in flight on one node."),
      attempts: z
        .int()
        .min(1)
        .max(50)
        .default(8)
        .describe("Attempts at one stage before a message becomes a dead letter."),
      firstRetryMs: z
        .int()
        .min(100)
        .max(600_000)
        .default(1_000)
        .describe("Milliseconds before the second attempt; doubles from there, up to 15 minutes."),
      stalledMs: z
        .int()
        .min(1_000)
        .max(3_600_000)
        .default(60_000)
        .describe("Milliseconds after which a message that stands still is queued again."),
    })
    .prefault({}),
  drafter: drafterSchema.prefault({}).describe("For every company that does not set its own."),
  classifier: z
    .strictObject({
      encoder: encoderSchema
        .optional()
        .describe(
          "A text encoder of your own. It needs `npm run install-encoder`; see [the encoder](../encoder.md).",
        ),
      nightlyHour: z
        .int()
        .min(0)
        .max(23)
        .default(3)
        .describe(
          "The hour, by this machine's clock, in which the classifier learns all corrections anew. What is learnt from them at once does not wait for it.",
        ),
      mostLessons: z
        .int()
        .min(1_000)
        .max(1_000_000)
        .default(50_000)
        .describe(
          "Of so many tickets of a company, those corrected last, its model learns. To learn 50,000 of 600 letters anew takes 70 seconds of one core and up to 1.3 GB of memory.",
        ),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(["error", "warn", "info", "debug"]).default("info").describe("The least that is logged."),
      format: z.enum(["text", "json"]).default("text").describe("json for log collectors."),
    })
    .prefault({}),
});

/** The fields of a connector that the core reads; all others are the connector's own. */
export const connectorEntrySchema = z.looseObject({
  plugin: z
    .string()
    .min(1)
    .optional()
    .describe("A built-in name, ./a/path to a folder, or an npm package. Default: the entry's key."),
  enabled: z
    .boolean()
    .default(true)
    .describe("false leaves the connector out, whatever else is in its entry."),
});

export const companyIdPattern = /^[a-z0-9][a-z0-9-]{0,39}$/;
/** Instance keys stand in URLs. */
export const instancePattern = /^[a-z0-9][a-z0-9-]{0,39}$/;

export const companySchema = z.strictObject({
  name: z.string().min(1).max(200).describe("The name that customers know."),
  keys: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/), secret(16))
    .default({})
    .describe("API keys by name, 16 characters at least."),
  connectors: z
    .record(z.string().regex(instancePattern), connectorEntrySchema)
    .default({})
    .describe("The connectors of this company, by a name of your choice."),
  knowledge: z
    .string()
    .optional()
    .describe("Folder with articles (Markdown), relative to this file. Default: <company>/knowledge."),
  macros: z
    .string()
    .optional()
    .describe("Folder with macros (Markdown), relative to this file. Default: <company>/macros."),
  drafter: drafterSchema.optional().describe("Replaces the hub's drafter as a whole."),
  classifier: classifierSchema.prefault({}).describe("What raises the priority of a message."),
  demo: z.boolean().default(false).describe("Serves the demo page for this company at /."),
});

export type HubConfig = z.output<typeof hubSchema>;
export type CompanyFile = z.output<typeof companySchema>;
export type DrafterConfig = z.output<typeof drafterSchema>;
