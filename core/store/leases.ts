/** Leases: at most one node does a thing at a time, and another takes over when it is gone. */
import type { Runner } from "./database.ts";

/**
 * Takes or extends a lease.
 * @param ttlMs milliseconds that it holds without being extended, by the database's clock
 * @returns whether `holder` has it now
 */
export async function takeLease(
  runner: Runner,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<boolean> {
  const rows = await runner.query(
    "take-lease",
    `INSERT INTO leases (name, holder, until) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms')
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
     WHERE leases.holder = excluded.holder OR leases.until < clock_timestamp()
     RETURNING name`,
    [name, holder, ttlMs],
  );
  return rows.length > 0;
}

export async function giveBackLease(runner: Runner, name: string, holder: string): Promise<void> {
  await runner.query("give-back-lease", "DELETE FROM leases WHERE name = $1 AND holder = $2", [name, holder]);
}
