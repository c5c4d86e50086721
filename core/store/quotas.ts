/** The limits of accounts at other systems: requests are taken from one row, whichever node makes them. */
import type { Runner } from "./database.ts";

export interface QuotaRow {
  name: string;
  requests: number;
  perMs: number;
}

/** Makes the rows of an account's limits where there are none. What has been learnt of them stays. */
export async function ensureQuotas(runner: Runner, account: string, rows: QuotaRow[]): Promise<void> {
  await runner.query(
    "ensure-quotas",
    `INSERT INTO quotas (account, name, requests, per_ms)
     SELECT $1, q.name, q.requests, q."perMs" FROM json_to_recordset($2::json) AS q(name text, requests int, "perMs" int)
     ON CONFLICT DO NOTHING`,
    [account, JSON.stringify(rows)],
  );
}

/**
 * Takes a request from each of the named limits, or from none. A quarter of a limit may go at once, the rest evenly
 * (the generic cell rate algorithm, ITU-T I.371): so no period, wherever it begins, holds more than the limit.
 * @param share the part of each limit that is ours, 0 to 1
 * @param patienceMs how far ahead a request may be taken, in milliseconds
 * @returns how long to wait before the request, in milliseconds: where that is more than `patienceMs`, nothing was taken
 */
export async function takeFromQuotas(
  runner: Runner,
  account: string,
  names: readonly string[],
  share: number,
  patienceMs: number,
): Promise<number> {
  const [row] = await runner.query<{ wait: number }>(
    "take-from-quotas",
    `WITH locked AS MATERIALIZED (
       SELECT name, requests, per_ms, next_at, held_until FROM quotas
       WHERE account = $1 AND name = ANY($2::text[]) ORDER BY name FOR UPDATE
     ), ours AS (
       SELECT *, greatest(1, floor(requests * $3::float8)) AS most FROM locked
     ), paced AS (
       SELECT *, greatest(1, floor(most / 4)) AS burst FROM ours
     ), spaced AS (
       SELECT *, per_ms / greatest(1, most - burst) * interval '1 ms' AS gap FROM paced
     ), waits AS (
       SELECT max(extract(epoch FROM greatest(held_until, next_at - (burst - 1) * gap) - clock_timestamp()) * 1000)
         AS wait FROM spaced
     ), taken AS (
       UPDATE quotas q SET next_at = greatest(q.next_at, clock_timestamp() + greatest(0, w.wait) * interval '1 ms') + s.gap
       FROM spaced s, waits w WHERE q.account = $1 AND q.name = s.name AND w.wait <= $4
     )
     SELECT greatest(0, coalesce(wait, 0))::float8 AS wait FROM waits`,
    [account, names, share, patienceMs],
  );
  return row?.wait ?? 0;
}

/** @returns for how long nobody may ask these limits' owner, in milliseconds */
export async function heldFor(runner: Runner, account: string, names: readonly string[]): Promise<number> {
  const [row] = await runner.query<{ held: number }>(
    "quotas-held-for",
    `SELECT coalesce(max(extract(epoch FROM held_until - clock_timestamp()) * 1000), 0)::float8 AS held FROM quotas
     WHERE account = $1 AND name = ANY($2::text[])`,
    [account, names],
  );
  return Math.max(0, row?.held ?? 0);
}

/** Keeps what an answer told of a limit: how large it is, and how long nobody may ask. */
export async function saveQuotaNews(
  runner: Runner,
  account: string,
  news: { name: string; requests: number | null; holdMs: number | null },
): Promise<void> {
  await runner.query(
    "save-quota-news",
    `UPDATE quotas SET requests = coalesce($3, requests),
       held_until = greatest(held_until, clock_timestamp() + coalesce($4::float8, 0) * interval '1 ms')
     WHERE account = $1 AND name = $2`,
    [account, news.name, news.requests, news.holdMs],
  );
}
