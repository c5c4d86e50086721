/** The hub's database for commands that only look: as far as it runs, since nothing is started for a look. */
import { join } from "node:path";
import type { LoadedConfig } from "../../config/types.ts";
import type { Log } from "../../plugins/contract/connector.ts";
import { type Connection, type Database, openDatabase } from "../store/database.ts";
import { findRunningEmbeddedPostgres } from "../store/embedded-postgres.ts";

async function connectionOf({ hub, stateDir }: LoadedConfig): Promise<Connection | undefined> {
  if (hub.database.url) return { connectionString: hub.database.url.reveal() };
  return findRunningEmbeddedPostgres(join(stateDir, "postgres"));
}

/** @returns null where the embedded database does not run; of another one nothing is known before it is asked */
export async function openRunningDatabase(config: LoadedConfig, log: Log): Promise<Database | null> {
  const connection = await connectionOf(config);
  return connection ? openDatabase(connection, 2, log) : null;
}
