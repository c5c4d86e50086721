/** Log lines for people (text) and for collectors (one JSON object a line), to standard error. */
import { inspect } from "node:util";
import type { Log } from "../../plugins/contract/connector.ts";

const levels = { error: 0, warn: 1, info: 2, debug: 3 } as const;
export type Level = keyof typeof levels;

export interface LogOptions {
  level: Level;
  format: "text" | "json";
  /** Where lines go; default: standard error, so that standard output stays free for results. */
  write?: (line: string) => void;
}

/** The longest chain of causes that is shown. */
const deepestCause = 5;

function plain(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const cause =
    value.cause === undefined || depth >= deepestCause ? {} : { cause: plain(value.cause, depth + 1) };
  return { message: value.message, stack: value.stack, ...cause };
}

/** A field as JSON. A log line must never be the reason that work fails: what has no JSON form is shown as text. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(plain(value)) ?? "null";
  } catch {
    return JSON.stringify(inspect(value));
  }
}

/** One line stays one line: what a customer wrote must not be able to forge another. */
export function onOneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) =>
    control === "\n" ? "\\n" : `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function toText(value: unknown): string {
  return typeof value === "string"
    ? onOneLine(value)
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY });
}

/** The names that every JSON line has; a field of the same name gets a line under it behind. */
const own = new Set(["at", "level", "part", "message"]);

/** @param part the part of the program that speaks, such as "intake" */
export function createLog(options: LogOptions, part = "hub"): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const emit = (level: Level, message: string, fields: Record<string, unknown> = {}) => {
    if (levels[level] > levels[options.level]) return;
    const at = new Date().toISOString();
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
    if (options.format === "json") {
      const head = JSON.stringify({ at, level, part, message }).slice(0, -1);
      const rest = shown.map(
        ([key, value]) => `,${JSON.stringify(own.has(key) ? `${key}_` : key)}:${toJson(value)}`,
      );
      write(`${head}${rest.join("")}}\n`);
      return;
    }
    const rest = shown.map(([key, value]) => ` ${key}=${toText(value)}`);
    write(`${at.slice(11, 23)} ${level.padEnd(5)} ${part}: ${onOneLine(message)}${rest.join("")}\n`);
  };
  return {
    error: (message, fields) => emit("error", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    info: (message, fields) => emit("info", message, fields),
    debug: (message, fields) => emit("debug", message, fields),
  };
}

/** A log for a part of the program, made from the node's options. */
export type LogFor = (part: string) => Log;
