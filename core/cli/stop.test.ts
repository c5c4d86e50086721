/** How a node ends: others stop calling it, what is under way is finished or given back, and it is gone in time whatever else is away. */
import { chmod, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openDatabase } from "../store/database.ts";
import { startEmbeddedPostgres } from "../store/embedded-postgres.ts";
import {
  databaseUrl,
  freePort,
  makeHubProject,
  request,
  spawnHub,
  testKey,
  until as untilWithin,
} from "../testing/hub.ts";
import { startNats } from "../testing/nats.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { quietLog } from "../testing/store.ts";
import { describeWith } from "../testing/system-packages.ts";
import { makeTempFolder } from "../testing/temp-folder.ts";

/** Milliseconds in which a node is gone, on a machine that may be slow itself. */
const goneMs = 20_000;
/** Patient, since several processes start at once. */
const until: typeof untilWithin = (what, look, timeoutMs = 60_000) => untilWithin(what, look, timeoutMs);
const key = testKey("acme");

const cleanUps: Array<() => Promise<unknown> | unknown> = [];
// The tests run side by side, since they mostly wait: what they have opened goes when the last one is done.
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
}, 180_000);

/** An LLM that says nothing until `answer` is called. */
async function startSlowLlm() {
  const waiting: Array<() => void> = [];
  let asked = 0;
  const server = createServer((incoming, response) => {
    incoming.resume();
    asked++;
    const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "A draft" } }];
    const body = JSON.stringify({ id: "1", object: "chat.completion", created: 1, model: "m", choices });
    waiting.push(() => response.writeHead(200, { "content-type": "application/json" }).end(body));
  });
  server.listen(0, "127.0.0.1");
  await until("the LLM listens", async () => (server.listening ? true : undefined));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    company: `connectors:\n  api: {}\ndrafter:\n  baseUrl: http://127.0.0.1:${port}/v1\n`,
    asked: () => asked,
    answer() {
      for (const one of waiting.splice(0)) one();
    },
  };
}

async function makeProject(company: string) {
  const project = await makeHubProject({ acme: company }, { log: { level: "info" } });
  cleanUps.push(() => project.remove());
  return project;
}

async function makeDatabase() {
  const database = await createTestDatabase();
  cleanUps.push(() => database.drop());
  const db = openDatabase(database.connection, 1, quietLog);
  cleanUps.push(() => db.close());
  const stages = async () =>
    (await db.query<{ stage: string }>("stages", "SELECT stage FROM progress", [])).map(({ stage }) => stage);
  return { url: databaseUrl(database.connection), stages };
}

async function start(dir: string, env: Record<string, string>) {
  const hub = await spawnHub(dir, await freePort(), env);
  cleanUps.push(() => hub.kill());
  const ended = new Promise<number | null>((resolve) => hub.child.once("exit", resolve));
  return {
    ...hub,
    /** SIGTERM. @returns the exit code, and after how many milliseconds it was there */
    async end() {
      const asked = performance.now();
      hub.child.kill("SIGTERM");
      const code = await ended;
      return { code, ms: performance.now() - asked };
    },
  };
}

const post = async (url: string, text = "Where is my order?") => {
  const { status } = await request(url, "/v1/messages", { key, body: { text } });
  expect(status).toBe(202);
};

const env = (database: string, nats: string, roles = "api,connectors,pipeline,ml") => ({
  DESKWIRE_ROLES: roles,
  DESKWIRE_NATS_URL: nats,
  DESKWIRE_DATABASE_URL: database,
});

test.concurrent("what is under way is finished before the node ends", async () => {
  const llm = await startSlowLlm();
  const { dir } = await makeProject(llm.company);
  const { url, stages } = await makeDatabase();
  const hub = await start(dir, { DESKWIRE_DATABASE_URL: url });
  await post(hub.url);
  await until("the LLM is asked", async () => (llm.asked() === 1 ? true : undefined));
  const ending = hub.end();
  await until("it takes nothing more", async () =>
    /SIGTERM: stopping/.test(hub.output()) ? true : undefined,
  );
  llm.answer();
  const { code, ms } = await ending;
  expect(code).toBe(0);
  expect(ms).toBeLessThan(6_000);
  expect(["drafted", "delivered"]).toContain((await stages())[0]);
}, 180_000);

describeWith("nats", "a node among others", () => {
  const makeNats = async () => {
    const nats = await startNats();
    cleanUps.push(() => nats.stop());
    return nats;
  };

  test.concurrent("gives back what it cannot finish, and another node goes on with it", async () => {
    const [llm, nats, { url, stages }] = await Promise.all([startSlowLlm(), makeNats(), makeDatabase()]);
    const { dir } = await makeProject(llm.company);
    const [first, gateway] = await Promise.all([
      start(dir, env(url, nats.url, "pipeline")),
      start(dir, env(url, nats.url, "api,connectors,ml")),
    ]);
    await post(gateway.url);
    await until("the LLM is asked", async () => (llm.asked() === 1 ? true : undefined));
    const second = await start(dir, env(url, nats.url, "pipeline"));
    const { code, ms } = await first.end();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(goneMs);
    // At once, or when the claim has run out.
    await until("the other node asks", async () => (llm.asked() === 2 ? true : undefined), 20_000);
    llm.answer();
    await until("it is delivered", async () => ((await stages())[0] === "delivered" ? true : undefined));
    expect(await second.end()).toMatchObject({ code: 0 });
  }, 180_000);

  test.concurrent("is called by nobody any more while it ends", async () => {
    const [nats, { url, stages }] = await Promise.all([makeNats(), makeDatabase()]);
    const { dir } = await makeProject("connectors:\n  api: {}\n");
    const hub = await start(dir, env(url, nats.url, "api,pipeline"));
    const workers = await Promise.all([1, 2].map(() => start(dir, env(url, nats.url, "connectors,ml"))));
    let posted = 0;
    const posting = (async () => {
      for (; posted < 200; posted++) await post(hub.url, `Question ${posted}`);
    })();
    await until("the first are in", async () => (posted > 30 ? true : undefined));
    expect(await workers[0]?.end()).toMatchObject({ code: 0 });
    await posting;
    await until("all are delivered", async () => {
      const all = await stages();
      return all.length === 200 && all.every((stage) => stage === "delivered") ? true : undefined;
    });
    expect(hub.output()).not.toMatch(/\b(warn|error) pipeline/);
  }, 180_000);

  test.concurrent.each(["killed", "frozen"] as const)(
    "is gone in time while NATS is %s",
    async (how) => {
      const [nats, { url }] = await Promise.all([makeNats(), makeDatabase()]);
      const { dir } = await makeProject("connectors:\n  api: {}\n");
      const hub = await start(dir, env(url, nats.url));
      await post(hub.url);
      if (how === "killed") await nats.kill();
      else nats.freeze();
      const { code, ms } = await hub.end();
      expect({ code, output: hub.output() }).toMatchObject({ code: 0 });
      expect(ms).toBeLessThan(goneMs);
    },
    180_000,
  );

  test.concurrent.each(["down", "frozen"] as const)(
    "is gone in time while PostgreSQL is %s, work in its hands",
    async (how) => {
      const home = await makeTempFolder("stop");
      await chmod(home, 0o711);
      cleanUps.push(() => rm(home, { recursive: true, force: true }));
      const log = { info: () => undefined, warn: () => undefined };
      const postgres = await startEmbeddedPostgres({ dir: join(home, "postgres"), log, durable: false });
      cleanUps.push(() => postgres.stop());
      const [llm, nats] = await Promise.all([startSlowLlm(), makeNats()]);
      const { dir } = await makeProject(llm.company);
      const hub = await start(dir, env(databaseUrl(postgres.connection), nats.url));
      await post(hub.url);
      await until("the LLM is asked", async () => (llm.asked() === 1 ? true : undefined));
      if (how === "down") await postgres.stop();
      else {
        const pids = await serverPids(home, postgres.connection);
        for (const pid of pids) process.kill(pid, "SIGSTOP");
        cleanUps.push(() => {
          for (const pid of pids) if (isThere(pid)) process.kill(pid, "SIGCONT");
        });
      }
      // Its answer is there, and nowhere to put it.
      llm.answer();
      const { code, ms } = await hub.end();
      expect(code).not.toBeNull();
      expect(ms).toBeLessThan(goneMs);
    },
    180_000,
  );
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The server and all that works for it. */
async function serverPids(home: string, connection: Parameters<typeof openDatabase>[0]): Promise<number[]> {
  const db = openDatabase(connection, 1, quietLog);
  const rows = await db.query<{ pid: number }>("pids", "SELECT pid FROM pg_stat_activity", []);
  await db.close();
  const name = (await readdir(home, { recursive: true })).find((file) => file.endsWith("postmaster.pid"));
  const [postmaster = ""] = (await readFile(join(home, name ?? ""), "utf8")).split("\n");
  return [Number(postmaster), ...rows.map(({ pid }) => pid)].filter((pid) => pid > 0 && isThere(pid));
}
