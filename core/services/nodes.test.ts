/** What /health says on each node of a hub of several, over a real NATS and one database. */
import { hostname } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  databaseUrl,
  freePort,
  type HubProcess,
  makeHubProject,
  request,
  spawnHub,
  type TestProject,
  testKey,
  until,
} from "../testing/hub.ts";
import { startNats, type TestNats } from "../testing/nats.ts";
import { createTestDatabase, type TestDatabase } from "../testing/postgres.ts";
import { describeWith } from "../testing/system-packages.ts";

const key = testKey("acme");
const plain = "connectors:\n  api: {}\n";

interface Health {
  status: string;
  degraded: boolean;
  checks: Record<string, { ok: boolean; detail?: string; [fact: string]: unknown }>;
}

async function healthOf({ url }: HubProcess) {
  const { status, body } = await request(url, "/health");
  return { code: status, ...(body as Health) };
}

describeWith("nats", "a hub of several nodes", () => {
  let nats: TestNats;
  let database: TestDatabase;
  let project: TestProject;
  let gateway: HubProcess;
  let worker: HubProcess;
  const closings: Array<() => Promise<unknown>> = [];

  const start = async (roles: string, dir = project.dir) => {
    const hub = await spawnHub(dir, await freePort(), {
      DESKWIRE_ROLES: roles,
      DESKWIRE_NATS_URL: nats.url,
      DESKWIRE_DATABASE_URL: databaseUrl(database.connection),
    });
    closings.push(() => hub.kill());
    return hub;
  };
  const post = async (text: string) => {
    const { status, body } = await request(gateway.url, "/v1/messages", { key, body: { text } });
    expect(status).toBe(202);
    return (body as { accepted: Array<{ ticketId: string }> }).accepted[0]?.ticketId as string;
  };
  const delivered = (ticketId: string) =>
    until(`${ticketId} is delivered`, async () => {
      const { body } = await request(gateway.url, `/v1/tickets/${ticketId}`, { key });
      const [message] = (body as { messages: Array<{ progress: { stage: string } }> }).messages;
      return message?.progress.stage === "delivered" ? true : undefined;
    });
  /** Waits until the health of a node is as wanted. */
  const becomes = (what: string, node: HubProcess, is: (health: Health) => boolean) =>
    until(
      what,
      async () => {
        const health = await healthOf(node);
        expect(health).toMatchObject({ code: 200, status: "ok" });
        return is(health) ? health : undefined;
      },
      40_000,
    );

  beforeAll(async () => {
    [nats, database] = await Promise.all([startNats(), createTestDatabase()]);
    closings.push(
      () => nats.stop(),
      () => database.drop(),
    );
    project = await makeHubProject({ acme: plain });
    closings.push(() => project.remove());
    [gateway, worker] = await Promise.all([start("api"), start("connectors,pipeline"), start("ml")]);
  }, 90_000);
  afterAll(async () => {
    for (const close of closings.reverse()) await close();
  }, 60_000);

  test("a node without the API answers for itself, and for its health alone", async () => {
    await becomes("it sees the others", worker, ({ degraded }) => !degraded);
    for (const path of ["/health/ready", "/health/live"])
      expect((await request(worker.url, path)).status).toBe(200);
    const head = await fetch(`${worker.url}/health`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await request(worker.url, "/metrics")).body).toContain("deskwire_queue_waiting");
    const proxied = await request(worker.url, "/metrics", { headers: { "x-forwarded-for": "192.0.2.1" } });
    expect(proxied.status).toBe(403);
    expect((await request(worker.url, "/v1/tickets", { key })).status).toBe(404);
    expect((await request(worker.url, "/health", { body: {} })).status).toBe(405);
  }, 60_000);

  test("health names no company and no host, and a connector is told of wherever it runs", async () => {
    // The worker delivers, whether the gateway knows of it yet or not.
    await becomes("the gateway sees the others", gateway, ({ degraded }) => !degraded);
    await delivered(await post("Which size do I need?"));
    const { body } = await request(gateway.url, "/v1/connectors", { key });
    expect(body).toMatchObject({ connectors: [{ name: "api", state: "open", detail: null }] });
    for (const node of [gateway, worker]) {
      const text = JSON.stringify(await healthOf(node));
      expect(text).not.toContain("acme");
      expect(text).not.toContain(`${hostname()}-`);
      expect(text).toMatch(/"name":"[0-9a-f]{12}"/);
    }
  }, 60_000);

  test("while NATS is away all nodes stay ready and messages are taken in; then they are worked on", async () => {
    await nats.kill();
    for (const node of [gateway, worker]) {
      const health = await becomes("NATS is missed", node, ({ checks }) => checks.nats?.ok === false);
      expect(health.degraded).toBe(true);
    }
    const ticketId = await post("Can I send it back?");
    await nats.wipe();
    await nats.start();
    await delivered(ticketId);
    for (const node of [gateway, worker])
      await becomes("all is well again", node, ({ degraded }) => !degraded);
  }, 90_000);

  test("nodes whose files differ say so until they no longer do", async () => {
    const other = await makeHubProject({ acme: "connectors:\n  api: {}\n  second:\n    plugin: api\n" });
    closings.push(() => other.remove());
    const odd = await start("connectors", other.dir);
    const health = await becomes(
      "the difference is told",
      gateway,
      ({ checks }) => checks.config?.ok === false,
    );
    expect(health.degraded).toBe(true);
    await until("the log names the companies", async () =>
      /other settings.*companies="?acme/.test(gateway.output()) ? true : undefined,
    );
    await odd.stop();
    await becomes("all is well again", gateway, ({ degraded }) => !degraded);
  }, 90_000);
});
