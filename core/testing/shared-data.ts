/** Tickets of public data sets, read from where they lie beside the project; never copied into it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "csv-parse/sync";
import { readSheet } from "read-excel-file/node";

export interface SampleMessage {
  externalId: string;
  subject?: string;
  text: string;
  requester?: { name: string };
}

const root = fileURLToPath(new URL("../../../shared/data", import.meta.url));

/** The data folder, or undefined (with a line that says so) where it is not there: then a test has to skip. */
export function sharedData(): string | undefined {
  if (existsSync(root)) return root;
  console.warn(
    "skipped: needs the data sets in ../shared/data beside the project; a smaller twin runs on the project's own",
  );
  return undefined;
}

/** The folder of hard and hostile mails of other projects, or undefined (with a line that says so) where it is not there. */
export function sharedMail(): string | undefined {
  const folder = fileURLToPath(new URL("../../../shared/mail", import.meta.url));
  if (existsSync(folder)) return folder;
  console.warn(
    "skipped: needs the mails in ../shared/mail beside the project; hostile ones of the project's own run",
  );
  return undefined;
}

function csv(folder: string, file: string): Record<string, string>[] {
  // Heads of larger files: the last row may be cut.
  return parse(readFileSync(join(folder, file)), {
    columns: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_records_with_error: true,
    bom: true,
  });
}

const ticketFiles = [
  "aa_dataset-tickets-multi-lang-5-2-50-version.partial.csv",
  "dataset-tickets-multi-lang-4-20k.partial.csv",
  "dataset-tickets-multi-lang3-4k.partial.csv",
  "helpdesk_customer_multi_lang_tickets.csv",
];

/** `count` tickets in five languages, with subjects; texts that occur twice are taken once. */
export function multilingualTickets(folder: string, count: number): SampleMessage[] {
  const seen = new Map<string, SampleMessage>();
  for (const file of ticketFiles) {
    for (const { subject = "", body = "" } of csv(join(folder, "tickets_tobi"), file)) {
      const text = body.replaceAll("\\n", "\n").trim();
      if (text && !seen.has(text)) seen.set(text, { externalId: `ticket-${seen.size}`, subject, text });
    }
  }
  // Spread over the files, so that every language is there.
  const all = [...seen.values()];
  const every = all.length / count;
  return Array.from(
    { length: Math.min(count, all.length) },
    (_, i) => all[Math.floor(i * every)] as SampleMessage,
  );
}

/** Questions of a bank's customers in Russian. */
export async function russianQuestions(folder: string): Promise<SampleMessage[]> {
  const rows = await readSheet(join(folder, "ru_vtb_faq", "faq.xlsx"));
  const heads = (rows[0] ?? []).map(String);
  const column = heads.findIndex((head) => /вопрос/i.test(head));
  return rows.slice(1).flatMap((row, i) => {
    const text = row[column];
    return typeof text === "string" && text.trim() ? [{ externalId: `question-${i}`, text }] : [];
  });
}

/** The longest complaints of consumers. */
export function longComplaints(folder: string, count: number): SampleMessage[] {
  const rows = csv(join(folder, "cfpb_sample"), "complaints_sample.csv");
  return rows
    .map((row) => row["Consumer complaint narrative"] ?? "")
    .sort((a, b) => b.length - a.length)
    .slice(0, count)
    .map((text, i) => ({ externalId: `complaint-${i}`, text }));
}
