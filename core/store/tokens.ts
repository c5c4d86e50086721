/** The access tokens of connectors, sealed: one for all nodes, renewed by one of them at a time. */
import type { Runner } from "./database.ts";

/**
 * The sealed token of a connector, or null. The row stays locked until the transaction ends: whoever comes second waits,
 * and reads what the first one stored. Run it in a transaction.
 */
export async function lockToken(runner: Runner, company: string, connector: string): Promise<Buffer | null> {
  await runner.query(
    "make-token-row",
    "INSERT INTO tokens (company, connector) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    [company, connector],
  );
  const [row] = await runner.query<{ sealed: Buffer | null }>(
    "lock-token",
    "SELECT sealed FROM tokens WHERE company = $1 AND connector = $2 FOR UPDATE",
    [company, connector],
  );
  return row?.sealed ?? null;
}

export async function saveToken(
  runner: Runner,
  company: string,
  connector: string,
  sealed: Buffer,
): Promise<void> {
  await runner.query(
    "save-token",
    "UPDATE tokens SET sealed = $3, updated_at = clock_timestamp() WHERE company = $1 AND connector = $2",
    [company, connector, sealed],
  );
}
