/** Reads labelled messages from a file: CSV with a heading, or JSONL with an object on each line. */
import { readFile, stat } from "node:fs/promises";
import { type CsvError, parse as parseCsv } from "csv-parse/sync";
import { z } from "zod";

/** The columns that hold labels. */
export const labelColumns = ["type", "priority", "department"] as const;
export const expectedColumns = `text (or subject and text), any of ${labelColumns.join(", ")}, and language if known`;
const mostBytes = 200 * 2 ** 20;
const mostLines = 1_000;

/** A message with the labels that people gave it. */
export interface LabelledMessage {
  readonly subject: string | null;
  readonly text: string;
  /** Label by head: `type`, `priority`, `department`. A head that is not named is not judged by this message. */
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 639-1, or null where nobody said: then the classifier's word is taken. */
  readonly language: string | null;
}

/** A row that was left out. `line` counts from 1; for a CSV row over several lines it is the last one. */
export interface Malformed {
  readonly line: number;
  readonly why: string;
}

export interface LabelledMessages {
  readonly messages: readonly LabelledMessage[];
  /** The first of those left out. */
  readonly malformed: readonly Malformed[];
  /** How many were left out. */
  readonly left: number;
}

/** The file cannot be used at all; the message says what to do. */
export class LabelledFileError extends Error {
  readonly kind = "config";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LabelledFileError";
  }
}

const cell = z
  .string()
  .nullish()
  .transform((value) => value?.trim() || null);
const rowSchema = z.object({
  subject: cell,
  text: cell,
  language: cell,
  ...Object.fromEntries(labelColumns.map((name) => [name, cell])),
});

interface Row {
  readonly line: number;
  /** Not an object where the line is not to be read: then `why` is told. */
  readonly value: unknown;
  readonly why?: string;
}

/**
 * Reads a file of up to 200 MiB in UTF-8.
 * @throws LabelledFileError where it is missing, too large, empty, or has no column of those expected
 */
export async function readLabelledFile(path: string): Promise<LabelledMessages> {
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > mostBytes)
      throw new LabelledFileError(`${path} has more than 200 MiB: take a sample of its rows`);
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof LabelledFileError) throw cause;
    throw new LabelledFileError(`cannot read ${path}: correct the path`, { cause });
  }
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LabelledFileError(`${path} is not UTF-8: save it as "CSV UTF-8"`, { cause });
  }
  return parseLabelled(content, { path, format: /\.(jsonl|ndjson)$/i.test(path) ? "jsonl" : "csv" });
}

/** The same for a file's content. @param file `path` is what errors call it */
export function parseLabelled(
  content: string,
  file: { readonly path: string; readonly format: "csv" | "jsonl" },
): LabelledMessages {
  if (content.trim() === "")
    throw new LabelledFileError(`${file.path} is empty: it needs ${expectedColumns}`);
  const rows = file.format === "csv" ? csvRows(content, file.path) : jsonRows(content);
  if (rows.length === 0) throw new LabelledFileError(`${file.path} has a heading and no rows`);
  const names = new Set(rows.flatMap(({ value }) => (isObject(value) ? Object.keys(value) : [])));
  if (!names.has("text") || !labelColumns.some((name) => names.has(name))) {
    const found = [...names].slice(0, 20).join(", ") || "none";
    throw new LabelledFileError(`${file.path} lacks columns: it needs ${expectedColumns}; found: ${found}`);
  }
  const messages: LabelledMessage[] = [];
  const malformed: Malformed[] = [];
  for (const row of rows) {
    const read = readRow(row);
    if ("why" in read) malformed.push({ line: row.line, why: read.why });
    else messages.push(read);
  }
  if (messages.length === 0) {
    const [first] = malformed;
    throw new LabelledFileError(`${file.path} holds no usable row (line ${first?.line}: ${first?.why})`);
  }
  return { messages, malformed: malformed.slice(0, mostLines), left: malformed.length };
}

function readRow({ value, why }: Row): LabelledMessage | { why: string } {
  if (why !== undefined) return { why };
  const parsed = rowSchema.safeParse(value);
  if (!parsed.success) return { why: z.prettifyError(parsed.error).replace(/\s*\n\s*/g, " ") };
  const { subject, text, language, ...rest } = parsed.data;
  if (text === null && subject === null) return { why: "no text" };
  const labels = Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== null);
  if (labels.length === 0) return { why: "no label" };
  return {
    subject,
    text: text ?? "",
    labels: Object.fromEntries(labels),
    language: language?.toLowerCase() ?? null,
  };
}

function csvRows(content: string, path: string): Row[] {
  const rows: Row[] = [];
  try {
    parseCsv(content, {
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim().toLowerCase()),
      delimiter: delimiterOf(content),
      relax_quotes: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      info: true,
      on_record: ({ record, info }: { record: unknown; info: { lines: number } }) => {
        rows.push({ line: info.lines, value: record });
        return null;
      },
      on_skip: (error: CsvError | undefined) => {
        rows.push({ line: Number(error?.lines ?? 0), value: null, why: skipped(error) });
        return undefined;
      },
    });
  } catch (cause) {
    throw new LabelledFileError(`${path} is not a CSV file with a heading in its first line`, { cause });
  }
  return rows;
}

function skipped(error: CsvError | undefined): string {
  if (error?.code === "CSV_RECORD_INCONSISTENT_COLUMNS") return "more or fewer columns than the heading";
  if (error?.code === "CSV_QUOTE_NOT_CLOSED") return "a quotation mark is not closed";
  return "not a row of CSV";
}

/** What parts the columns of the heading: Excel writes semicolons in many countries. */
function delimiterOf(content: string): string {
  const heading = content.slice(0, content.search(/[\r\n]|$/));
  const count = (mark: string) => heading.split(mark).length;
  return [",", ";", "\t"].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

function jsonRows(content: string): Row[] {
  return content.split("\n").flatMap((text, at): Row[] => {
    if (text.trim() === "") return [];
    const line = at + 1;
    try {
      const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
      return [isObject(value) ? { line, value } : { line, value: null, why: "not an object" }];
    } catch {
      return [{ line, value: null, why: "not JSON" }];
    }
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
