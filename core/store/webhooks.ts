/** Webhooks that were taken, remembered for as long as their time would let them be sent again. */
import type { Runner } from "./database.ts";

/** @returns whether the id was seen within the window */
export async function wasSeen(
  runner: Runner,
  company: string,
  connector: string,
  id: string,
): Promise<boolean> {
  const rows = await runner.query(
    "webhook-was-seen",
    "SELECT 1 FROM webhooks_seen WHERE company = $1 AND connector = $2 AND id = $3",
    [company, connector, id],
  );
  return rows.length > 0;
}

/**
 * Remembers a webhook, and forgets those that are older than twice the window.
 * @param windowMs milliseconds
 */
export async function markSeen(
  runner: Runner,
  company: string,
  connector: string,
  id: string,
  windowMs: number,
): Promise<void> {
  await runner.query(
    "webhook-mark-seen",
    `WITH old AS (DELETE FROM webhooks_seen WHERE at < clock_timestamp() - 2 * $4 * interval '1 ms')
     INSERT INTO webhooks_seen (company, connector, id, at) VALUES ($1, $2, $3, clock_timestamp())
     ON CONFLICT DO NOTHING`,
    [company, connector, id, windowMs],
  );
}
