/** Judges the shipped model: on what was kept back of its own data, and on foreign data that nothing is trained or tuned on. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import readXlsx from "read-excel-file/node";
import type { Classifier } from "../classifier.ts";
import type { Classified, ClassifyItem, Prediction } from "../classify-schema.ts";
import type { Model } from "../model.ts";
import { groupNearDuplicates } from "../train/groups.ts";
import { type Judgement, judge } from "../train/judge.ts";
import { type Answer, type Figures, measure } from "../train/metrics.ts";
import { readSamples } from "../train/samples.ts";
import { type Mapping, readCsv, readSets } from "../train/sets.ts";
import { sampleVariants } from "../train/settings.ts";
import { partOf } from "../train/train.ts";
import { shippedVectors } from "../word-vectors.ts";
import { auroc } from "./auroc.ts";

export interface HeldOut {
  /** The model's bare word, as its manifest has it. */
  readonly figures: Judgement;
  /** How well small talk is told apart; null where there is none. */
  readonly auroc: number | null;
  /** Sets that are not in the folder. */
  readonly missing: readonly string[];
}

export interface TicketFigures {
  /** By field of the tickets, then by language ("all" for all together). */
  readonly figures: Readonly<Record<"type" | "priority" | "queue", Record<string, Figures>>>;
  /** How many languages are recognised rightly, and of how many tickets. */
  readonly languages: { readonly right: number; readonly of: number };
}

export interface FaqFigures {
  readonly figures: Readonly<Record<"type" | "priority" | "department", Figures>>;
  /** The share recognised as Russian. */
  readonly russian: number;
}

/** The tenth of the training sets that was kept back. @param data the folder of the sets */
export async function judgeHeldOut(
  model: Model,
  classifier: Classifier,
  data: string,
  mapping: Mapping,
): Promise<HeldOut> {
  const own = readSamples(join(import.meta.dirname, "../train/samples"), sampleVariants);
  const { examples, missing } = readSets(data, mapping);
  const kept = [...own, ...examples].filter(({ group }) => partOf(group) === "test");
  const results = await classify(
    classifier,
    kept.map(({ text }) => ({ subject: null, text })),
  );
  const scored = kept.flatMap(({ labels }, at) => {
    const score = results[at]?.outOfScope ?? null;
    return labels.scope === undefined || score === null ? [] : [{ score, positive: labels.scope === "out" }];
  });
  return { figures: judge(model, kept, shippedVectors()), auroc: auroc(scored), missing };
}

/**
 * Synthetic tickets in five languages of which two are trained, with rules and doubts.
 * @returns null where they are not in the folder
 */
export async function judgeTickets(
  classifier: Classifier,
  data: string,
  { evaluation }: Mapping,
): Promise<TicketFigures | null> {
  const folder = join(data, "tickets_tobi");
  if (!existsSync(folder)) return null;
  const map = evaluation.tickets_tobi;
  const rows = distinct(
    readdirSync(folder)
      .filter((file) => file.endsWith(".csv"))
      .flatMap((file) => readCsv(join(folder, file))),
    (row) => `${row.subject}\n${row.body}`,
  );
  const results = await classify(
    classifier,
    rows.map((row) => ({ subject: row.subject ?? "", text: row.body ?? "" })),
  );
  const groups = groupNearDuplicates(rows.map((row) => row.body ?? ""));
  const figuresOf = (field: "type" | "priority" | "queue", head: "type" | "priority" | "department") =>
    bySet(
      rows.flatMap((row, at): Labelled[] => {
        const right = map[field][row[field] ?? ""];
        const result = results[at];
        if (!right || !result) return [];
        return [{ set: row.language ?? "", ...answerOf(result[head], right, `${groups[at]}`) }];
      }),
    );
  const named = rows.flatMap(({ language }, at) => (language ? [language === results[at]?.language] : []));
  return {
    figures: {
      type: figuresOf("type", "type"),
      priority: figuresOf("priority", "priority"),
      queue: figuresOf("queue", "department"),
    },
    languages: { right: named.filter(Boolean).length, of: named.length },
  };
}

/**
 * Questions to a Russian-speaking bank: all are questions, and the departments nearly all of one kind.
 * @returns null where they are not in the folder
 */
export async function judgeFaq(
  classifier: Classifier,
  data: string,
  { evaluation }: Mapping,
): Promise<FaqFigures | null> {
  const path = join(data, "ru_vtb_faq", "faq.xlsx");
  if (!existsSync(path)) return null;
  const map = evaluation.ru_vtb_faq;
  const rows = sheetRows(await readXlsx(path))
    .slice(1)
    .map((row) => row.map((cell) => String(cell ?? "").trim()))
    .filter(([, , text]) => text !== "");
  const results = await classify(
    classifier,
    rows.map(([, , text = ""]) => ({ subject: null, text })),
  );
  const figuresOf = (
    head: "type" | "department" | "priority",
    fitting: (row: string[]) => readonly string[] | undefined,
  ) =>
    measure(
      rows.flatMap((row, at) => {
        const right = fitting(row);
        const result = results[at];
        return right && result ? [answerOf(result[head], right, `${at}`)] : [];
      }),
    );
  return {
    figures: {
      type: figuresOf("type", () => ["question"]),
      department: figuresOf(
        "department",
        ([category = "", sub]) => map.department[`${category} | ${sub}`] ?? map.department[category],
      ),
      priority: figuresOf("priority", ([, , , priority = ""]) => map.priority[priority]),
    },
    russian: results.filter(({ language }) => language === "ru").length / Math.max(1, results.length),
  };
}

interface Labelled extends Answer {
  readonly set: string;
}

function answerOf(
  { label, confidence, abstained }: Prediction,
  right: readonly string[],
  group: string,
): Answer {
  return { right, label, confidence, abstained, group };
}

async function classify(
  classifier: Classifier,
  texts: readonly { subject: string | null; text: string }[],
): Promise<Classified[]> {
  const items: ClassifyItem[] = texts.map((text, at) => ({ id: String(at), company: "evaluation", ...text }));
  return classifier.classify(items);
}

function sheetRows(sheets: unknown): unknown[][] {
  if (!Array.isArray(sheets)) throw new Error("the workbook has no rows");
  const [first] = sheets;
  return Array.isArray(first) ? sheets : (first?.data ?? []);
}

function distinct<T>(items: T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** Beside each set, what would be left of it if no answer under 0.95 were given. */
function bySet(answers: Labelled[]): Record<string, Figures> {
  const rows = [...new Set(answers.map(({ set }) => set))].sort().flatMap((set) => {
    const own = answers.filter((one) => one.set === set);
    const sure = own.map((one) => ({ ...one, abstained: one.abstained || one.confidence < 0.95 }));
    return [
      [set, measure(own)],
      [`${set}, 0.95 and more`, measure(sure)],
    ] as const;
  });
  return { all: measure(answers), ...Object.fromEntries(rows) };
}
