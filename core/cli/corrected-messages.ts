/** Labelled messages of a company's own: the tickets whose labels its agents corrected. */
import type { LabelledMessage } from "../../ml-service/evaluate/labelled-file.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { readLessons } from "../store/lessons.ts";
import { openProject } from "./open-project.ts";
import { findCompany } from "./target.ts";

export interface FoundMessages {
  messages: readonly LabelledMessage[];
  /** What a report calls them. */
  data: string;
  /** What its reader has to know. */
  notes: string[];
}

const note =
  "These are tickets whose labels agents have changed, so more of them are wrong than of all tickets. A model that has learnt from them cannot be judged by them.";

/**
 * Reads them from the hub's database, beside a running hub or without one.
 * @throws ConnectorError of kind `config` where there is no such company, or nothing was corrected
 */
export async function correctedMessages(project: string, company: string): Promise<FoundMessages> {
  const opened = await openProject(project, "evaluate-model");
  try {
    const { id } = findCompany(opened.directory.all(), company);
    const messages: LabelledMessage[] = [];
    for await (const { subject, text, labels } of readLessons(opened.db, id))
      messages.push({ subject, text, labels, language: null });
    if (messages.length === 0) {
      const nothing = `no label of ${id}'s tickets has been corrected yet`;
      throw new ConnectorError("config", `${nothing}: name a file with --data`);
    }
    return { messages, data: `the corrections of ${id}`, notes: [note] };
  } finally {
    await opened.close();
  }
}
