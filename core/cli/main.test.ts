/** The command line on real projects: mistakes are told, changes are taken up or refused, dead letters come back. */
import { afterEach, expect, test } from "vitest";
import {
  freePort,
  makeHubProject,
  request,
  runDeskwire,
  spawnHub,
  type TestProject,
  testKey,
  until,
} from "../testing/hub.ts";
import { startSink } from "../testing/sink.ts";

const cleanUps: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function project(
  companies: Record<string, string>,
  hub: Record<string, unknown> = {},
): Promise<TestProject> {
  const made = await makeHubProject(companies, hub);
  cleanUps.push(() => made.remove());
  return made;
}

const plain = "connectors:\n  api: {}\n";

test("check tells the companies of a valid configuration and starts nothing", async () => {
  const { dir } = await project({ acme: plain });
  const { code, output } = await runDeskwire(dir, ["check"]);
  expect(output).toContain("acme (Company acme): api");
  expect(output).toContain("the configuration is valid");
  expect(code).toBe(0);
});

test("check tells five mistakes at once, each with file, line and field", async () => {
  const { dir, write } = await project({});
  await write("config/hub.yaml", "http:\n  port: eighty\n  hots: 0.0.0.0\n");
  await write(
    "config/companies/acme.yaml",
    "name: Acme\nkeys:\n  main: ${env:NO_SUCH_KEY}\nconnectors:\n  api:\n    url: nowhere\n    secret: a-secret-that-signs-the-drafts\n  chat:\n    plugin: ./missing\n",
  );
  const { code, output } = await runDeskwire(dir, ["check"]);
  const lines = output.trim().split("\n");
  expect(lines).toHaveLength(5);
  expect(lines[0]).toMatch(/^config\/companies\/acme\.yaml:3: keys\.main: .*NO_SUCH_KEY/);
  expect(lines[1]).toMatch(/^config\/companies\/acme\.yaml:6: connectors\.api\.url: /);
  expect(lines[2]).toMatch(/^config\/companies\/acme\.yaml:9: connectors\.chat\.plugin: .*missing/);
  expect(lines[3]).toMatch(/^config\/hub\.yaml:2: http\.port: expected .*"eighty"/);
  expect(lines[4]).toMatch(/^config\/hub\.yaml:3: http\.hots: there is no such field.*host/);
  expect(code).toBe(2);
});

test("a plugin made for another version of the contract is refused before anything starts", async () => {
  const { dir, write } = await project({ acme: "connectors:\n  fax:\n    plugin: ../../fax\n" });
  await write(
    "fax/index.mjs",
    `export default { name: "fax", core: "^9", config: { parse: (x) => x, safeParse: (data) => ({ success: true, data }) },
      limits: { requests: 1, perMs: 1000, concurrency: 1 }, open: async () => ({}), check: async () => ({ ok: true }),
      close: async () => {}, deliver: { as: "draft", put: async () => ({ externalId: "1", created: true }) } };`,
  );
  const { code, output } = await runDeskwire(dir, ["start"], {
    DESKWIRE_HTTP_PORT: String(await freePort()),
  });
  expect(output).toMatch(/acme\.yaml:\d+: connectors\.fax\.plugin: .*\^9.*1\.3\.0/);
  expect(code).toBe(2);
});

test("a port that is taken ends the start with a word on what to do, and leaves nothing running", async () => {
  const { dir } = await project({ acme: plain });
  const other = await project({ acme: plain });
  const port = await freePort();
  const first = await spawnHub(other.dir, port);
  cleanUps.push(() => first.stop());
  const { code, output } = await runDeskwire(dir, ["start"], { DESKWIRE_HTTP_PORT: String(port) });
  expect(output).toMatch(new RegExp(`port ${port}.*http\\.port`));
  expect(code).not.toBe(0);
});

test("a wrong command or option is answered with how to use it", async () => {
  const { dir } = await project({ acme: plain });
  expect(await runDeskwire(dir, ["strat"])).toMatchObject({
    code: 2,
    output: expect.stringContaining("deskwire start"),
  });
  expect(await runDeskwire(dir, ["start", "--prot", "1"])).toMatchObject({
    code: 2,
    output: expect.stringMatching(/--prot/),
  });
  expect(await runDeskwire(dir, ["replay"])).toMatchObject({
    code: 2,
    output: expect.stringMatching(/--company.*--all/),
  });
});

test("a changed company is taken up without a restart; a broken one is refused and stays as it was", {
  timeout: 60_000,
}, async () => {
  const { dir, write } = await project({ acme: plain });
  const hub = await spawnHub(dir, await freePort());
  cleanUps.push(() => hub.stop());
  const statusWith = async (key: string) => (await request(hub.url, "/v1/tickets", { key })).status;
  const old = testKey("acme");
  const newKey = "another-key-0123456789";
  expect(await statusWith(newKey)).toBe(401);

  await write("config/companies/acme.yaml", `name: Acme\nkeys:\n  test: ${old}\n  new: ${newKey}\n${plain}`);
  await until("the new key works", async () => ((await statusWith(newKey)) === 200 ? true : undefined));

  await write("config/companies/acme.yaml", `name: Acme\nkeys:\n  test: short\n${plain}`);
  await until("the mistake is told", async () =>
    /acme\.yaml:3: keys\.test/.test(hub.output()) ? true : undefined,
  );
  expect(await statusWith(old)).toBe(200);
  expect(await statusWith(newKey)).toBe(200);

  await write("config/companies/beta.yaml", `name: Beta\nkeys:\n  test: ${testKey("beta")}\n${plain}`);
  await until("a company beside it is added", async () =>
    (await statusWith(testKey("beta"))) === 200 ? true : undefined,
  );
});

test("a dead letter keeps its error, and replay brings it back to where it died", {
  timeout: 60_000,
}, async () => {
  const sink = await startSink();
  cleanUps.push(() => sink.close());
  sink.answer = 410;
  const api = `connectors:\n  api:\n    url: ${sink.url}\n    secret: a-secret-that-signs-the-drafts\n`;
  const { dir } = await project({ acme: api });
  const hub = await spawnHub(dir, await freePort());
  cleanUps.push(() => hub.stop());
  const key = testKey("acme");
  await request(hub.url, "/v1/messages", { key, body: { externalId: "m-1", text: "Where is my order?" } });
  const stage = (wanted: string) =>
    until(`the message is ${wanted}`, async () => {
      const { body } = await request(hub.url, `/v1/tickets?stage=${wanted}`, { key });
      return (body as { tickets: Array<{ id: string }> }).tickets[0];
    });
  const { id } = await stage("dead");
  const { body } = await request(hub.url, `/v1/tickets/${id}`, { key });
  const [message] = (body as { messages: [{ progress: object; draft: { id: string } }] }).messages;
  expect(message.progress).toMatchObject({
    error: { kind: "permanent", step: "deliver", message: expect.stringContaining("410") },
  });

  sink.answer = 204;
  expect(await runDeskwire(dir, ["replay", "--all"])).toMatchObject({
    code: 0,
    output: "1 message brought back\n",
  });
  await stage("delivered");
  expect(sink.deliveries).toMatchObject([{ draft: { id: message.draft.id } }]);
});

test("messages are taken in while the company's own system refuses our drafts, and wait for it", {
  timeout: 60_000,
}, async () => {
  const sink = await startSink();
  cleanUps.push(() => sink.close());
  sink.answer = 401;
  const api = `connectors:\n  api:\n    url: ${sink.url}\n    secret: a-secret-that-signs-the-drafts\n`;
  const { dir } = await project({ acme: api });
  const hub = await spawnHub(dir, await freePort());
  cleanUps.push(() => hub.stop());
  const key = testKey("acme");
  const post = (externalId: string) =>
    request(hub.url, "/v1/messages", { key, body: { externalId, text: "Where is my order?" } });
  expect((await post("m-1")).status).toBe(202);
  await until("the connector is paused", async () =>
    /a connector is paused/.test(hub.output()) ? true : undefined,
  );
  expect(await post("m-2")).toMatchObject({ status: 202 });
  const { body } = await request(hub.url, "/v1/tickets", { key });
  expect((body as { tickets: Array<{ stage: string }> }).tickets.map(({ stage }) => stage)).not.toContain(
    "dead",
  );
});
