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

export interface StoredItem extends QuarantinedItem {
  id: string;
  createdAt: Date;
}

export interface QuarantineFilter {
  company: string | null;
  connector: string | null;
  /** These alone. */
  ids: string[] | null;
}

const columns = `id, company, connector, external_id AS "externalId", reason, blob, created_at AS "createdAt"`;

/**
 * A page of the quarantine, newest first.
 * @param before the last item's id of the page before
 */
export async function listQuarantined(
  runner: Runner,
  { company, connector, ids }: QuarantineFilter,
  before: string | null,
  limit: number,
): Promise<StoredItem[]> {
  return runner.query<StoredItem & Record<string, unknown>>(
    "list-quarantined",
    `SELECT ${columns} FROM quarantine
     WHERE ($1::text IS NULL OR company = $1) AND ($2::text IS NULL OR connector = $2)
       AND ($3::uuid[] IS NULL OR id = ANY($3)) AND ($4::uuid IS NULL OR id < $4)
     ORDER BY id DESC LIMIT $5`,
    [company, connector, ids, before, limit],
  );
}

/** Takes an item out. @returns false where it was out already */
export async function deleteQuarantined(runner: Runner, id: string): Promise<boolean> {
  const rows = await runner.query("delete-quarantined", "DELETE FROM quarantine WHERE id = $1 RETURNING id", [
    id,
  ]);
  return rows.length > 0;
}

/** Gives an item another reason. */
export async function explainQuarantined(runner: Runner, id: string, reason: string): Promise<void> {
  await runner.query("explain-quarantined", "UPDATE quarantine SET reason = $2 WHERE id = $1", [id, reason]);
}

/** How many items there are, all companies together. */
export async function countQuarantined(runner: Runner): Promise<number> {
  const [row] = await runner.query<{ n: number }>(
    "count-quarantined",
    "SELECT count(*)::int AS n FROM quarantine",
    [],
  );
  return row?.n ?? 0;
}
