/** What the API says while the disk is full or the database is away, and that all works again without a restart. */
import { randomBytes } from "node:crypto";
import { chmod, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { projectConfig } from "../../cli/project.ts";
import { startEmbeddedPostgres } from "../../store/embedded-postgres.ts";
import { type Client, checkedClient } from "../../testing/checked-client.ts";
import {
  databaseUrl,
  makeHubProject,
  startTestHub,
  startTestNode,
  testKey,
  until,
} from "../../testing/hub.ts";
import { testServer } from "../../testing/postgres.ts";
import { mountSmallDisk } from "../../testing/small-disk.ts";
import { makeTempFolder } from "../../testing/temp-folder.ts";

const key = testKey("acme");

async function filesUnder(dir: string): Promise<string[]> {
  const found = [];
  for (const name of await readdir(dir, { recursive: true }))
    if ((await stat(join(dir, name))).isFile()) found.push(name);
  return found;
}

test("a full disk is answered with 507, nothing is left behind, and the same request succeeds once there is room", async ({
  skip,
}) => {
  const hub = await startTestHub();
  const call = await checkedClient(hub.url);
  const blobs = join(hub.project.dir, "state", "blobs");
  const unmount = await mountSmallDisk(blobs, 64);
  try {
    if (!unmount) return skip("no small disk can be mounted here");
    const filler = join(blobs, "filler");
    await writeFile(filler, Buffer.alloc(40_000));
    const body = {
      externalId: "with-file",
      text: "See the file",
      attachments: [{ name: "photo.jpg", content: randomBytes(40_000).toString("base64") }],
    };
    for (let i = 0; i < 3; i++) {
      const answer = await call("/v1/messages", { key, body });
      expect(answer.status).toBe(507);
      expect(answer.headers.get("retry-after")).toBe("5");
      expect(answer.body.detail).toMatch(/no room left.*nothing of the message was stored/);
    }
    expect(await filesUnder(blobs)).toEqual(["filler"]);
    const tables = ["tickets", "messages", "progress", "attachments"];
    for (const table of tables)
      expect(await hub.node.db.query(`all-${table}`, `SELECT 1 FROM ${table}`, [])).toEqual([]);
    // Messages without files are taken all the while.
    expect((await call("/v1/messages", { key, body: { text: "No file" } })).status).toBe(202);

    await rm(filler);
    expect((await call("/v1/messages", { key, body })).status).toBe(202);
    expect(await filesUnder(blobs)).toHaveLength(1);
  } finally {
    await unmount?.();
    await hub.stop();
  }
});

/** The process ids of servers whose data lies in a folder. */
async function postmasters(home: string): Promise<number[]> {
  const files = (await readdir(home, { recursive: true })).filter((name) => name.endsWith("postmaster.pid"));
  const texts = await Promise.all(files.map((name) => readFile(join(home, name), "utf8")));
  return texts.map((text) => Number(text.split("\n")[0]));
}

/** Everything that a client may ask while the database is away. */
async function expectAway(call: Client): Promise<void> {
  const content = Buffer.from("a file").toString("base64");
  const messages = [{ text: "Hello" }, { text: "Hello", attachments: [{ name: "a.txt", content }] }];
  const answers = [
    ...(await Promise.all(messages.map((body) => call("/v1/messages", { key, body })))),
    await call("/v1/tickets", { key }),
    await call("/v1/drafts", { key }),
    await call("/v1/tickets/0193a5b0-0000-7000-8000-00000000000f", { key }),
    await call("/v1/tickets/0193a5b0-0000-7000-8000-00000000000f/replies", { key, body: { text: "Hi" } }),
    await call("/v1/attachments/0193a5b0-0000-7000-8000-00000000000f", { key }),
  ];
  for (const { status, headers, body } of answers) {
    expect([status, headers.get("retry-after")]).toEqual([503, "5"]);
    expect(body).toMatchObject({
      detail: expect.stringContaining("database"),
      requestId: expect.any(String),
    });
  }
  expect(await call("/health/live")).toMatchObject({ status: 200, body: { status: "ok" } });
  for (const path of ["/health", "/health/ready"]) {
    const { status, body } = await call(path);
    expect([status, body.status]).toEqual([503, "unavailable"]);
    expect(body.checks).toMatchObject({ database: { ok: false }, classifier: { ok: true } });
    expect(body.checks.database.detail).toMatch(/\w{3}/);
  }
  // What needs no database goes on.
  expect((await call("/v1/messages", { key, body: {} })).status).toBe(422);
  expect((await call("/v1/tickets")).status).toBe(401);
}

async function expectBack(call: Client): Promise<void> {
  await until("the hub is ready again", async () =>
    (await call("/health")).status === 200 ? true : undefined,
  );
  const posted = await call("/v1/messages", { key, body: { text: "Where is my order?" } });
  expect(posted.status).toBe(202);
  const { ticketId } = posted.body.accepted[0];
  await until("the message is delivered", async () => {
    const { body } = await call(`/v1/tickets/${ticketId}`, { key });
    return body.messages[0].progress.stage === "delivered" ? true : undefined;
  });
}

describe("while the database is away", () => {
  test("the API answers 503 and works again when the server is back", async () => {
    const home = await makeTempFolder("away");
    await chmod(home, 0o711);
    const log = { info: () => undefined, warn: () => undefined };
    const start = () => startEmbeddedPostgres({ dir: join(home, "postgres"), log, durable: false });
    let postgres = await start();
    const url = databaseUrl(postgres.connection);
    const project = await makeHubProject(
      { acme: "connectors:\n  api: {}\n" },
      { database: { url }, log: { level: "error" } },
    );
    const node = await startTestNode(await projectConfig(project.dir, true).load());
    try {
      const call = await checkedClient(`http://127.0.0.1:${node.address?.port}`);
      await expectBack(call);
      for (let round = 0; round < 2; round++) {
        await postgres.stop();
        await expectAway(call);
        postgres = await start();
        await expectBack(call);
      }
      const rows = await node.db.query("stored", "SELECT text FROM messages WHERE text = 'Hello'", []);
      expect(rows).toEqual([]);
    } finally {
      await node.stop();
      await postgres.stop();
      await project.remove();
      await rm(home, { recursive: true, force: true });
    }
  }, 60_000);

  test("a database that stands still is answered for in time, and all is taken in when it goes on", async () => {
    const home = await makeTempFolder("still");
    await chmod(home, 0o711);
    const log = { info: () => undefined, warn: () => undefined };
    const postgres = await startEmbeddedPostgres({ dir: join(home, "postgres"), log, durable: false });
    const url = databaseUrl(postgres.connection);
    const project = await makeHubProject(
      { acme: "connectors:\n  api: {}\n" },
      { database: { url }, log: { level: "error" } },
    );
    const node = await startTestNode(await projectConfig(project.dir, true).load());
    const hub = `http://127.0.0.1:${node.address?.port}`;
    const signalAll = (pids: number[], signal: NodeJS.Signals) => {
      for (const pid of pids) process.kill(pid, signal);
    };
    let pids: number[] = [];
    try {
      const call = await checkedClient(hub);
      await expectBack(call);
      // The server itself and all that works for it.
      const rows = await node.db.query<{ pid: number }>("pids", "SELECT pid FROM pg_stat_activity", []);
      const [postmaster = 0] = await postmasters(home);
      pids = [postmaster, ...rows.map(({ pid }) => pid)];
      const send = (id: number) =>
        call("/v1/messages", { key, body: { externalId: `still-${id}`, text: `Question ${id}` } });
      signalAll(pids, "SIGSTOP");
      const ids = Array.from({ length: 400 }, (_, i) => i);
      const started = performance.now();
      const answers = await Promise.all(ids.map(send));
      expect(performance.now() - started).toBeLessThan(20_000);
      for (const { status, headers, body } of answers) {
        expect([status, headers.get("retry-after")]).toEqual([503, "5"]);
        expect(body.detail).toMatch(/database.*send the request again/);
      }
      expect((await call("/health/live")).status).toBe(200);
      signalAll(pids, "SIGCONT");
      await expectBack(call);
      for (const { status } of await Promise.all(ids.map(send))) expect([200, 202]).toContain(status);
      const count =
        "SELECT count(*)::int AS n FROM progress p JOIN messages m ON m.id = p.message_id WHERE stage = 'delivered' AND text LIKE 'Question %'";
      await until("all are delivered", async () => {
        const [row] = await node.db.query<{ n: number }>("still", count, []);
        return row?.n === ids.length ? true : undefined;
      });
    } finally {
      signalAll(pids, "SIGCONT");
      await node.stop();
      await postgres.stop();
      await project.remove();
      await rm(home, { recursive: true, force: true });
    }
  }, 90_000);

  test("the API answers 503 while the database takes no connections", async () => {
    const hub = await startTestHub(undefined, { log: { level: "error" } });
    const admin = new pg.Client(testServer());
    await admin.connect();
    const name = pg.escapeIdentifier(hub.database.connection.database);
    try {
      const call = await checkedClient(hub.url);
      await expectBack(call);
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      const cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
      await admin.query(cut, [hub.database.connection.database]);
      await expectAway(call);
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await expectBack(call);
    } finally {
      await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await admin.end();
      await hub.stop();
    }
  });

  test("messages posted while it comes and goes are stored once each, however often they are sent", async () => {
    const hub = await startTestHub(undefined, { log: { level: "error" } });
    const admin = new pg.Client(testServer());
    await admin.connect();
    try {
      const call = await checkedClient(hub.url);
      const cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
      const stop = new AbortController();
      const cutting = (async () => {
        while (!stop.signal.aborted) {
          await admin.query(cut, [hub.database.connection.database]);
          await sleep(5);
        }
      })();
      let refused = 0;
      const ids = Array.from({ length: 60 }, (_, i) => `stubborn-${i}`);
      const send = (externalId: string) =>
        until(`${externalId} is stored`, async () => {
          const body = { externalId, text: `Question ${externalId}`, skip: "a test's own" };
          const { status } = await call("/v1/messages", { key, body });
          expect([200, 202, 503]).toContain(status);
          if (status === 503) refused++;
          return status === 503 ? undefined : true;
        });
      for (let i = 0; i < ids.length; i += 10) await Promise.all(ids.slice(i, i + 10).map(send));
      stop.abort();
      await cutting;
      expect(refused).toBeGreaterThan(0);
      await expectBack(call);
      const rows = await hub.node.db.query(
        "stubborn",
        "SELECT external_id FROM messages WHERE external_id LIKE 'stubborn-%'",
        [],
      );
      expect(rows).toHaveLength(60);
    } finally {
      await admin.end();
      await hub.stop();
    }
  });
});
