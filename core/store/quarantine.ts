/** Items that a connector could not read, with their reasons. */
import { newId } from "../lib/ids.ts";
import type { Runner } from "./database.ts";

export interface QuarantinedItem {
  company: string;
  connector: string;
  externalId: string;
  reason: string;
  /** Where the raw item lies in the blob store. */
  blob: string | null;
}

/** Keeps an item, once. */
export async function insertQuarantined(runner: Runner, items: QuarantinedItem[]): Promise<void> {
  await runner.query(
    "insert-quarantined",
    `INSERT INTO quarantine (id, company, connector, external_id, reason, blob)
     SELECT id, company, connector, "externalId", reason, blob FROM json_to_recordset($1::json)
       AS i(id uuid, company text, connector text, "externalId" text, reason text, blob text)
     ON CONFLICT (company, connector, external_id) DO NOTHING`,
    [JSON.stringify(items.map((item) => ({ ...item, id: newId() })))],
  );
}
