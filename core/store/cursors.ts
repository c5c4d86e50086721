/** How far each connector has read its source. */
import type { Runner } from "./database.ts";

/** @returns the cursor as it was saved, or null before the first page */
export async function loadCursor(runner: Runner, company: string, connector: string): Promise<unknown> {
  const [row] = await runner.query<{ cursor: unknown }>(
    "load-cursor",
    "SELECT cursor FROM cursors WHERE company = $1 AND connector = $2",
    [company, connector],
  );
  return row?.cursor ?? null;
}

/** Save it in the transaction of the page that it stands behind. */
export async function saveCursor(
  runner: Runner,
  company: string,
  connector: string,
  cursor: unknown,
): Promise<void> {
  await runner.query(
    "save-cursor",
    `INSERT INTO cursors (company, connector, cursor) VALUES ($1, $2, $3::jsonb)
     ON CONFLICT (company, connector) DO UPDATE SET cursor = excluded.cursor, updated_at = clock_timestamp()`,
    [company, connector, JSON.stringify(cursor)],
  );
}

/** When the last page of a source was committed, by the database's clock; null before the first one. */
export async function lastRead(runner: Runner, company: string, connector: string): Promise<Date | null> {
  const [row] = await runner.query<{ at: Date }>(
    "last-read",
    "SELECT updated_at AS at FROM cursors WHERE company = $1 AND connector = $2",
    [company, connector],
  );
  return row?.at ?? null;
}
