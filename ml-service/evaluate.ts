/** `node ml-service/evaluate.ts --data FOLDER`: prints how good the shipped model is, on held-out and on foreign data. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import readXlsx from "read-excel-file/node";
import { defaultModelPath } from "./classifier.service.ts";
import { classifierOf } from "./classifier.ts";
import type { Classified, ClassifyItem, Prediction } from "./classify-schema.ts";
import type { Answer } from "./evaluate/answers.ts";
import { auroc } from "./evaluate/auroc.ts";
import { loadModel } from "./model.ts";
import { judge } from "./train/judge.ts";
import { type Figures, measure } from "./train/metrics.ts";
import { readSamples } from "./train/samples.ts";
import { type Mapping, readCsv, readMapping, readSets } from "./train/sets.ts";
import { sampleVariants } from "./train/settings.ts";
import { partOf } from "./train/train.ts";

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
  for (const [head, bySource] of Object.entries(judge(model, kept))) print(`held out: ${head}`, bySource);
  const results = await classify(kept.map(({ text }) => ({ subject: null, text })));
  const scored = kept.flatMap(({ labels }, at) => {
    const score = results[at]?.outOfScope ?? null;
    return labels.scope === undefined || score === null ? [] : [{ score, positive: labels.scope === "out" }];
  });
  console.log(`held out: AUROC of outOfScope ${auroc(scored)?.toFixed(3) ?? "unknown"}`);
}

/** Never trained or tuned on. Type, priority and queue, with rules and doubts, in languages of which two are trained. */
async function tickets(folder: string, { evaluation }: Mapping): Promise<void> {
  const map = evaluation.tickets_tobi;
  const rows = distinct(
    readdirSync(folder)
      .filter((file) => file.endsWith(".csv"))
      .flatMap((file) => readCsv(join(folder, file)))
      .filter((row) => (row.type ?? "") !== ""),
    (row) => `${row.subject}\n${row.body}`,
  );
  const results = await classify(rows.map((row) => ({ subject: row.subject ?? "", text: row.body ?? "" })));
  const type: Labelled[] = [];
  const priority: Labelled[] = [];
  const queue: Labelled[] = [];
  rows.forEach((row, at) => {
    const result = results[at];
    if (!result) return;
    const group = row.language ?? "";
    const theirs = map.theirs[row.type ?? ""] ?? row.type ?? "";
    type.push({ group, ...answer(result.type, theirs, (label) => map.type[label] ?? label) });
    priority.push({
      group,
      ...answer(result.priority, row.priority ?? "", (label) => map.priority[label] ?? label),
    });
    const fitting = map.queue[row.queue ?? ""];
    if (fitting) queue.push({ group, ...fits(result.department, fitting) });
  });
  print("tickets_tobi: type (Change counted as Request)", byGroup(type));
  print("tickets_tobi: priority (urgent counted as high)", byGroup(priority));
  print("tickets_tobi: queue", byGroup(queue));
}

/** Never trained or tuned on. Only priority can be compared; the departments are those of a bank. */
async function faq(path: string, { evaluation }: Mapping): Promise<void> {
  const sheets = await readXlsx(path);
  const rows = sheetRows(sheets)
    .slice(1)
    .filter((row) => typeof row[2] === "string");
  const results = await classify(rows.map((row) => ({ subject: null, text: String(row[2]) })));
  const priority = rows.flatMap((row, at) => {
    const fitting = evaluation.ru_vtb_faq.priority[String(row[3]).trim()];
    const result = results[at];
    return fitting && result ? [fits(result.priority, fitting)] : [];
  });
  print("ru_vtb_faq: priority", { all: measure(priority) });
  const share = (test: (result: Classified) => boolean) =>
    (results.filter(test).length / Math.max(1, results.length)).toFixed(3);
  console.log(
    `ru_vtb_faq: ${share(({ type }) => type.label === "question")} called questions (nearly all are)`,
  );
  console.log(`ru_vtb_faq: ${share(({ language }) => language === "ru")} recognised as Russian`);
  console.log(`ru_vtb_faq: ${share(({ department }) => !department.abstained)} given a department`);
}

interface Labelled extends Answer {
  readonly group: string;
}

function answer(prediction: Prediction, right: string, translate: (label: string) => string): Answer {
  const { confidence, abstained } = prediction;
  return { right, label: translate(prediction.label), confidence, abstained };
}

/** Right is any of the fitting labels; the first one stands for all of them. */
function fits(prediction: Prediction, fitting: readonly string[]): Answer {
  const right = fitting[0] ?? "";
  return answer(prediction, right, (label) => (fitting.includes(label) ? right : label));
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

function byGroup(answers: Labelled[]): Record<string, Figures> {
  const groups = [...new Set(answers.map(({ group }) => group))].sort();
  const rows = groups.map((group) => [group, measure(answers.filter((one) => one.group === group))] as const);
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
