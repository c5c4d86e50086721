/** deskwire evaluate-model: how good the classifier is on labelled messages: those of a file, or those that a company's agents corrected. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { classifierOf } from "../../ml-service/classifier.ts";
import { evaluateMessages } from "../../ml-service/evaluate/evaluate-messages.ts";
import { renderHtml } from "../../ml-service/evaluate/html.ts";
import {
  expectedColumns,
  LabelledFileError,
  type LabelledMessages,
  readLabelledFile,
} from "../../ml-service/evaluate/labelled-file.ts";
import { renderMarkdown } from "../../ml-service/evaluate/markdown.ts";
import { loadModel, type Model } from "../../ml-service/model.ts";
import { ModelError } from "../../ml-service/model-error.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { FoundMessages } from "./corrected-messages.ts";

export interface EvaluateModelOptions {
  /** The file with labelled messages (default: what the company's agents corrected). */
  readonly data: string | undefined;
  /** A model's file (default: the one that comes with the code). */
  readonly model: string | undefined;
  /** Whose labels and whose model. */
  readonly company: string | undefined;
  /** A folder for the report (default: it is printed). */
  readonly out: string | undefined;
  readonly curve: boolean;
  /** Paths are relative to it. */
  readonly cwd: string;
  /** Where Deskwire lies. */
  readonly root: string;
  /** The folder with the configuration; looked at only where there is no file. */
  readonly project: string;
}

/** Rows left out that are named; the others are counted. */
const mostNamed = 10;

/** @returns the exit code; prints the report as Markdown, or where it has written it */
export async function evaluateModel(options: EvaluateModelOptions): Promise<number> {
  const { company = "evaluation", out, curve, cwd, root } = options;
  const model = open(
    options.model ? resolve(cwd, options.model) : join(root, "ml-service/models/default.bin"),
  );
  const { messages, data, notes } = await readMessages(options);
  const report = await evaluateMessages(messages, {
    classifier: classifierOf(model),
    labels: Object.fromEntries(model.header.heads.map(({ name, labels }) => [name, labels])),
    company,
    data,
    at: new Date(),
    notes,
    curve,
  });
  if (out === undefined) {
    process.stdout.write(renderMarkdown(report));
    return 0;
  }
  const folder = resolve(cwd, out);
  const files = { "evaluation.md": renderMarkdown(report), "evaluation.html": renderHtml(report) };
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  } catch (cause) {
    throw new ConnectorError("config", `cannot write to ${folder}: name another folder with --out`, {
      cause,
    });
  }
  for (const name of Object.keys(files)) process.stdout.write(`${join(folder, name)}\n`);
  return 0;
}

async function readMessages({ data, company, cwd, project }: EvaluateModelOptions): Promise<FoundMessages> {
  if (data !== undefined) {
    const path = resolve(cwd, data);
    const read = await readLabelledFile(path).catch(explain);
    return { messages: read.messages, data: basename(path), notes: leftOut(read) };
  }
  // A file is judged without a project, and without all that opens one.
  if (company !== undefined)
    return (await import("./corrected-messages.ts")).correctedMessages(project, company);
  throw new ConnectorError(
    "config",
    `say which messages: --data FILE.csv or FILE.jsonl with the columns ${expectedColumns}; or --company ID for those that its agents corrected`,
  );
}

function open(path: string): Model {
  try {
    return loadModel(path);
  } catch (error) {
    return explain(error);
  }
}

/** A file that cannot be used is the operator's to mend, so it is told without a stack. */
function explain(error: unknown): never {
  if (!(error instanceof LabelledFileError || error instanceof ModelError)) throw error;
  throw new ConnectorError("config", error.message, { cause: error.cause });
}

function leftOut({ malformed, left }: LabelledMessages): string[] {
  if (left === 0) return [];
  const shown = malformed.slice(0, mostNamed).map(({ line, why }) => `line ${line}: ${why}`);
  const more = left > shown.length ? `; ${left - shown.length} more` : "";
  return [`${left} ${left === 1 ? "row was" : "rows were"} left out (${shown.join("; ")}${more}).`];
}
