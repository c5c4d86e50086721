/** Says in plain words what zod found: what was expected and what was there, and never a secret. */
import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import type { Path } from "./mistakes.ts";

/** A fault at a path, in words. `onKey` is set where the field's name is wrong, not its value. */
export interface Fault {
  readonly path: Path;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;
type JsonSchema = {
  secret?: boolean;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
};

/** What the schema says beside checking: which fields hold secrets, and which fields there are. */
export interface SchemaFacts {
  /** True where the value at the path is, or holds, a secret, or where that cannot be told. */
  holdsSecret(path: Path): boolean;
  /** True where the schema says plainly that the value itself is a secret. */
  isSecret(path: Path): boolean;
  /** Names of the fields at a path. */
  fields(path: Path): string[];
}

/** Facts of a schema; of one that cannot be described (made by another zod, say) every value counts as secret. */
export function factsOf(schema: z.ZodType): SchemaFacts {
  let root: JsonSchema | null;
  try {
    root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }) as JsonSchema;
  } catch {
    root = null;
  }
  const nodes = (path: Path) =>
    root
      ? path.reduce<JsonSchema[]>((found, part) => found.flatMap((node) => step(node, part)), [root])
      : null;
  return {
    holdsSecret: (path) => nodes(path)?.some(anySecret) ?? true,
    isSecret: (path) =>
      nodes(path)?.some((node) => variants(node).some((one) => one.secret === true)) ?? false,
    fields: (path) =>
      nodes(path)?.flatMap((node) => variants(node).flatMap((one) => Object.keys(one.properties ?? {}))) ??
      [],
  };
}

function variants(node: JsonSchema): JsonSchema[] {
  return [node, ...[node.anyOf, node.oneOf, node.allOf].flatMap((list) => (list ?? []).flatMap(variants))];
}

function step(node: JsonSchema, part: string | number): JsonSchema[] {
  return variants(node).flatMap((one) => {
    const named =
      typeof part === "string" && Object.hasOwn(one.properties ?? {}, part)
        ? one.properties?.[part]
        : undefined;
    const other = typeof one.additionalProperties === "object" ? one.additionalProperties : undefined;
    const next = named ?? (typeof part === "number" ? one.items : other);
    return next ? [next] : [];
  });
}

function anySecret(node: JsonSchema): boolean {
  return variants(node).some(
    (one) =>
      one.secret === true ||
      [one.items, one.additionalProperties, ...Object.values(one.properties ?? {})].some(
        (child) => typeof child === "object" && anySecret(child),
      ),
  );
}

/** The issues of a failed parse as faults. `show` renders the value at a path without giving away a secret. */
export function explainIssues(
  issues: readonly Issue[],
  value: unknown,
  facts: SchemaFacts,
  show: (path: Path, value: unknown) => string,
): Fault[] {
  return issues.flatMap((issue): Fault[] => {
    const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: unknownField(key, facts.fields(path)),
      }));
    }
    if (issue.code === "invalid_key") return [{ path, message: wrongName(issue) }];
    if (issue.code === "invalid_union" && issue.errors.length > 0) {
      const best = closestBranch(issue.errors);
      if (best.some((inner) => inner.path.length > 0)) {
        const deeper = best.map((inner) => ({ ...inner, path: [...path, ...inner.path] }));
        return explainIssues(deeper, value, facts, show);
      }
      const wanted = [
        ...new Set(issue.errors.flat().map((inner) => expectation(inner).replace(/^expected /, ""))),
      ];
      return [{ path, message: `expected ${wanted.join(" or ")}, ${got(valueAt(value, path), path, show)}` }];
    }
    const text = expectation(issue);
    if (!text.startsWith("expected ")) return [{ path, message: text }];
    return [{ path, message: `${text}, ${got(valueAt(value, path), path, show)}` }];
  });
}

/** The alternative that came furthest: its mistakes lie deepest, or are fewest. */
function closestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const depth = (branch: readonly Issue[]) => Math.min(...branch.map((issue) => issue.path.length));
  return [...branches].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

function got(value: unknown, path: Path, show: (path: Path, value: unknown) => string): string {
  return value === undefined ? "found nothing" : `got ${show(path, value)}`;
}

const kinds: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: 'settings (lines of "name: value")',
  record: 'settings (lines of "name: value")',
  array: "a list",
};

const formats: Record<string, string> = {
  url: "an address, such as https://help.example",
  email: "an e-mail address",
  uuid: "a UUID",
  regex: "text of another form",
};

/** What the schema wanted. A message of the schema's own author goes before ours. */
function expectation(issue: Issue): string {
  const own = !/^(Invalid|Too (small|big)|Unrecognized)/.test(issue.message);
  switch (issue.code) {
    case "invalid_type":
      return own ? issue.message : `expected ${kinds[issue.expected] ?? issue.expected}`;
    case "too_small":
    case "too_big":
      return `expected ${bound(issue)}`;
    case "invalid_format":
      if (own) return issue.message;
      if (issue.format === "regex" && "pattern" in issue)
        return `expected text that matches ${issue.pattern}`;
      return `expected ${formats[issue.format] ?? issue.format}`;
    case "invalid_value":
      return own ? issue.message : `expected one of ${issue.values.map(String).join(", ")}`;
    case "invalid_union":
      if ("options" in issue && Array.isArray(issue.options))
        return `expected one of ${issue.options.join(", ")}`;
      return own ? issue.message : "expected another value";
    case "not_multiple_of":
      return `expected a multiple of ${issue.divisor}`;
    default:
      return own ? issue.message : "expected another value";
  }
}

function bound(issue: Extract<Issue, { code: "too_small" | "too_big" }>): string {
  const small = issue.code === "too_small";
  const limit = Number(small ? issue.minimum : issue.maximum);
  const exclusive = issue.inclusive === false;
  if (issue.origin === "string" || issue.origin === "array") {
    const unit = `${issue.origin === "string" ? "character" : "item"}${limit === 1 ? "" : "s"}`;
    return small ? `at least ${limit} ${unit}` : `${limit} ${unit} at most`;
  }
  if (exclusive) return `a number ${small ? "above" : "below"} ${limit}`;
  return small ? `a number of at least ${limit}` : `a number of ${limit} at most`;
}

function wrongName(issue: Extract<Issue, { code: "invalid_key" }>): string {
  const pattern = issue.issues.find((inner) => inner.code === "invalid_format" && "pattern" in inner);
  if (pattern && "pattern" in pattern && String(pattern.pattern).includes("[a-z0-9-]{0,39}")) {
    return "expected a name of a-z, 0-9 and - (40 characters at most)";
  }
  return pattern && "pattern" in pattern
    ? `expected a name that matches ${pattern.pattern}`
    : "expected another name";
}

/** The known name nearest to a wrong one, where one is near enough to be meant. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const near = closest(name.toLowerCase(), known);
  return distance(name.toLowerCase(), near.toLowerCase()) <= Math.max(1, Math.floor(near.length / 3))
    ? near
    : "";
}

function unknownField(name: string, known: readonly string[]): string {
  const near = didYouMean(name, known);
  if (near) return `there is no such field; did you mean "${near}"?`;
  return known.length > 0
    ? `there is no such field; there are ${known.join(", ")}`
    : "there is no such field";
}

/** The value at a path, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, part) => {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    return (at as Record<string | number, unknown>)[part];
  }, value);
}

/** A found value as it is shown: short, and of lists and settings only what they are. */
export function showValue(value: unknown): string {
  if (value === null) return "nothing (null)";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "settings";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text;
}
