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

function plain(value: unknown): unknown {
  return value instanceof Error
    ? { message: value.message, stack: value.stack, cause: plain(value.cause) }
    : value;
}

/** @param part the part of the program that speaks, such as "intake" */
export function createLog(options: LogOptions, part = "hub"): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const emit = (level: Level, message: string, fields: Record<string, unknown> = {}) => {
    if (levels[level] > levels[options.level]) return;
    const at = new Date().toISOString();
    if (options.format === "json") {
      const shown = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)]));
      write(`${JSON.stringify({ at, level, part, message, ...shown })}\n`);
      return;
    }
    const shown = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(
        ([key, value]) =>
          ` ${key}=${typeof value === "string" ? value : inspect(value, { breakLength: Number.POSITIVE_INFINITY })}`,
      );
    write(`${at.slice(11, 23)} ${level.padEnd(5)} ${part}: ${message}${shown.join("")}\n`);
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
