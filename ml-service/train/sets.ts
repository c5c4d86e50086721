/** Reads the free data sets and maps their intents to our labels, as `mapping.yaml` says. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseCsv } from "csv-parse/sync";
import { unzipSync } from "fflate";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import type { Example } from "./examples.ts";
import { groupNearDuplicates } from "./groups.ts";
import { createRandom, hashText, shuffle } from "./random.ts";

const setSchema = z.object({
  cap: z.int().positive(),
  licence: z.string(),
  others: z.literal("out").optional(),
  intents: z.record(z.string(), z.tuple([z.string(), z.string(), z.string()])),
});
const names = ["banking77", "bitext8k", "clinc150", "hwu64", "it_tickets_cc0", "cfpb_sample"] as const;
export type SetName = (typeof names)[number];
/** By a label of theirs: those of ours that fit. */
const fitting = z.record(z.string(), z.array(z.string()).min(1));
const mappingSchema = z.object({
  banking77: setSchema,
  bitext8k: setSchema,
  clinc150: setSchema,
  hwu64: setSchema,
  it_tickets_cc0: setSchema,
  cfpb_sample: setSchema,
  evaluation: z.object({
    tickets_tobi: z.object({ type: fitting, priority: fitting, queue: fitting }),
    ru_vtb_faq: z.object({ department: fitting, priority: fitting }),
  }),
});

export type Mapping = z.output<typeof mappingSchema>;
export interface Row {
  readonly text: string;
  readonly intent: string;
  /** What several intents have in common, where the set says so. */
  readonly category?: string;
}

/** Reads `mapping.yaml`; throws where it is not as the schema above. */
export function readMapping(path = join(import.meta.dirname, "mapping.yaml")): Mapping {
  return mappingSchema.parse(parseYaml(readFileSync(path, "utf8")));
}

/**
 * Reads the sets that lie in a folder; one that is missing is left out and named in `missing`.
 * @param folder holds one folder for each data set
 */
export function readSets(folder: string, mapping: Mapping): { examples: Example[]; missing: string[] } {
  const missing = names.filter((name) => !existsSync(join(folder, name)));
  const examples = names
    .filter((name) => !missing.includes(name))
    .flatMap((name) => mapSet(name, Object.values(readParts(folder, name)).flat(), mapping[name]));
  return { examples, missing };
}

/** The rows of a CSV file with a heading, by column. A row that is cut at the end of the file is left out. */
export function readCsv(path: string): Record<string, string>[] {
  return csvRows(readFileSync(path, "utf8"));
}

function csvRows(content: string): Record<string, string>[] {
  return parseCsv(content, {
    columns: true,
    relax_quotes: true,
    skip_records_with_error: true,
    bom: true,
  }) as Record<string, string>[];
}

/** The rows of a set by its parts, as its makers have split it; of a set that is not split, all of them under `all`. */
export function readParts(folder: string, name: SetName): Record<string, Row[]> {
  return readers[name](join(folder, name));
}

const byPart = (parts: readonly string[], read: (part: string) => Row[]): Record<string, Row[]> =>
  Object.fromEntries(parts.map((part) => [part, read(part)]));

const readers: Record<SetName, (folder: string) => Record<string, Row[]>> = {
  banking77: (folder) =>
    byPart(["train", "test"], (part) =>
      readCsv(join(folder, `${part}.csv`)).map((row) => ({
        text: row.text ?? "",
        intent: row.category ?? "",
      })),
    ),
  bitext8k: (folder) =>
    byPart(["Training", "Validation", "Testing"], (part) =>
      readCsv(join(folder, `Bitext_Sample_Customer_Service_${part}_Dataset.csv`)).map((row) => ({
        text: row.utterance ?? "",
        intent: row.intent ?? "",
        category: row.category ?? "",
      })),
    ),
  clinc150: (folder) => {
    const rows = z.array(z.tuple([z.string(), z.string()]));
    const parts = z
      .record(z.string(), rows)
      .parse(JSON.parse(readFileSync(join(folder, "data_full.json"), "utf8")));
    return byPart(Object.keys(parts), (part) =>
      (parts[part] ?? []).map(([text, intent]) => ({ text, intent })),
    );
  },
  hwu64: (folder) =>
    byPart(["train", "valid", "test"], (part) => {
      const lines = (file: string) =>
        readFileSync(join(folder, part, file), "utf8")
          .trim()
          .split("\n");
      const intents = lines("label");
      return lines("seq.in").map((text, at) => ({ text, intent: intents[at] ?? "" }));
    }),
  it_tickets_cc0: (folder) => {
    const [file] = Object.values(unzipSync(readFileSync(join(folder, "archive.zip"))));
    const rows = csvRows(new TextDecoder().decode(file));
    return { all: rows.map((row) => ({ text: row.Document ?? "", intent: row.Topic_group ?? "" })) };
  },
  cfpb_sample: (folder) => ({
    all: readCsv(join(folder, "complaints_sample.csv")).map((row) => ({
      // The agency has blacked out names and numbers with X.
      text: (row["Consumer complaint narrative"] ?? "").replace(/\bX{2,}\b/g, " "),
      intent: row.Product ?? "",
    })),
  }),
};

function mapSet(name: SetName, rows: Row[], set: Mapping[SetName]): Example[] {
  const taken = new Map<string, number>();
  const random = createRandom(hashText(name));
  const chosen = shuffle(
    random,
    rows.filter((row) => row.text.trim() !== ""),
  ).filter(({ intent }) => {
    if (!(intent in set.intents) && !set.others) return false;
    const count = (taken.get(intent) ?? 0) + 1;
    taken.set(intent, count);
    return count <= set.cap;
  });
  const groups = groupNearDuplicates(chosen.map(({ text }) => text));
  return chosen.map(({ text, intent }, at) => ({
    text,
    labels: labelsOf(set.intents[intent]),
    group: `${name} ${groups[at]}`,
    source: name,
    weight: 1,
  }));
}

function labelsOf(intent: [string, string, string] | undefined): Record<string, string> {
  if (!intent) return { scope: "out" };
  const [department, type, priority] = intent;
  const known = Object.entries({ department, type, priority }).filter(([, label]) => label !== "-");
  return { ...Object.fromEntries(known), scope: "in" };
}
