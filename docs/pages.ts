/** The reference pages that are made from the code, by file name. A test holds each against what is committed. */
import { z } from "zod";
import { configReference, settingsTable } from "../config/reference.ts";
import { builtIn } from "../connectors/index.ts";
import { metricTable } from "../core/lib/metrics.ts";
import { auditActions } from "../core/store/audit.ts";
import { builtInRules } from "../ml-service/priority-rules.ts";
import { errorKinds } from "../plugins/contract/errors.ts";
import {
  agentReplySchema,
  inboundMessageSchema,
  labelCorrectionSchema,
  rejectedSchema,
} from "../plugins/contract/events.ts";
import { markdownTable } from "./table.ts";

export const pages: Readonly<Record<string, () => string>> = {
  "audit.md": auditReference,
  "config.md": configReference,
  "connectors.md": connectorReference,
  "errors.md": errorReference,
  "events.md": eventReference,
  "metrics.md": metricReference,
  "priority-rules.md": ruleReference,
};

const settingsBlock = /<!-- settings -->[\s\S]*?<!-- \/settings -->/;

/** A connector's page with its table of settings made anew; a page without the marks around it stays as it is. */
export function withSettings(text: string, name: string): string {
  const config = builtIn[name]?.config;
  if (!config) throw new Error(`docs/connectors/${name}.md: there is no such built-in connector`);
  return text.replace(settingsBlock, () => `<!-- settings -->\n${settingsTable(config)}\n<!-- /settings -->`);
}

function page(...parts: string[]): string {
  return `${parts.join("\n\n")}\n`;
}

const madeFrom = (file: string) =>
  `Made from the code by \`npm run docs\`: change \`${file}\`, not this page.`;

function errorReference(): string {
  return page(
    "# Error kinds",
    madeFrom("plugins/contract/errors.ts"),
    "A connector throws `ConnectorError` with one of these kinds, and the kind decides what happens next. Anything else that is thrown counts as `transient`.",
    markdownTable(
      ["Kind", "What it means, and what happens"],
      Object.entries(errorKinds).map(([kind, meaning]) => [`\`${kind}\``, meaning]),
    ),
    "Only `transient` failures count as attempts (`pipeline.attempts` in `config/hub.yaml`); a message that waits for credentials, configuration or a slow other side is dead after three days. `deskwire replay` brings dead letters back.",
  );
}

function ruleReference(): string {
  return page(
    "# Priority rules",
    madeFrom("ml-service/priority-rules.yaml"),
    "They raise a message's priority, whatever the model says, and never lower it. A company changes them under `classifier.rules` in its file: see [the classifier](../classifier.md#priority-rules). In a phrase, `*` at the end of a word stands for any ending, a lone `*` for one word or none, `#` for a number.",
    ...builtInRules.map(({ name, about, raisesTo, phrases }) =>
      [
        `## \`${name}\``,
        `${about} At least ${raisesTo}.`,
        phrases.map((phrase) => `\`${phrase}\``).join(", "),
      ]
        .filter((part) => part !== "")
        .join("\n\n"),
    ),
  );
}

function connectorReference(): string {
  return page(
    "# Settings of the built-in connectors",
    "Made from the schemas by `npm run docs`: change `config` in `connectors/<name>/`, not this page.",
    "They stand in a company's file, under `connectors:` and the connector's key, beside `plugin` and `enabled`.",
    ...Object.values(builtIn).flatMap(({ name, config }) => [`## \`${name}\``, settingsTable(config)]),
  );
}

function metricReference(): string {
  return page(
    "# Metrics",
    madeFrom("core/lib/metrics.ts"),
    "Served in Prometheus' text format at `GET /metrics`, where dots are written as underscores.",
    markdownTable(
      ["Metric", "Type", "Labels", "What it is"],
      Object.entries(metricTable).map(([name, { type, labels, description }]) => [
        `\`${name}\``,
        type,
        labels.map((label) => `\`${label}\``).join(", "),
        description,
      ]),
    ),
  );
}

function auditReference(): string {
  return page(
    "# Audit actions",
    madeFrom("core/store/audit.ts"),
    "What is written down in the table `audit_log`, which the database lets nobody change or shorten. The actor is `hub`, `operator`, `key:<name>` or `agent:<name>`.",
    markdownTable(
      ["Action", "What was done"],
      Object.entries(auditActions).map(([action, meaning]) => [`\`${action}\``, meaning]),
    ),
  );
}

/** Each with what it stands for: a schema's own comment is not there when the code runs. */
const events = [
  [inboundMessageSchema, "A customer's message. The same `externalId` twice is stored once per connector."],
  [agentReplySchema, "An agent's reply that the customer got: matched to the draft that it came from."],
  [labelCorrectionSchema, "A person's own choice of labels for a ticket: a lesson for the classifier."],
  [
    rejectedSchema,
    "An item that could not be read: kept in quarantine with its reason, so that the page goes on.",
  ],
] as const;

function eventReference(): string {
  return page(
    "# Events",
    madeFrom("plugins/contract/events.ts"),
    "What a connector hands to the core, from `pull.pages` or `push.parse`. Texts may hold neither NUL nor lone surrogates. An event that breaks these rules is refused (push) or quarantined (pull).",
    ...events.flatMap(([schema, meaning]) => [
      `## \`${schema.shape.kind.value}\``,
      meaning,
      markdownTable(["Field", "Type", "Default"], fieldsOf(schema)),
    ]),
  );
}

interface Field {
  type?: string;
  const?: unknown;
  format?: string;
  contentEncoding?: string;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  maxItems?: number;
  default?: unknown;
  properties?: Record<string, Field>;
  required?: string[];
  items?: Field;
}

function fieldsOf(schema: z.ZodType): string[][] {
  const root = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    reused: "inline",
    override: ({ zodSchema, jsonSchema }) => {
      const { type } = zodSchema._zod.def;
      // The two types of the events that JSON does not know.
      if (type === "date") Object.assign(jsonSchema, { type: "Date" });
      if (type === "custom") Object.assign(jsonSchema, { type: "Uint8Array" });
    },
  }) as Field;
  return rowsOf(root, "");
}

function rowsOf(parent: Field, prefix: string): string[][] {
  return Object.entries(parent.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const required = parent.required?.includes(name) ? "required" : "";
    const fallback = field.default === undefined ? required : `\`${JSON.stringify(field.default)}\``;
    const row = [`\`${path}\``, typeOf(field), fallback];
    if (field.properties) return [row, ...rowsOf(field, `${path}.`)];
    return field.items?.properties ? [row, ...rowsOf(field.items, `${path}[].`)] : [row];
  });
}

function typeOf(field: Field): string {
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.type === "array") return `list, at most ${field.maxItems}`;
  if (field.type === "object") return "object";
  if (field.format === "uuid") return "UUID";
  if (field.type !== "string") return field.type ?? "any";
  if (field.pattern !== undefined) return `text like \`${field.pattern}\``;
  const { minLength = 0, maxLength } = field;
  return `text, ${minLength > 0 ? `${minLength} to ` : "at most "}${maxLength?.toLocaleString("en")} characters`;
}
