/** Writes the reference of all config fields, as Markdown, out of their schemas. */
import { z } from "zod";
import { environmentVariables } from "./environment.ts";
import { companySchema, hubSchema } from "./schema.ts";

interface Field {
  type?: string;
  secret?: boolean;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  format?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  properties?: Record<string, Field>;
  required?: string[];
  additionalProperties?: Field | boolean;
  items?: Field;
  anyOf?: Field[];
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
}

/** `docs/reference/config.md`. */
export function configReference(): string {
  return `${[
    "# Configuration",
    "Made from the schemas by `npm run docs`: change `config/schema.ts`, not this page.",
    "A mistake in a file is told with the file, the line, the field, and what was expected; all mistakes at once. `deskwire check` looks without starting anything.",
    "## The hub: `config/hub.yaml`",
    "Every field has a default, and the file may be missing. A change needs a restart, but for `drafter`.",
    settingsTable(hubSchema),
    "## A company: `config/companies/<company>.yaml`",
    "The file's name is the company's id. A change is taken up within seconds; a file with mistakes is refused, and what was in force stays.",
    settingsTable(companySchema),
    "All other fields of a connector's entry are its own: see [connectors](connectors.md).",
    "## References",
    "They may stand in any text, also amid it. Paths are relative to the file that they stand in.",
    table(
      ["Written", "Becomes"],
      [
        ["`${env:NAME}`", "The environment variable; a mistake where it is not set or empty."],
        ["`${file:PATH}`", "The file's text, without the newline at its end; a mistake where it is missing."],
        [
          "`${generated:NAME}`",
          "A random secret, made at first use and kept in `<stateDir>/secrets/NAME`, readable by its owner alone.",
        ],
        ["`$${`", "The characters `${` themselves."],
      ],
    ),
    "## Environment variables",
    "For containers. They go before the files, and are checked like them.",
    table(
      ["Variable", "What it is"],
      environmentVariables.map(({ name, description }) => [`\`${name}\``, description]),
    ),
  ].join("\n\n")}\n`;
}

/** A schema's fields as a table in Markdown. */
export function settingsTable(schema: z.ZodType): string {
  return table(["Field", "Type", "Default", "What it is"], rowsOf(schema));
}

function rowsOf(schema: z.ZodType): string[][] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }) as Field;
  return collect(root, "").map(({ path, type, fallback, description }) => [
    `\`${path}\``,
    type,
    fallback,
    // Outside backticks, Markdown would take it for HTML and show nothing.
    description.replaceAll("<", "\\<"),
  ]);
}

/** Every field under `parent`: sections only where they have something to say, single values always. */
function collect(parent: Field, prefix: string): Row[] {
  const named = Object.entries(parent.properties ?? {}).flatMap(([name, field]) =>
    withChildren(field, prefix ? `${prefix}.${name}` : name, parent.required?.includes(name) ?? false),
  );
  const other = parent.additionalProperties;
  const open = typeof other === "object" && Object.keys(other).length > 0;
  return open ? [...named, ...withChildren(other, `${prefix}.<name>`, false)] : named;
}

function withChildren(field: Field, path: string, required: boolean): Row[] {
  const items = field.type === "array" && field.items?.type === "object" ? field.items : undefined;
  const children = field.type === "object" ? collect(field, path) : items ? collect(items, `${path}[]`) : [];
  if (children.length > 0 && !field.description) return children;
  const fallback = required ? "required" : children.length > 0 && !items ? "" : shownDefault(field.default);
  return [{ path, type: typeOf(field), fallback, description: field.description ?? "" }, ...children];
}

function typeOf(field: Field): string {
  if (field.secret)
    return field.minLength && field.minLength > 1
      ? `secret, at least ${field.minLength} characters`
      : "secret";
  if (field.enum) return field.enum.map((value) => `\`${value}\``).join(", ");
  if (field.anyOf) return [...new Set(field.anyOf.map(typeOf))].join(", or ");
  if (field.type === "array") return `list (${typeOf(field.items ?? {})})`;
  if (field.type === "object") return "section";
  if (field.type === undefined) return "any";
  if (field.type === "boolean") return "true or false";
  if (field.type === "string") return field.format === "uri" ? "address" : "text";
  const kind = field.type === "integer" ? "whole number" : "number";
  const most = field.maximum === Number.MAX_SAFE_INTEGER ? undefined : field.maximum;
  const least = field.exclusiveMinimum === undefined ? field.minimum : undefined;
  if (least !== undefined && most !== undefined) return `${kind}, ${least} to ${most}`;
  if (field.exclusiveMinimum !== undefined) return `${kind} above ${field.exclusiveMinimum}`;
  return kind;
}

function shownDefault(value: unknown): string {
  if (value === undefined) return "";
  return Array.isArray(value) && value.length === 0
    ? "none"
    : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function table(head: string[], rows: readonly string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map((row) => line(row))].join("\n");
}
