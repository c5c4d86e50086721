import { type ChildProcess, spawn } from "node:child_process";
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeTempFolder } from "../testing/temp-folder.ts";
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  findRunningEmbeddedPostgres,
  type PostgresConnection,
  startEmbeddedPostgres,
} from "./embedded-postgres.ts";
import { describeFolder, isAlive } from "./postgres-folder.ts";
import { readPostmaster } from "./postmaster.ts";

const isRoot = process.getuid?.() === 0;
let home: string;
let dir: string;
const opened: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
const warnings: string[] = [];

beforeEach(async () => {
  home = await makeTempFolder("embedded");
  await chmod(home, 0o711);
  dir = join(home, 'a folder, with "everything"', "postgres");
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const database of opened.splice(0)) await database.stop();
  await rm(home, { recursive: true, force: true });
  warnings.length = 0;
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const log = { info: () => undefined, warn: (message: string) => warnings.push(message) };
  const database = await startEmbeddedPostgres({ dir, log, ...options });
  opened.push(database);
  return database;
}

async function query(connection: PostgresConnection, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connection);
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function serverPid(): Promise<number> {
  return (await readPostmaster(await describeFolder(dir)))?.pid ?? 0;
}

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(10);
}

/** A process that starts the database and then does nothing, until it is killed. */
async function startInChild(): Promise<ChildProcess> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL("./embedded-postgres.ts", import.meta.url).href)};
    const log = { info() {}, warn() {} };
    const { adopted } = await startEmbeddedPostgres({ dir: ${JSON.stringify(dir)}, log });
    console.log(JSON.stringify({ adopted }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    expect(JSON.parse(line)).toEqual({ adopted: false });
    return child;
  }
  throw new Error("the child ended before the database was up");
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exit;
}

test("the first start makes a database, and a restart keeps its rows", async () => {
  const first = await start();
  expect(first.adopted).toBe(false);
  await query(first.connection, "create table kept as select 42 as answer");
  const settings = await query(
    first.connection,
    `select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'data_checksums',
     'listen_addresses', 'server_encoding', 'password_encryption') order by name`,
  );
  expect(settings.map((row) => Object.values(row as object).join("="))).toEqual([
    "data_checksums=on",
    "fsync=on",
    "listen_addresses=",
    "password_encryption=scram-sha-256",
    "server_encoding=UTF8",
    "synchronous_commit=on",
  ]);
  const pid = await serverPid();
  await first.stop();
  await first.stop();
  await expect.poll(() => isAlive(pid)).toBe(false);
  expect(await findRunningEmbeddedPostgres(dir)).toBeUndefined();

  const second = await start();
  expect(second.adopted).toBe(false);
  expect(await query(second.connection, "select answer from kept")).toEqual([{ answer: 42 }]);
  expect(await findRunningEmbeddedPostgres(dir)).toEqual(second.connection);
  expect(warnings).toEqual([]);
});

test("nobody else may read the password or reach the socket, and a wrong password is refused", async () => {
  const { connection } = await start();
  expect((await lstat(connection.host)).mode & 0o777).toBe(0o700);
  expect((await lstat(join(dir, "data", "deskwire.password"))).mode & 0o777).toBe(0o600);
  await expect(query({ ...connection, password: "guessed" }, "select 1")).rejects.toMatchObject({
    code: "28P01",
  });
});

test("a server whose process was killed is adopted with its rows, and stopped at the end", async () => {
  const child = await startInChild();
  const running = await findRunningEmbeddedPostgres(dir);
  if (!running) throw new Error("not found while it runs");
  await query(running, "create table kept as select 7 as answer");
  const pid = await serverPid();
  await killed(child);
  expect(isAlive(pid)).toBe(true);

  const database = await start();
  expect(database.adopted).toBe(true);
  expect(await serverPid()).toBe(pid);
  expect(await query(database.connection, "select answer from kept")).toEqual([{ answer: 7 }]);
  await database.stop();
  expect(await findRunningEmbeddedPostgres(dir)).toBeUndefined();
});

test("after kill -9 of everything the next start recovers every committed row", async () => {
  const child = await startInChild();
  const running = await findRunningEmbeddedPostgres(dir);
  if (!running) throw new Error("not found while it runs");
  await query(running, "create table kept as select generate_series(1, 200000) as n");
  const pid = await serverPid();
  process.kill(pid, "SIGKILL");
  await killed(child);
  await gone(pid);
  expect(await readdir(join(dir, "data"))).toContain("postmaster.pid");
  expect(await findRunningEmbeddedPostgres(dir)).toBeUndefined();

  const database = await start();
  expect(database.adopted).toBe(false);
  expect(await query(database.connection, "select count(*)::int as n from kept")).toEqual([{ n: 200_000 }]);
});

test("a process id of the last server that now is another program's does not prevent the start", async () => {
  await (await start()).stop();
  const stranger = spawn("sleep", ["60"], isRoot ? { uid: 65_534, gid: 65_534 } : {});
  children.push(stranger);
  const folder = await describeFolder(dir);
  await writeFile(
    join(folder.data, "postmaster.pid"),
    `${stranger.pid}\n${folder.data}\n1\n5432\n${folder.dir}/run\n\n\n`,
  );
  await writeFile(
    join(folder.dir, "run", ".s.PGSQL.5432.lock"),
    `${stranger.pid}\n${folder.data}\n1\n5432\n\n`,
  );
  expect(await findRunningEmbeddedPostgres(dir)).toBeUndefined();
  const database = await start();
  expect(await query(database.connection, "select 1 as one")).toEqual([{ one: 1 }]);
  expect(isAlive(stranger.pid ?? 0)).toBe(true);
});

test("an interrupted first start leaves nothing behind that prevents the next", async () => {
  await expect(start({ signal: AbortSignal.timeout(100) })).rejects.toThrow(/abort|timeout/i);
  expect((await readdir(dir)).filter((name) => name.includes(".new-"))).toEqual([]);
  await rm(join(dir, "data"), { recursive: true });
  const half = join(dir, "data.new-4194305-00ff");
  await mkdir(join(half, "base"), { recursive: true });
  await mkdir(join(dir, "data", "base"), { recursive: true });
  const database = await start();
  expect(await query(database.connection, "select 1 as one")).toEqual([{ one: 1 }]);
  expect(await readdir(dir)).not.toContain("data.new-4194305-00ff");
  expect(warnings).toEqual([expect.stringContaining("incomplete and is set aside")]);
});

test("two starts at once give one server, and the last one out stops it", async () => {
  const [one, two] = await Promise.all([start(), start()]);
  expect([one.adopted, two.adopted].sort()).toEqual([false, true]);
  await query(one.connection, "create table shared as select 1 as n");
  const pid = await serverPid();
  await one.stop();
  expect(isAlive(pid)).toBe(true);
  expect(await query(two.connection, "select n from shared")).toEqual([{ n: 1 }]);
  await two.stop();
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test("two stops at once stop the server once", async () => {
  const both = await Promise.all([start(), start()]);
  const pid = await serverPid();
  await Promise.all(both.map((database) => database.stop()));
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test("a server that somebody else has stopped meanwhile is no error at the end", async () => {
  const database = await start();
  const pid = await serverPid();
  process.kill(pid, "SIGINT");
  await gone(pid);
  await database.stop();
  expect(warnings).toEqual([expect.stringContaining("has gone")]);
});

test("a server whose socket was removed is started again", async () => {
  const child = await startInChild();
  const pid = await serverPid();
  await killed(child);
  await rm(join(dir, "run", ".s.PGSQL.5432"));
  const database = await start({ startTimeoutMs: 300 });
  expect(await serverPid()).not.toBe(pid);
  expect(await query(database.connection, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("a folder with a long name has its socket elsewhere", async () => {
  dir = join(home, "long".repeat(30), "postgres");
  const database = await start({ durable: false });
  expect(database.connection.host.startsWith(home)).toBe(false);
  expect(await findRunningEmbeddedPostgres(dir)).toEqual(database.connection);
  expect(await query(database.connection, "select 1 as one")).toEqual([{ one: 1 }]);
  await database.stop();
  await rm(database.connection.host, { recursive: true });
});

test("data of another major version is refused with what to do", async () => {
  await (await start({ durable: false })).stop();
  await writeFile(join(dir, "data", "PG_VERSION"), "17\n");
  await expect(start()).rejects.toThrow(/made by PostgreSQL 17, and this Deskwire brings PostgreSQL 18/);
});

test("a server that cannot start says why", async () => {
  await expect(
    start({ durable: false, settings: { shared_buffers: "nonsense" }, startTimeoutMs: 300 }),
  ).rejects.toThrow(
    expect.objectContaining({
      message: expect.stringContaining("postgres.log"),
      cause: expect.objectContaining({ message: expect.stringContaining("nonsense") }),
    }),
  );
});

// Registered only where it can run: a skipped test would fail .ci/run.
if (isRoot) {
  test("as root the server runs as nobody", async () => {
    await start({ durable: false });
    expect((await lstat(`/proc/${await serverPid()}`)).uid).toBe(65_534);
  });

  test("as root a folder that nobody may enter is named, with the setting to change", async () => {
    const closed = join(home, "closed");
    await mkdir(closed, { mode: 0o700 });
    dir = join(closed, "state", "postgres");
    await expect(start()).rejects.toThrow(
      `may not enter ${closed}. Set stateDir in config/hub.yaml, or DESKWIRE_STATE_DIR`,
    );
    await expect(readFile(join(dir, "data", "PG_VERSION"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("as root a strict umask does not shut the server out", async () => {
    const before = process.umask(0o077);
    try {
      const database = await start({ durable: false });
      expect(await query(database.connection, "select 1 as one")).toEqual([{ one: 1 }]);
      expect((await lstat(dirname(dir))).mode & 0o777).toBe(0o711);
    } finally {
      process.umask(before);
    }
  });
}
