/** The connection to PostgreSQL: one pool, named (prepared) statements, transactions, and knex as the builder of dynamic queries. */
import knexModule, { type Knex } from "knex";
import pg from "pg";
import type { Log } from "../../plugins/contract/connector.ts";

export type Connection = pg.PoolConfig;
export type Row = pg.QueryResultRow;

/** What a statement runs on: the pool, or a transaction. */
export interface Runner {
  /**
   * Runs one statement, prepared under its name on each connection.
   * @param name the same for the same text, always
   */
  query<R extends Row>(name: string, text: string, values: unknown[]): Promise<R[]>;
}

export interface Database extends Runner {
  /** Commits when `work` resolves, rolls back when it throws. */
  transaction<T>(work: (runner: Runner) => Promise<T>): Promise<T>;
  /** Runs a query made with `build`. */
  run<R extends Row>(query: Knex.QueryBuilder | Knex.Raw): Promise<R[]>;
  /** A query builder without a connection of its own: hand what it builds to `run`. */
  readonly build: Knex;
  /** Rejects where the database does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Errors of the data itself (SQLSTATE classes 22, 23 and 54, too many words for an index): one bad item must not fail those beside it. */
export function isDataError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^(22|23|54)/.test(code);
}

/** SQLSTATEs and socket errors that say that the database is away or overloaded, not that a statement was wrong. */
const awayCodes = /^(08|28|3D|53|57)...$|^(25006|55000|ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT)$/;
/** What pg says without a code. */
const awayMessages =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|connection error and is not queryable|after calling end/;

/** True where the database could not be reached or could not do its work: the same statement may go through later. */
export function isDatabaseAway(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === "string" && awayCodes.test(code)) return true;
  return typeof message === "string" && awayMessages.test(message);
}

/** How often work that lost a deadlock is done in all. */
const deadlockAttempts = 4;

/** Does work again that PostgreSQL chose as a deadlock's victim: it was rolled back whole, and the way is free now. */
export async function retryDeadlocks<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const code = (error as { code?: unknown } | null)?.code;
      if (attempt >= deadlockAttempts || (code !== "40P01" && code !== "40001")) throw error;
    }
  }
}

/** The longest time for one statement, in milliseconds; those of the hub take a thousandth of it. */
const queryTimeoutMs = 60_000;

/**
 * Named statements join by keys and find by indexes. A plan made while a table was small would otherwise read all of it, or all
 * of an index, for each batch once it has grown; and to plan a statement for each of its values costs more than to run it.
 */
export const plannerSettings = [
  "SET plan_cache_mode = force_generic_plan",
  "SET enable_seqscan = off",
  "SET enable_hashjoin = off",
  "SET enable_mergejoin = off",
  // The pages of a message's way are in memory: what counts is how many rows are read.
  "SET random_page_cost = 0.1",
  "SET cpu_tuple_cost = 1",
  // What is off counts as very dear, and dear plans are compiled.
  "SET jit = off",
].join(";");

/**
 * A connection plans its statements anew after so many of them, and then whenever it has run twice as many: a plan is made for
 * tables as large as they are at that moment, and kept for as long as nobody analyses them.
 */
const firstReplan = 16;

/** The share of a node's connections that dynamic queries have to themselves: a slow search holds up no message. */
const dynamicShare = 1 / 4;

/** @param poolSize the most connections of this node */
export function openDatabase(connection: Connection, poolSize: number, log: Log): Database {
  const dynamicSize = Math.max(1, Math.floor(poolSize * dynamicShare));
  const pool = openPool(connection, Math.max(1, poolSize - dynamicSize), log, plannerSettings);
  const dynamic = openPool(connection, dynamicSize, log);
  const build = knexModule({ client: "pg" });
  const lend = createLending(pool);
  return {
    build,
    query<R extends Row>(name: string, text: string, values: unknown[]) {
      return lend(async (client, giveUp) => {
        try {
          return (await client.query<R>({ name, text, values })).rows;
        } catch (error) {
          giveUp(error as Error);
          throw error;
        }
      });
    },
    async run<R extends Row>(query: Knex.QueryBuilder | Knex.Raw) {
      const { sql, bindings } = query.toSQL().toNative();
      return (await dynamic.query<R>(sql, [...bindings])).rows;
    },
    transaction: (work) =>
      lend(async (client, giveUp) => {
        try {
          await client.query("BEGIN");
          const result = await work({
            async query<R extends Row>(name: string, text: string, values: unknown[]) {
              return (await client.query<R>({ name, text, values })).rows;
            },
          });
          // A failed statement that `work` passed over makes PostgreSQL answer COMMIT with a rollback, and no error.
          const { command } = await client.query("COMMIT");
          if (command !== "COMMIT")
            throw new Error("the transaction was rolled back: one of its statements failed");
          return result;
        } catch (error) {
          await client.query("ROLLBACK").catch(giveUp);
          throw error;
        }
      }),
    async ping(timeoutMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`the database did not answer within ${timeoutMs} ms`)),
          timeoutMs,
        );
      });
      try {
        await Promise.race([pool.query("SELECT 1"), late]);
      } finally {
        clearTimeout(timer);
      }
    },
    async close() {
      await Promise.all([pool.end(), dynamic.end()]);
      await build.destroy();
    },
  };
}

/** Lends connections out; one that is given up, or lost meanwhile, is replaced. */
function createLending(pool: pg.Pool) {
  const counts = new WeakMap<pg.PoolClient, { statements: number; replanAt: number }>();
  const isReplanDue = (client: pg.PoolClient): boolean => {
    const count = counts.get(client) ?? { statements: 0, replanAt: firstReplan };
    counts.set(client, count);
    if (++count.statements < count.replanAt) return false;
    count.replanAt *= 2;
    return true;
  };
  return async <T>(work: (client: pg.PoolClient, giveUp: (error: Error) => void) => Promise<T>) => {
    const client = await pool.connect();
    let broken: Error | undefined;
    const giveUp = (error: Error) => {
      broken = error;
    };
    // The pool listens to idle connections only; one that is lost between two statements would end the process.
    client.on("error", giveUp);
    try {
      if (isReplanDue(client)) await client.query("DISCARD PLANS").catch(giveUp);
      return await work(client, giveUp);
    } finally {
      client.off("error", giveUp);
      client.release(broken);
    }
  };
}

function openPool(connection: Connection, max: number, log: Log, settings?: string): pg.Pool {
  const pool = new pg.Pool({
    ...connection,
    max,
    application_name: "deskwire",
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    // A server that is gone without a word, or stands still: the connection is given up, and the work done again.
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    ...(settings && {
      onConnect: async (client) => {
        await client.query(settings);
      },
    }),
  });
  // An idle connection that breaks (a restarted server) is replaced by the pool; without a listener it would end the process.
  pool.on("error", (error) => log.warn("a database connection was lost", { error: error.message }));
  return pool;
}
