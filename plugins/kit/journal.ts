/** All that a connector said while it was under test: log lines, errors and reasons, to be searched for secrets. */
import { inspect } from "node:util";
import type { Log } from "../contract/connector.ts";
import { Secret } from "../contract/secret.ts";

export interface Journal {
  readonly lines: readonly string[];
  readonly log: Log;
  /** Notes what a connector threw or answered, with all that can be seen of it. */
  note(what: string, value: unknown): void;
}

export function createJournal(): Journal {
  const lines: string[] = [];
  const note = (what: string, value: unknown) => {
    // Secrets print as such. Errors: with message, stack, causes and their own fields.
    lines.push(`${what}: ${inspect(value, { depth: 6, maxStringLength: 10_000, maxArrayLength: 200 })}`);
  };
  const level = (name: string) => (message: string, fields?: Record<string, unknown>) =>
    note(`log ${name}: ${message}`, fields ?? {});
  return {
    lines,
    log: { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") },
    note,
  };
}

/** The values of all secrets in a config as its schema gave it back. */
export function secretsOf(config: unknown): string[] {
  if (config instanceof Secret || isForeignSecret(config)) return [config.reveal()];
  if (typeof config !== "object" || config === null) return [];
  return Object.values(config).flatMap(secretsOf);
}

/** A plugin may bring its own copy of the contract. */
function isForeignSecret(value: unknown): value is Secret {
  return typeof (value as Partial<Secret> | null)?.reveal === "function";
}

/** The forms in which a secret may slip out. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
  ];
}

/** The lines that show one of the secrets, with the secret taken out. */
export function linesWithSecrets(lines: readonly string[], secrets: readonly string[]): string[] {
  const forms = secrets.flatMap(formsOf);
  return lines
    .filter((line) => forms.some((form) => line.includes(form)))
    .map((line) => forms.reduce((text, form) => text.replaceAll(form, "[the secret]"), line));
}
