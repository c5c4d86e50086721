/** How a node begins: without NATS, beside others, and with mistakes in its roles. */
import { expect, onTestFinished, test } from "vitest";
import {
  databaseUrl,
  freePort,
  type HubProcess,
  makeHubProject,
  request,
  runDeskwire,
  spawnHub,
  testKey,
  until,
} from "../testing/hub.ts";
import { startNats } from "../testing/nats.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { describeWith } from "../testing/system-packages.ts";

const key = testKey("acme");
const acme = "connectors:\n  api: {}\n";

async function makeProject(settings: Record<string, unknown>) {
  const project = await makeHubProject({ acme }, settings);
  onTestFinished(() => project.remove());
  return project;
}

async function makeCluster() {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const { connection, drop } = await createTestDatabase();
  onTestFinished(() => drop());
  const settings = { database: { url: databaseUrl(connection) }, nats: { url: nats.url } };
  const project = await makeProject(settings);
  const start = async (roles: string): Promise<HubProcess> => {
    const hub = await spawnHub(project.dir, await freePort(), { DESKWIRE_ROLES: roles });
    onTestFinished(() => hub.kill());
    return hub;
  };
  return { nats, project, settings, start };
}

describeWith("nats", "a node of many", () => {
  test("starts while NATS is away and takes messages in, which are delivered when it is there", async () => {
    const { nats, start } = await makeCluster();
    await nats.kill();
    const [front, back] = (await Promise.all([start("api,connectors"), start("pipeline,ml")])) as [
      HubProcess,
      HubProcess,
    ];
    const posted = await request(front.url, "/v1/messages", { key, body: { text: "Where is my order?" } });
    expect(posted.status).toBe(202);
    for (const node of [front, back]) {
      expect(await request(node.url, "/health")).toMatchObject({
        status: 200,
        body: {
          status: "ok",
          degraded: true,
          checks: { nats: { ok: false }, nodes: { ok: false }, queue: { ok: false }, database: { ok: true } },
        },
      });
      expect(node.output()).toContain("this node starts without the others");
    }
    await nats.start();
    const { ticketId } = (posted.body as { accepted: [{ ticketId: string }] }).accepted[0];
    await until(
      "the message is delivered",
      async () => {
        const { body } = await request(front.url, `/v1/tickets/${ticketId}`, { key });
        const { messages } = body as { messages: Array<{ progress: { stage: string } }> };
        return messages[0]?.progress.stage === "delivered" ? true : undefined;
      },
      60_000,
    );
  }, 120_000);

  test("says what its roles lack, and lets no hub with a queue of its own come in beside it", async () => {
    const { project, settings, start, nats: server } = await makeCluster();
    await start("api");
    const { database, nats } = settings;
    const alone = await makeProject({ database });
    const [refused, split, shareless, classifier, whole] = await Promise.all([
      runDeskwire(alone.dir, ["start"], { DESKWIRE_HTTP_PORT: "0" }),
      runDeskwire(alone.dir, ["check"], { DESKWIRE_ROLES: "api" }),
      runDeskwire((await makeProject({ nats })).dir, ["check"]),
      runDeskwire((await makeProject({ nats })).dir, ["check"], { DESKWIRE_ROLES: "ml" }),
      runDeskwire(project.dir, ["check", "--live"]),
    ]);
    expect(refused).toMatchObject({ code: 2, output: expect.stringContaining("setting nats.url") });
    expect(split).toMatchObject({ code: 2, output: expect.stringContaining("DESKWIRE_NATS_URL") });
    expect(shareless).toMatchObject({ code: 2, output: expect.stringContaining("DESKWIRE_DATABASE_URL") });
    expect(classifier).toMatchObject({ code: 0, output: expect.stringContaining("this node does ml,") });
    expect(whole).toMatchObject({ code: 0, output: expect.stringContaining("with other nodes, over NATS") });
    expect(whole.output).toContain("nats: ok");
    await server.kill();
    const live = await runDeskwire(project.dir, ["check", "--live"]);
    expect(live).toMatchObject({ code: 1, output: expect.stringMatching(/nats: FAILED: .+/) });
  }, 60_000);
});
