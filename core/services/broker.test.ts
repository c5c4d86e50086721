/** Brokers that find each other over a real nats-server: whom they call, and what they know while it is away. */
import { Errors, type ServiceSchema } from "moleculer";
import { expect, onTestFinished, test } from "vitest";
import { hubSchema, type Role } from "../../config/schema.ts";
import { testCompany, testDirectory } from "../testing/company.ts";
import { startNats, type TestNats } from "../testing/nats.ts";
import { eventually, quietLog } from "../testing/store.ts";
import { describeWith } from "../testing/system-packages.ts";
import { allAgree, configDigest, watchAgreement } from "./agreement.ts";
import { createBroker } from "./broker.ts";
import { createNodes } from "./nodes.ts";

const quiet = () => quietLog;
/** What waits for NATS: it is tried every five seconds at a start. */
const patienceMs = 25_000;

async function makeServer(): Promise<TestNats> {
  const server = await startNats();
  onTestFinished(() => server.stop());
  return server;
}

async function startNode(
  { url }: { url: string },
  name: string,
  services: ServiceSchema[] = [],
  { roles = [], config = null }: { roles?: Role[]; config?: string | null } = {},
) {
  const { nats } = hubSchema.parse({ nats: { url } });
  const { broker, link } = createBroker(name, nats, { roles, config }, quiet);
  for (const service of services) broker.createService(service);
  onTestFinished(() => broker.stop());
  await broker.start();
  return { broker, link, nodes: createNodes(broker, link) };
}

/** A service that says where it is, and one that hangs until the test ends: a stop would wait for it. */
function echo(name: string, asked: () => void = () => undefined): { service: ServiceSchema; end(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const hang = () => {
    asked();
    return promise;
  };
  const service = { name: "echo", actions: { who: () => name, hang } };
  return { service, end: () => onTestFinished(() => resolve()) };
}

describeWith("nats", "brokers over NATS", () => {
  test("all callers find the same node for a key, and only the keys of a node that goes move", async () => {
    const server = await makeServer();
    const names = ["a", "b", "c"];
    const started = await Promise.all(names.map((name) => startNode(server, name, [echo(name).service])));
    const caller = await startNode(server, "caller");
    const all = [...started, caller];
    const keys = Array.from({ length: 300 }, (_, i) => `company-${i}/desk`);
    const owners = (node: (typeof all)[number]) => keys.map((key) => node.nodes.ownerOf("echo.who", key));
    // Also where the service is the caller's own.
    await eventually(
      () =>
        all.every((node) => node.nodes.list().length === 4) &&
        new Set(all.map((node) => owners(node).join())).size === 1 &&
        new Set(owners(caller)).size === 3,
      "all agree",
      patienceMs,
    );
    const before = owners(caller);
    for (const name of names) expect(before.filter((owner) => owner === name).length).toBeGreaterThan(60);
    const nodeID = before[0] as string;
    expect(await caller.broker.call("echo.who", {}, { nodeID })).toBe(nodeID);

    await started[0]?.broker.stop();
    await eventually(() => caller.nodes.list().length === 3, "one has gone");
    for (const [i, now] of owners(caller).entries()) {
      if (before[i] === "a") expect(["b", "c"]).toContain(now);
      else expect(now).toBe(before[i]);
    }
  });

  test("while NATS is away calls of other nodes fail at once, those under way too, and work again after it", async () => {
    const server = await makeServer();
    let isAsked = false;
    const far = echo("a", () => {
      isAsked = true;
    });
    await startNode(server, "a", [far.service], { roles: ["ml"] });
    const { broker, link, nodes } = await startNode(server, "b", [], { roles: ["pipeline"] });
    far.end();
    await broker.waitForServices("echo", patienceMs);
    expect(nodes.list()).toMatchObject([
      { id: "a", roles: ["ml"] },
      { id: "b", roles: ["pipeline"] },
    ]);
    const hanging = broker.call("echo.hang", {}, { timeout: 60_000 }).catch((error: unknown) => error);
    await eventually(() => isAsked, "the call is under way");
    await server.kill();
    expect(await hanging).toBeInstanceOf(Errors.MoleculerRetryableError);
    const asked = performance.now();
    const refused = broker.call("echo.who", {}, { timeout: 60_000 });
    await expect(refused).rejects.toBeInstanceOf(Errors.MoleculerRetryableError);
    expect(performance.now() - asked).toBeLessThan(2_000);
    expect([link.connected, nodes.list().map(({ id }) => id)]).toEqual([false, ["b"]]);
    expect(nodes.ownerOf("echo.who", "x")).toBeUndefined();

    await server.start();
    const again = async () => (await broker.call("echo.who").catch(() => null)) === "a";
    await eventually(again, "calls go through again", patienceMs);
    expect([link.connected, nodes.list().length]).toEqual([true, 2]);
  });

  test("a node starts without NATS, joins the others when it is there, and stops without it", async () => {
    const server = await makeServer();
    await server.kill();
    const early = await startNode(server, "early", [echo("early").service]);
    expect(await early.broker.call("echo.who")).toBe("early");
    expect(early.link.connected).toBe(false);

    await server.start();
    const late = await startNode(server, "late");
    await late.broker.waitForServices("echo", patienceMs);
    expect(await late.broker.call("echo.who")).toBe("early");

    await server.kill();
    await eventually(() => !late.link.connected, "it is noticed");
    const asked = performance.now();
    await late.broker.stop();
    expect(performance.now() - asked).toBeLessThan(5_000);
  });

  test("a node that dies without a word is given up after some seconds, and calls that it had fail", async () => {
    const server = await makeServer();
    const far = echo("dying");
    const dying = await startNode(server, "dying", [far.service]);
    const { broker, nodes } = await startNode(server, "b");
    far.end();
    await broker.waitForServices("echo", patienceMs);
    const hanging = broker.call("echo.hang", {}, { timeout: 60_000 }).catch((error: unknown) => error);
    // As where the process is killed: no packet of farewell, and no sign of life any more.
    const { discoverer } = dying.broker.registry as unknown as {
      discoverer: { stopHeartbeatTimers(): void };
    };
    const died = performance.now();
    discoverer.stopHeartbeatTimers();
    expect(await hanging).toBeInstanceOf(Errors.MoleculerRetryableError);
    expect(performance.now() - died).toBeLessThan(15_000);
    await eventually(() => nodes.list().length === 1, "it is known no more");
  });

  test("nodes with other settings are told of after a while, by number, and no more once they agree", async () => {
    const server = await makeServer();
    const company = (digest: string) => ({ ...testCompany("acme"), sharedDigest: digest });
    const start = async (name: string) => {
      const directory = testDirectory(company("1"), testCompany("zenith"));
      const config = (): Record<string, string> =>
        Object.fromEntries(directory.all().map(({ id, sharedDigest }) => [id, sharedDigest]));
      const own: ServiceSchema = { name: "node", actions: { config } };
      const { nodes } = await startNode(server, name, [own], { config: configDigest(directory) });
      const warnings: unknown[] = [];
      const log = { ...quietLog, warn: (...line: unknown[]) => void warnings.push(line) };
      const agreement = watchAgreement({ directory, nodes, log, graceMs: 300 });
      onTestFinished(() => agreement.stop());
      return { directory, agreement, nodes, warnings };
    };
    const both = [await start("a"), await start("b")] as const;
    const [a, b] = both;
    await eventually(
      () => both.every(({ nodes }) => nodes.list().length === 2),
      "both know both",
      patienceMs,
    );
    expect(a.agreement.differences()).toEqual([]);
    const seeNoOther = () => both.map(({ directory, nodes }) => allAgree(directory, nodes));
    expect(seeNoOther()).toEqual([true, true]);

    b.directory.replace("acme", company("2"));
    const told = () => both.every(({ agreement }) => agreement.differences()[0]?.companies === 1);
    await eventually(told, "both tell of it", patienceMs);
    expect(a.agreement.differences()).toEqual([{ node: "b", companies: 1 }]);
    expect(seeNoOther()).toEqual([false, false]);
    expect(JSON.stringify(a.warnings)).toContain('"node":"b","companies":"acme"');

    a.directory.replace("acme", company("2"));
    const agreed = () => both.every(({ agreement }) => agreement.differences().length === 0);
    await eventually(agreed, "they agree", patienceMs);
    expect(seeNoOther()).toEqual([true, true]);
  });
});
