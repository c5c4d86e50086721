/** What `deskwire plan` prints: figures, labels, drafts and costs, as text for a terminal. */
import type { DrafterConfig } from "../../config/schema.ts";
import type { Prediction } from "../../ml-service/classify-schema.ts";
import { countEach, type Reading } from "../hosting/plan.ts";
import {
  aMonth,
  type LabelledMessage,
  labelNames,
  labelShares,
  type MonthlyUse,
  type PlannedDraft,
} from "../hosting/plan-drafts.ts";
import { onOneLine } from "../lib/log.ts";

/** What is shown of a text without `--full`. */
const shortened = { lines: 10, characters: 600 };
/** The most reasons that are listed, the most frequent ones. */
const mostReasons = 12;
/** The longest reason, subject or name on a line, in characters. */
const longestName = 120;

const number = (value: number) => Math.round(value).toLocaleString("en");
const percent = (share: number) => `${Math.round(share * 100)} %`;
const minute = (at: Date) => `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
/** "1 draft", "2 drafts". */
export const counted = (count: number, one: string, many = `${one}s`) =>
  `${number(count)} ${Math.round(count) === 1 ? one : many}`;

/** One line of what others wrote. */
function short(text: string, max = longestName): string {
  const line = onOneLine(text.trim());
  return line.length > max ? `${line.slice(0, max - 1).toWellFormed()}…` : line;
}

/** A text as lines with a mark before each: it can neither forge other lines nor steer the terminal. */
function quote(text: string, mark: string, full: boolean): string[] {
  const whole = text.trim().replace(/\r\n?/g, "\n");
  const kept = full
    ? whole
    : whole.slice(0, shortened.characters).toWellFormed().split("\n").slice(0, shortened.lines).join("\n");
  const lines = kept.split("\n").map((line) => `   ${mark} ${onOneLine(line)}`.trimEnd());
  return kept.length < whole.length ? [...lines, `   ${mark} … (--full shows all of it)`] : lines;
}

function reasons(values: readonly string[]): string {
  const all = countEach(values);
  const shown = all.slice(0, mostReasons).map(({ value, count }) => `${short(value)} ${number(count)}`);
  return [...shown, ...(all.length > mostReasons ? ["…"] : [])].join(", ");
}

/** "4 a day, some 120 in a month of 30 days" */
function rate(count: number, days: number): string {
  const perDay = (count / days).toLocaleString("en", { maximumFractionDigits: 1 });
  return `${perDay} a day, some ${number(aMonth(count, days))} in a month of 30 days`;
}

/** The figures of what was read. @param askedDays as asked for */
export function figuresText(target: string, reading: Reading, askedDays: number): string {
  const { messages, tickets, replies, strayReplies, rejected, days, cut, newest } = reading;
  const skipped = messages.flatMap(({ skip }) => skip ?? []);
  const wanted = messages.length - skipped.length;
  const rows: Array<[string, number, string]> = [
    ["tickets", tickets, ""],
    ["customers' messages", messages.length, rate(messages.length, days)],
    ["wanting a draft", wanted, rate(wanted, days)],
    ["without a draft", skipped.length, reasons(skipped)],
    ["agents' replies", replies, strayReplies > 0 ? `${number(strayReplies)} to no ticket of this time` : ""],
    ["in quarantine", rejected.length, reasons(rejected)],
  ];
  const lines = rows.map(([name, count, more]) =>
    `  ${name.padEnd(22)}${number(count).padStart(7)}   ${more}`.trimEnd(),
  );
  const until = newest ? `, up to ${minute(newest)}` : "";
  const warning = cut
    ? [`Only so much was read${until}, and there is more: fewer --days show the newest.`, ""]
    : [];
  const title = `${target}, the last ${counted(askedDays, "day")}:`;
  return [title, "", ...lines, "", ...warning].join("\n");
}

/** How the labels are distributed. @param wanted messages that want a draft, of which the newest were labelled */
export function sharesText(labelled: readonly LabelledMessage[], wanted: number): string {
  const { counts, unsure } = labelShares(labelled);
  const of = labelled.length < wanted ? `the newest ${number(labelled.length)} of ${number(wanted)}` : "the";
  const lines = counts.map(({ name, counts }) => {
    const shares = counts.map(({ value, count }) => `${value} ${percent(count / labelled.length)}`);
    return `  ${name.padEnd(12)}${shares.join(", ")}`;
  });
  return [
    `Labels of ${of} messages that want a draft:`,
    "",
    ...lines,
    `  ${"unsure".padEnd(12)}of one label at least ${percent(unsure / labelled.length)}`,
    "",
  ].join("\n");
}

/**
 * Where the drafts come from, and what asking for them means.
 * @param llm the LLM's model, and how many of these messages it is asked about for labels too; null where there is none
 */
export function draftsTitle(
  count: number,
  last: number,
  llm: { model: string; asked: number } | null,
): string {
  const which = count === 1 ? "The last message that wants a draft" : `The last ${count} that want a draft`;
  if (last === 0) return "No drafts were asked for (--last 0).";
  if (count === 0) return "No message wants a draft.";
  if (llm === null) return `${which}; drafts come from the company's own articles, no LLM is asked:`;
  const requests = `${counted(count, "request goes", "requests go")} to the LLM ${onOneLine(llm.model)} now`;
  const forLabels = llm.asked > 0 ? `, ${llm.asked} more for labels` : "";
  return `${which}; ${requests}${forLabels}, and one more for each answer in another language than the customer's:`;
}

/** How sure a label is, and what the LLM said where it was asked. */
function remark({ abstained, reasons = [] }: Prediction): string {
  const byLlm = reasons.filter((reason) => reason.includes("the LLM")).map((reason) => onOneLine(reason));
  const remarks = [...(abstained ? ["unsure"] : []), ...byLlm];
  return remarks.length > 0 ? ` (${remarks.join("; ")})` : "";
}

/** A message with its labels, as they are known before its draft. */
export function messageText(place: number, { message, labels }: LabelledMessage, full: boolean): string {
  const { at, requester, subject, text } = message;
  const who = requester.name ?? requester.email ?? "somebody";
  const given = labelNames.map((name) => {
    const { label, confidence } = labels[name];
    return `${name} ${label} ${percent(confidence)}${remark(labels[name])}`;
  });
  const head = `${place}. ${minute(at)}, ${short(who)}${subject === null ? "" : `: ${short(subject)}`}`;
  return ["", head, ...quote(text, ">", full), `   ${given.join(", ")}`, ""].join("\n");
}

export function draftText(draft: PlannedDraft, full: boolean): string {
  if (!("result" in draft)) return `   NO DRAFT: ${onOneLine(draft.error)}\n`;
  const { text, writtenBy, sources, notes } = draft.result;
  const from = sources.map(({ path }) => onOneLine(path)).join(", ");
  return [
    `   draft by ${onOneLine(writtenBy)}${from ? `, from ${from}` : ""}:`,
    ...quote(text, "|", full),
    ...notes.map((note) => `   note: ${onOneLine(note)}`),
    "",
  ].join("\n");
}

function money(amount: number, currency: string): string {
  const shown = amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return amount > 0 && amount < 0.01 ? `less than 0.01 ${currency}` : `some ${shown} ${currency}`;
}

/**
 * What the LLM would cost for drafts.
 * @param online whether an LLM writes the drafts
 * @param use null where it could not be measured
 */
export function costText(
  online: boolean,
  use: MonthlyUse | null,
  drafts: number,
  prices: DrafterConfig["prices"],
): string {
  const title = "The LLM in a month of 30 days:";
  if (!online) return `${title} cost 0, since none is asked (drafter.key or drafter.baseUrl sets one).\n`;
  if (!use) return `${title} not known, since no draft was written whose use of tokens is told.\n`;
  return `${title} ${counted(drafts, "draft")} ${useText(use, prices)}`;
}

/**
 * The same for labels that the classifier is not sure of.
 * @param requests how many a month
 */
export function labelCostText(
  use: MonthlyUse | null,
  requests: number,
  prices: DrafterConfig["prices"],
): string {
  const title = `Beside them ${counted(requests, "request")} for labels where the classifier is unsure`;
  if (!use) return `${title}: what they use is not known, since none of these was answered.\n`;
  return `${title} ${useText(use, prices)}`;
}

function useText(use: MonthlyUse, prices: DrafterConfig["prices"]): string {
  const each = `${number(use.inputEach)} tokens in and ${number(use.outputEach)} out`;
  const tokens = `of ${each} each are ${number(use.input)} in and ${number(use.output)} out`;
  if (use.cost !== null && prices) return `${tokens}, ${money(use.cost, prices.currency)}.\n`;
  return `${tokens}. With drafter.prices (inputPerMillion, outputPerMillion) set, this tells the cost.\n`;
}
