/** Keeps hubs apart that would not see each other's work: one with its queue in memory is alone on its database, nodes with a common queue share it. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Log } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { Connection } from "./database.ts";

/** Advisory lock that a hub holds for as long as it runs ("hub " in ASCII): nodes with a common queue together, any other one exclusively. */
const hubLock = 0x68756220;
/** Milliseconds that a process which is just ending is waited for. */
const patienceMs = 8_000;

export interface SoleNode {
  release(): Promise<void>;
}

async function tryLock(client: pg.Client, shared: boolean): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT ${shared ? "pg_try_advisory_lock_shared" : "pg_try_advisory_lock"}($1) AS locked`,
    [hubLock],
  );
  return rows[0]?.locked === true;
}

function refused(shared: boolean): ConnectorError {
  return new ConnectorError(
    "config",
    shared
      ? "a hub without nats.url is running on this database: stop it, or give it the same nats.url as this node"
      : "another hub is running on this database already: stop it, give this one a stateDir or database of its own, or let both share the work by setting nats.url",
  );
}

/**
 * Takes the lock and holds it on a connection of its own; takes it again when that connection is lost.
 * @param shared true for a node whose queue others share
 * @throws ConnectorError of kind `config` where a hub holds it that this one cannot work beside
 */
export async function becomeSoleNode(connection: Connection, log: Log, shared = false): Promise<SoleNode> {
  let released = false;
  /** The connection that holds the lock. */
  let holder: pg.Client | undefined;
  let retaking: Promise<void> | undefined;

  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({
      ...connection,
      application_name: "deskwire lock",
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    });
    client.on("error", (error) => {
      // A connection that did not get the lock is looked after by whoever opened it.
      if (client !== holder || released) return;
      holder = undefined;
      log.warn("the connection that holds the hub's lock was lost", { error: error.message });
      retaking ??= again().finally(() => {
        retaking = undefined;
      });
    });
    await client.connect();
    return client;
  };
  const again = async () => {
    for (let told = false; !released; await sleep(1_000)) {
      try {
        const client = await connect();
        try {
          if (!released && (await tryLock(client, shared))) holder = client;
        } finally {
          if (!holder) await client.end();
        }
        if (holder) return;
        if (!released && !told) log.error("another hub has taken over this database: stop one of the two");
        told = true;
      } catch (error) {
        log.debug("the hub's lock could not be taken again yet", { error: (error as Error).message });
      }
    }
  };

  const client = await connect();
  try {
    for (const until = Date.now() + patienceMs; !(await tryLock(client, shared)); await sleep(200)) {
      if (Date.now() < until) continue;
      throw refused(shared);
    }
  } catch (error) {
    await client.end();
    throw error;
  }
  holder = client;
  return {
    async release() {
      released = true;
      await retaking;
      await holder?.end();
    },
  };
}
