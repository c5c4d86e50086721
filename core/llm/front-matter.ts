/** Splits a Markdown file into its YAML front matter and its text, with the line of every mistake. */
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { describeError } from "../../plugins/contract/errors.ts";
import { languageCode } from "./language.ts";

/** More than this is no front matter. In characters. */
const longestFrontMatter = 10_000;

const words = z.union([
  z.array(z.union([z.string().max(200), z.number()])).max(100),
  z
    .string()
    .max(2_000)
    .transform((value) => value.split(",")),
]);

export const frontMatterSchema = z.object({
  title: z
    .union([z.string(), z.number()])
    .transform(String)
    .pipe(z.string().trim().min(1).max(300))
    .optional(),
  language: z
    .string()
    .transform((value, ctx) => {
      const code = languageCode(value);
      if (code === null) {
        ctx.addIssue({ code: "custom", message: "expected a two-letter language code, such as en" });
        return z.NEVER;
      }
      return code;
    })
    .optional(),
  url: z.url({ protocol: /^https?$/, error: "expected an address that begins with https://" }).optional(),
  department: z.string().trim().min(1).max(100).optional(),
  keywords: words
    .transform((list) => list.map((word) => String(word).trim()).filter((word) => word !== ""))
    .default([]),
});

export type FrontMatter = z.output<typeof frontMatterSchema>;

export interface FrontMatterFault {
  /** 1-based, in the file. */
  line?: number;
  message: string;
}

export interface ParsedFile {
  /** Null where the front matter cannot be used. */
  data: FrontMatter | null;
  body: string;
  /** 1-based line where the body begins. */
  bodyLine: number;
  faults: FrontMatterFault[];
}

/** Reads the front matter of a file; a file without one has all fields at their defaults. */
export function parseFrontMatter(source: string): ParsedFile {
  const opening = source.match(/^---[ \t]*\n/);
  if (!opening) return { data: { keywords: [] }, body: source, bodyLine: 1, faults: [] };
  const start = opening[0].length;
  const closing = /^(?:---|\.\.\.)[ \t]*(?:\n|$)/gm;
  closing.lastIndex = start;
  const end = closing.exec(source);
  if (end === null || end.index - start > longestFrontMatter) {
    const message = "the front matter that opens with --- is not closed by a line of ---";
    return { data: null, body: "", bodyLine: 1, faults: [{ line: 1, message }] };
  }
  const yaml = source.slice(start, end.index);
  const body = source.slice(end.index + end[0].length);
  const bodyLine = yaml.split("\n").length + 2;
  return { ...parseFields(yaml), body, bodyLine };
}

function parseFields(yaml: string): Pick<ParsedFile, "data" | "faults"> {
  const lines = new LineCounter();
  const doc = parseDocument(yaml, { lineCounter: lines, prettyErrors: false });
  if (doc.errors.length > 0) {
    const faults = doc.errors.map((error) => ({
      line: lines.linePos(error.pos[0]).line + 1,
      message: `broken front matter: ${error.message.split("\n")[0] ?? ""}`,
    }));
    return { data: null, faults };
  }
  if (doc.contents === null) return { data: { keywords: [] }, faults: [] };
  if (!isMap(doc.contents)) {
    return {
      data: null,
      faults: [{ line: 2, message: "broken front matter: expected lines of `field: value`" }],
    };
  }
  const lineOf = new Map<string, number>();
  for (const { key } of doc.contents.items) {
    if (isScalar(key) && key.range) lineOf.set(String(key.value), lines.linePos(key.range[0]).line + 1);
  }
  let value: unknown;
  try {
    value = doc.toJS({ maxAliasCount: 20 });
  } catch (error) {
    return { data: null, faults: [{ line: 2, message: `broken front matter: ${describeError(error)}` }] };
  }
  return checkFields(value, lineOf);
}

function checkFields(value: unknown, lineOf: Map<string, number>): Pick<ParsedFile, "data" | "faults"> {
  const known = Object.keys(frontMatterSchema.shape);
  const faults: FrontMatterFault[] = [...lineOf]
    .filter(([key]) => !known.includes(key))
    .map(([key, line]) => ({ line, message: `unknown field ${key}: expected one of ${known.join(", ")}` }));
  const parsed = frontMatterSchema.safeParse(value);
  if (parsed.success) return { data: parsed.data, faults };
  for (const issue of parsed.error.issues) {
    const field = String(issue.path[0] ?? "");
    const line = lineOf.get(field);
    faults.push({ message: `${field}: ${issue.message}`, ...(line === undefined ? {} : { line }) });
  }
  return { data: null, faults };
}
