/** The hub under test: its nodes as processes of their own, on a database and stubs of the benchmark's. */
import { fileURLToPath } from "node:url";
import { databaseUrl, freePort, type HubProcess, makeHubProject, spawnHub } from "../core/testing/hub.ts";
import { startNats, type TestNats } from "../core/testing/nats.ts";
import type { BenchDatabase } from "./database.ts";
import type { Stubs } from "./stubs.ts";

/** All roles in one process, or a process for each over NATS. */
export type Layout = "one" | "four";

const rolesOf = {
  one: ["api,connectors,pipeline,ml"],
  four: ["api", "connectors", "pipeline", "ml"],
} as const;

export const company = "acme";
export const connector = "desk";
export const secret = "a-secret-that-signs-the-webhooks";

/** The most LLM calls in flight. */
export const llmCalls = 256;

export interface Node {
  readonly roles: string;
  readonly process: HubProcess;
}

export interface HubUnderTest {
  readonly layout: Layout;
  readonly database: BenchDatabase;
  readonly stubs: Stubs;
  /** Where messages are posted. */
  readonly intakeUrl: string;
  readonly nodes: readonly Node[];
  /** The processes of the nodes, and of NATS where there is one. */
  pids(): number[];
  /** Starts the nodes, all at once, or one after the other so that none takes the machine from another. */
  start(oneByOne?: boolean): Promise<void>;
  /** Stops the nodes as an administrator does. */
  stop(): Promise<void>;
  /** kill -9 of all nodes at once. */
  kill(): Promise<void>;
  /** Ends everything that was opened here; the database and the stubs are the caller's. */
  close(): Promise<void>;
}

function makeProject(database: BenchDatabase, stubs: Stubs, port: number, nats: TestNats | undefined) {
  const plugin = fileURLToPath(new URL("desk", import.meta.url));
  const connectors = { [connector]: { plugin, url: stubs.url, secret } };
  const drafter = { baseUrl: `${stubs.url}/v1`, key: "a-key-of-the-stub", model: "stub" };
  // JSON is YAML.
  const file = `connectors: ${JSON.stringify(connectors)}\ndrafter: ${JSON.stringify(drafter)}\n`;
  return makeHubProject(
    { [company]: file },
    {
      http: { port, rateLimit: { perSecond: 1_000_000, burst: 1_000_000 } },
      database: { url: databaseUrl(database.connection) },
      pipeline: { draftConcurrency: llmCalls, deliverConcurrency: 128 },
      ...(nats && { nats: { url: nats.url } }),
    },
  );
}

/** Prepares a hub; `start` starts it. */
export async function prepareHub(
  layout: Layout,
  database: BenchDatabase,
  stubs: Stubs,
): Promise<HubUnderTest> {
  const nats = layout === "four" ? await startNats() : undefined;
  const port = await freePort();
  const project = await makeProject(database, stubs, port, nats);
  let nodes: Node[] = [];
  const forAll = async (what: (hub: HubProcess) => Promise<unknown>) => {
    const running = nodes;
    nodes = [];
    await Promise.all(running.map(({ process }) => what(process)));
  };
  const hub: HubUnderTest = {
    layout,
    database,
    stubs,
    intakeUrl: `http://127.0.0.1:${port}/connect/${company}/${connector}`,
    get nodes() {
      return nodes;
    },
    pids: () =>
      [...nodes.map(({ process }) => process.child.pid), nats?.pid].filter((pid) => pid !== undefined),
    async start(oneByOne = false) {
      const start = async (roles: string): Promise<Node> => ({
        roles,
        // Those without the API listen too, for /health.
        process: await spawnHub(project.dir, roles.includes("api") ? port : 0, {
          DESKWIRE_ROLES: roles,
        }),
      });
      let before: Promise<unknown> = Promise.resolve();
      const starting = rolesOf[layout].map((roles) => {
        const node = oneByOne ? before.then(() => start(roles)) : start(roles);
        before = node;
        return node;
      });
      const started = await Promise.allSettled(starting);
      // Those that run are ended with the others, should one not have come up.
      nodes = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const failed = started.find((one) => one.status === "rejected");
      if (failed) throw failed.reason;
    },
    stop: () => forAll((process) => process.stop()),
    kill: () => forAll((process) => process.kill()),
    async close() {
      await hub.stop();
      await nats?.stop();
      await project.remove();
    },
  };
  return hub;
}
