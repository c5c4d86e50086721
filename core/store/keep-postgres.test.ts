import { chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { expect, test } from "vitest";
import { until } from "../testing/hub.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";
import { findRunningEmbeddedPostgres } from "./embedded-postgres.ts";
import { keepEmbeddedPostgres } from "./keep-postgres.ts";

async function ask(connection: pg.ClientConfig): Promise<number | undefined> {
  const client = new pg.Client(connection);
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ n: number }>("SELECT count(*)::int AS n FROM kept");
    return rows[0]?.n;
  } catch {
    return undefined;
  } finally {
    await client.end();
  }
}

test("a database that was killed comes back by itself, with its rows, and stops with the hub", {
  timeout: 60_000,
}, async () => {
  const home = await makeTempFolder("keep");
  // The database's own user has to pass through.
  await chmod(home, 0o711);
  const dir = join(home, "postgres");
  const lines: string[] = [];
  const log = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  const kept = await keepEmbeddedPostgres({ dir, log });
  try {
    const client = new pg.Client(kept.connection);
    client.on("error", () => undefined);
    await client.connect();
    await client.query("CREATE TABLE kept AS SELECT 1 AS one");
    await client.end();

    const pid = Number((await readFile(join(dir, "data", "postmaster.pid"), "utf8")).split("\n")[0]);
    process.kill(pid, "SIGKILL");
    await until("it is told", async () => lines.find((line) => /gone down/.test(line)));
    expect(await until("it answers again", () => ask(kept.connection), 30_000)).toBe(1);
  } finally {
    await kept.stop();
  }
  expect(await findRunningEmbeddedPostgres(dir)).toBeUndefined();
  await rm(home, { recursive: true, force: true });
});
