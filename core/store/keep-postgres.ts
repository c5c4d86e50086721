/** The embedded database for as long as the hub runs: brought up again where it goes down (a full disk, a kill). */
import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "../../plugins/contract/errors.ts";
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  findRunningEmbeddedPostgres,
  startEmbeddedPostgres,
} from "./embedded-postgres.ts";

/** Milliseconds between two looks. */
const everyMs = 2_000;

/**
 * Starts the database as `startEmbeddedPostgres` does, and starts it again whenever it is found gone, under the same
 * address. Until then whoever uses it gets errors, as with any database that is away.
 */
export async function keepEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<Pick<EmbeddedPostgres, "connection" | "stop">> {
  const { dir, log } = options;
  const ending = new AbortController();
  let current = await startEmbeddedPostgres(options);
  const { connection } = current;

  const look = async () => {
    if (await findRunningEmbeddedPostgres(dir)) return;
    log.warn("the embedded database has gone down: starting it again");
    // The old handle is dropped, not stopped: it would stop the new server.
    current = await startEmbeddedPostgres({ ...options, signal: ending.signal });
    log.info("the embedded database is back");
  };
  const keep = async () => {
    while (!ending.signal.aborted) {
      try {
        await sleep(everyMs, undefined, { signal: ending.signal, ref: false });
        await look();
      } catch (error) {
        if (!ending.signal.aborted)
          log.warn(`the embedded database did not come back yet: ${describeError(error)}`);
      }
    }
  };
  const keeping = keep();
  return {
    connection,
    async stop() {
      ending.abort(new Error("the hub stops"));
      await keeping;
      await current.stop();
    },
  };
}
