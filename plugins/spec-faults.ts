/** Checks a plugin's spec field by field, for authors without a type checker. */
import { closest, distance } from "fastest-levenshtein";

type Rule = readonly [field: string, expected: string, test: (value: unknown) => boolean];

const isFunction = (value: unknown) => typeof value === "function";
const isPositive = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value > 0;
/** By shape, not by class: a package may bring its own copy of zod. */
const isSchema = (value: unknown) =>
  typeof value === "object" &&
  value !== null &&
  isFunction((value as Record<string, unknown>).safeParseAsync);
const optional = (test: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined || test(value);

const rules: readonly Rule[] = [
  ["config", "a zod schema", isSchema],
  ["cursor", "a zod schema, or nothing", optional(isSchema)],
  ["limits.requests", "a number above 0", isPositive],
  ["limits.perMs", "a number above 0 (milliseconds)", isPositive],
  ["limits.concurrency", "a whole number above 0", (value) => isPositive(value) && Number.isInteger(value)],
  ["quota", "a function, or nothing", optional(isFunction)],
  ["open", "a function", isFunction],
  ["check", "a function", isFunction],
  ["close", "a function", isFunction],
];

const blocks: Record<string, readonly Rule[]> = {
  pull: [
    ["pull.pages", "a function", isFunction],
    ["pull.backfill", "a function, or nothing", optional(isFunction)],
    ["pull.reread", "a function, or nothing", optional(isFunction)],
  ],
  push: [
    ["push.verify", "a function", isFunction],
    ["push.parse", "a function", isFunction],
    ["push.body", "a zod schema, or nothing", optional(isSchema)],
  ],
  serve: [
    ["serve.handle", "a function", isFunction],
    ["serve.origins", "a function, or nothing", optional(isFunction)],
  ],
  deliver: [
    [
      "deliver.as",
      '"draft", "internal-note" or "reply"',
      (value) => ["draft", "internal-note", "reply"].includes(String(value)),
    ],
    ["deliver.put", "a function", isFunction],
    ["deliver.find", "a function, or nothing", optional(isFunction)],
    ["deliver.send", "a function, or nothing", optional(isFunction)],
  ],
};

const known = [
  "name",
  "core",
  "cursor",
  "config",
  "limits",
  "quota",
  "open",
  "check",
  "close",
  ...Object.keys(blocks),
];

/** The fields that every version of the contract has: looked at before the versions are compared. */
export function identityFaults(spec: Record<string, unknown>): string[] {
  return faultsOf(spec, [
    [
      "name",
      "a name of a-z, 0-9 and -",
      (value) => typeof value === "string" && /^[a-z0-9][a-z0-9-]*$/.test(value),
    ],
    ["core", 'a version range such as "^1"', (value) => typeof value === "string"],
  ]);
}

/** Everything else that is wrong with a spec, a line for each field. */
export function shapeFaults(spec: Record<string, unknown>): string[] {
  const present = Object.entries(blocks).filter(([block]) => spec[block] !== undefined);
  const misnamed = Object.keys(spec).flatMap((field) => {
    if (known.includes(field)) return [];
    // Further names are the author's own business; a slip in one of ours would quietly lose a capability.
    const near = closest(field, known);
    return distance(field, near) <= 2 ? [`${field}: there is no such field; did you mean "${near}"?`] : [];
  });
  const useless = present.length === 0 ? ["pull, push, serve, deliver: expected at least one of them"] : [];
  return [...faultsOf(spec, [...rules, ...present.flatMap(([, list]) => list)]), ...misnamed, ...useless];
}

function faultsOf(spec: Record<string, unknown>, list: readonly Rule[]): string[] {
  return list.flatMap(([field, expected, test]) => {
    const value = field
      .split(".")
      .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined | null)?.[part], spec);
    return test(value) ? [] : [`${field}: expected ${expected}, got ${kindOfValue(value)}`];
  });
}

function kindOfValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" || typeof value === "function")
    return `a${typeof value === "object" ? "n object" : " function"}`;
  return JSON.stringify(value) ?? String(value);
}
