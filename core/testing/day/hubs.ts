/** Two nodes over NATS that share a database, to be killed and started again while a day goes on. */
import pg from "pg";
import { databaseUrl, freePort, type HubProcess, makeHubProject, spawnHub } from "../hub.ts";
import { startNats } from "../nats.ts";
import { createTestDatabase } from "../postgres.ts";

export interface DayHubs {
  /** Posts to a node that runs, as a helpdesk does. @returns the status; 0 where nobody answers */
  post(body: Uint8Array, headers: Record<string, string>): Promise<number>;
  /** kill -9, and a new start. */
  crash(node: 0 | 1): Promise<void>;
  /** An orderly stop, and a new start. */
  restart(node: 0 | 1): Promise<void>;
  query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  output(): string;
  stop(): Promise<void>;
}

export interface HubsOptions {
  connector: Record<string, unknown>;
  llmUrl: string;
}

export async function startDayHubs({ connector, llmUrl }: HubsOptions): Promise<DayHubs> {
  const nats = await startNats();
  const database = await createTestDatabase();
  const drafter = { baseUrl: `${llmUrl}/v1`, key: "a-key-of-the-stub", model: "day" };
  const company = `connectors: ${JSON.stringify({ desk: connector })}\ndrafter: ${JSON.stringify(drafter)}\n`;
  const project = await makeHubProject(
    { acme: company },
    {
      http: { rateLimit: { perSecond: 100_000, burst: 100_000 } },
      database: { url: databaseUrl(database.connection) },
      nats: { url: nats.url },
      pipeline: { stalledMs: 5_000 },
    },
  );
  const nodes: Array<HubProcess | undefined> = [undefined, undefined];
  const printed: string[] = [];
  const start = async (node: 0 | 1) => {
    nodes[node] = await spawnHub(project.dir, await freePort());
  };
  const end = async (node: 0 | 1, how: "kill" | "stop") => {
    const running = nodes[node];
    nodes[node] = undefined;
    await running?.[how]();
    printed.push(running?.output() ?? "");
    await start(node);
  };
  let turn = 0;
  await start(0);
  await start(1);
  return {
    async post(body, headers) {
      const node = nodes[turn++ % 2] ?? nodes[turn % 2];
      if (!node) return 0;
      const signal = AbortSignal.timeout(10_000);
      const init = { method: "POST", body: new Uint8Array(body), headers, signal };
      // Nobody answers, or breaks off: as a helpdesk sees it.
      const response = await fetch(`${node.url}/connect/acme/desk`, init).catch(() => null);
      await response?.arrayBuffer().catch(() => undefined);
      return response?.status ?? 0;
    },
    crash: (node) => end(node, "kill"),
    restart: (node) => end(node, "stop"),
    async query(sql) {
      const client = new pg.Client(database.connection);
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    output: () => [...printed, ...nodes.map((node) => node?.output() ?? "")].join("\n"),
    async stop() {
      await Promise.all(nodes.map((node) => node?.stop()));
      await nats.stop();
      await database.drop();
      await project.remove();
    },
  };
}
