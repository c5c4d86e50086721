/** `node ml-service/evaluate.ts --data FOLDER`: prints how good the shipped model is, on held-out and on foreign data. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import readXlsx from "read-excel-file/node";
import { defaultModelPath } from "./classifier.service.ts";
import { classifierOf } from "./classifier.ts";
import type { Classified, ClassifyItem, Prediction } from "./classify-schema.ts";
import { auroc } from "./evaluate/auroc.ts";
import { loadModel } from "./model.ts";
import { groupNearDuplicates } from "./train/groups.ts";
import { judge } from "./train/judge.ts";
import { type Answer, type Figures, measure } from "./train/metrics.ts";
import { readSamples } from "./train/samples.ts";
import { type Mapping, readCsv, readMapping, readSets } from "./train/sets.ts";
import { sampleVariants } from "./train/settings.ts";
import { partOf } from "./train/train.ts";
import { shippedVectors } from "./word-vectors.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: join(import.meta.dirname, "../../shared/data") },
    model: { type: "string", default: defaultModelPath },
  },
});
const model = loadModel(values.model);
const classifier = classifierOf(model);
const mapping = readMapping();

await heldOut();
if (existsSync(join(values.data, "tickets_tobi"))) await tickets(join(values.data, "tickets_tobi"), mapping);
else console.log(`tickets_tobi is not in ${values.data}: skipped`);
if (existsSync(join(values.data, "ru_vtb_faq"))) await faq(join(values.data, "ru_vtb_faq/faq.xlsx"), mapping);
else console.log(`ru_vtb_faq is not in ${values.data}: skipped`);

/** The tenth of the training sets that was kept back: the model's bare word, as the manifest has it. */
async function heldOut(): Promise<void> {
  const own = readSamples(join(import.meta.dirname, "train/samples"), sampleVariants);
  const { examples, missing } = readSets(values.data, mapping);
  if (missing.length > 0) console.log(`not in ${values.data}: ${missing.join(", ")}`);
  const kept = [...own, ...examples].filter(({ group }) => partOf(group) === "test");
  for (const [head, bySource] of Object.entries(judge(model, kept, shippedVectors())))
    print(`held out: ${head}`, bySource);
  const results = await classify(kept.map(({ text }) => ({ subject: null, text })));
  const scored = kept.flatMap(({ labels }, at) => {
    const score = results[at]?.outOfScope ?? null;
    return labels.scope === undefined || score === null ? [] : [{ score, positive: labels.scope === "out" }];
  });
  console.log(`held out: AUROC of outOfScope ${auroc(scored)?.toFixed(3) ?? "unknown"}`);
}

/** Never trained or tuned on. With rules and doubts, in five languages of which two are trained. */
async function tickets(folder: string, { evaluation }: Mapping): Promise<void> {
  const map = evaluation.tickets_tobi;
  const rows = distinct(
    readdirSync(folder)
      .filter((file) => file.endsWith(".csv"))
      .flatMap((file) => readCsv(join(folder, file))),
    (row) => `${row.subject}\n${row.body}`,
  );
  const results = await classify(rows.map((row) => ({ subject: row.subject ?? "", text: row.body ?? "" })));
  const groups = groupNearDuplicates(rows.map((row) => row.body ?? ""));
  const heads = [
    ["type", "type"],
    ["priority", "priority"],
    ["queue", "department"],
  ] as const;
  for (const [field, head] of heads) {
    const answers = rows.flatMap((row, at): Labelled[] => {
      const right = map[field][row[field] ?? ""];
      const result = results[at];
      if (!right || !result) return [];
      return [{ set: row.language ?? "", ...answerOf(result[head], right, `${groups[at]}`) }];
    });
    print(`tickets_tobi: ${field}`, bySet(answers));
  }
}

/** Never trained or tuned on. The departments are those of a bank, nearly all of one kind. */
async function faq(path: string, { evaluation }: Mapping): Promise<void> {
  const map = evaluation.ru_vtb_faq;
  const rows = sheetRows(await readXlsx(path))
    .slice(1)
    .map((row) => row.map((cell) => String(cell ?? "").trim()))
    .filter(([, , text]) => text !== "");
  const results = await classify(rows.map(([, , text = ""]) => ({ subject: null, text })));
  const answers = (
    head: "department" | "priority",
    fitting: (row: string[]) => readonly string[] | undefined,
  ) =>
    rows.flatMap((row, at) => {
      const right = fitting(row);
      const result = results[at];
      return right && result ? [answerOf(result[head], right, `${at}`)] : [];
    });
  const department = answers(
    "department",
    ([category = "", sub]) => map.department[`${category} | ${sub}`] ?? map.department[category],
  );
  print("ru_vtb_faq: department", { all: measure(department) });
  print("ru_vtb_faq: priority", {
    all: measure(answers("priority", ([, , , priority = ""]) => map.priority[priority])),
  });
  const share = (test: (result: Classified) => boolean) =>
    (results.filter(test).length / Math.max(1, results.length)).toFixed(3);
  const given = results.filter(({ type }) => !type.abstained);
  const asked = given.filter(({ type }) => type.label === "question").length / Math.max(1, given.length);
  console.log(`ru_vtb_faq: ${asked.toFixed(3)} of ${given.length} types given are questions (all should be)`);
  console.log(`ru_vtb_faq: ${share(({ language }) => language === "ru")} recognised as Russian`);
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

async function classify(texts: { subject: string | null; text: string }[]): Promise<Classified[]> {
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

function print(title: string, rows: Record<string, Figures>): void {
  console.log(`\n${title}`);
  console.table(
    Object.fromEntries(
      Object.entries(rows).map(([name, figures]) => [
        name,
        Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Number(value.toFixed(3))])),
      ]),
    ),
  );
}
