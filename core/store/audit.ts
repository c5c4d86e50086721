/** The audit log: who did what, and when. The database itself refuses to change or delete an entry. */
import { newId } from "../lib/ids.ts";
import type { Runner } from "./database.ts";

/** What is written down. */
export const auditActions = {
  "draft.delivered": "A draft was put into the helpdesk by the hub.",
  "reply.recorded": "An agent's reply to the customer was recorded, from the helpdesk or through the API.",
  "labels.corrected": "A person chose other labels than the classifier.",
  "message.replayed": "A dead letter was brought back by an operator.",
  "quarantine.replayed": "An item of the quarantine was read once more by an operator, and taken in.",
  "history.imported": "An operator read what a source held before, or what lies in a file, into the history.",
  "ledger.gap":
    "A source held items that had been missed: how many, how many of them were fetched, and the ids of some.",
  "classifier.trained":
    "The classifier was trained for a company: why, how it ended, how many lessons there were, and the new version, if one was made.",
  "config.changed": "A company's changed configuration was taken up.",
  "config.refused": "A company's changed configuration was refused because of mistakes.",
  "connector.paused": "A connector was paused because its credentials were refused.",
} as const;

export interface AuditEntry {
  company: string | null;
  /** `hub`, `operator`, `key:<name>` or `agent:<name>`. */
  actor: string;
  action: keyof typeof auditActions;
  /** The id of what it was done to. */
  subject: string | null;
  detail?: Record<string, unknown>;
}

export async function audit(runner: Runner, entries: AuditEntry[]): Promise<void> {
  const rows = entries.map((entry) => ({ detail: {}, ...entry, id: newId() }));
  await runner.query(
    "audit",
    `INSERT INTO audit_log (id, company, actor, action, subject, detail)
     SELECT * FROM json_to_recordset($1::json) AS i(id uuid, company text, actor text, action text, subject text,
       detail jsonb)`,
    [JSON.stringify(rows)],
  );
}
