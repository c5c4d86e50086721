/** Whole clusters for tests: four nodes as processes, over a PostgreSQL and a NATS of their own, all of which can be killed. */
import { appendFile, chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../store/embedded-postgres.ts";
import { describeFolder } from "../store/postgres-folder.ts";
import { readPostmaster } from "../store/postmaster.ts";
import { databaseUrl, freePort, type HubProcess, makeHubProject, spawnHub } from "./hub.ts";
import { startNats, type TestNats } from "./nats.ts";
import type { Network } from "./network.ts";
import type { Outside } from "./outside.ts";
import { makeTempFolder } from "./temp-folder.ts";

const deskPlugin = fileURLToPath(new URL("desk", import.meta.url));
const quiet = { info: () => undefined, warn: () => undefined };

export const allRoles = ["ml", "connectors", "pipeline", "api"] as const;
export type ClusterRole = (typeof allRoles)[number];

export interface Cluster {
  /** Where the messages of a company are posted. */
  intakeUrl(company: string): string;
  readonly nats: TestNats;
  /** As `kill -9`; then the node is started again, and ready when this resolves. */
  killAndRestart(role: ClusterRole): Promise<void>;
  /** PostgreSQL drops everything at once, and recovers. */
  restartPostgres(): Promise<void>;
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** What the nodes have printed, the ones that were killed included. */
  output(): string;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  outside: Outside;
  companies?: string[];
  /** LLM calls in flight. */
  draftConcurrency?: number;
  /** Where the nodes are hosts of their own, named as their roles; `outside` has to listen on its host. */
  network?: Network;
}

/** Lets connections in that come over a network. */
async function letIn(dir: string): Promise<void> {
  await appendFile(join(dir, "data", "pg_hba.conf"), "host all all 10.0.0.0/8 scram-sha-256\n");
  const running = await readPostmaster(await describeFolder(dir));
  if (running) process.kill(running.pid, "SIGHUP");
}

/** A PostgreSQL that survives what is done to it: commits are written out. */
async function startServer(network: Network | undefined) {
  const home = await makeTempFolder("cluster");
  // PostgreSQL's user has to pass through.
  await chmod(home, 0o711);
  const dir = join(home, "postgres");
  const start = () =>
    startEmbeddedPostgres({
      dir,
      log: quiet,
      settings: { max_connections: "120", listen_addresses: network?.host ?? "" },
    });
  let server: EmbeddedPostgres = await start();
  if (network) await letIn(dir);
  return {
    get connection() {
      return server.connection;
    },
    async restart() {
      const running = await readPostmaster(await describeFolder(dir));
      if (running) process.kill(running.pid, "SIGQUIT");
      server = await start();
    },
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function makeProject(
  { outside, companies = ["acme"], draftConcurrency = 4 }: ClusterOptions,
  url: string,
  nats: TestNats,
) {
  // JSON is YAML.
  const connectors = JSON.stringify({ desk: { plugin: deskPlugin, url: outside.url } });
  const drafter = JSON.stringify({
    baseUrl: `${outside.url}/v1`,
    key: "a-key-of-the-stub",
    timeoutMs: 1_000,
  });
  return makeHubProject(
    Object.fromEntries(companies.map((id) => [id, `connectors: ${connectors}\ndrafter: ${drafter}\n`])),
    {
      http: { rateLimit: { perSecond: 100_000, burst: 100_000 } },
      database: { url },
      nats: { url: nats.url },
      pipeline: { draftConcurrency, stalledMs: 10_000 },
    },
  );
}

/** Starts all; call `stop` in the end. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { network } = options;
  const postgres = await startServer(network);
  const nats = await startNats(network ? { host: network.host } : {});
  const reached = network ? { ...postgres.connection, host: network.host } : postgres.connection;
  const project = await makeProject(options, databaseUrl(reached), nats);
  const port = await freePort();
  const printed: string[] = [];
  const nodes = new Map<ClusterRole, HubProcess>();
  const api = network?.addressOf("api") ?? "127.0.0.1";
  const start = async (role: ClusterRole) => {
    const env = { DESKWIRE_ROLES: role, ...(network && { DESKWIRE_HTTP_HOST: "0.0.0.0" }) };
    nodes.set(role, await spawnHub(project.dir, role === "api" ? port : 0, env, network?.within(role)));
  };
  const cluster: Cluster = {
    intakeUrl: (company) => `http://${api}:${port}/connect/${company}/desk`,
    nats,
    async killAndRestart(role) {
      const node = nodes.get(role);
      await node?.kill();
      printed.push(`${role}, killed:\n${node?.output()}`);
      await start(role);
    },
    restartPostgres: () => postgres.restart(),
    async query(sql) {
      const client = new pg.Client(postgres.connection);
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    output: () =>
      [...printed, ...[...nodes].map(([role, node]) => `${role}:\n${node.output()}`)].join("\n\n"),
    async stop() {
      await Promise.all([...nodes.values()].map((node) => node.stop()));
      await nats.stop();
      await postgres.stop();
      await project.remove();
    },
  };
  try {
    await Promise.all(allRoles.map(start));
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}
