/** The proof that nothing is lost: messages go through a cluster while everything in it fails, one after the other. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, type ClusterRole, startCluster } from "./cluster.ts";
import { type LlmMode, type Outside, startOutside } from "./outside.ts";

/** What became of the messages, from all sides: where nothing is lost or done twice, all but the last three are the same. */
export interface Account {
  accepted: number;
  stored: number;
  classified: number;
  drafted: number;
  delivered: number;
  /** Messages with a note at the helpdesk. */
  noted: number;
  /** Notes that were written more than once. */
  notedTwice: number;
  /** For each message. */
  llmCalls: number;
  /** From the first post to the last delivery. */
  seconds: number;
}

/** Clients that post at once. */
const clients = 8;
/** Milliseconds in which a message has to be accepted, whatever fails. */
const acceptedWithinMs = 60_000;
/** Milliseconds that the LLM fails in each of its ways. */
const llmFaultMs = 1_500;

/** Posts until it is accepted, as a helpdesk's webhook does: under the same id. */
async function post(url: string, externalId: string): Promise<void> {
  const body = JSON.stringify({
    externalId,
    text: `Where is my parcel? It should be here by now. ${externalId}`,
  });
  for (const end = performance.now() + acceptedWithinMs; performance.now() < end; await sleep(200)) {
    try {
      const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(15_000) });
      await response.text();
      if (response.status === 202) return;
      if (response.status !== 503 && response.status !== 429) throw new Error(`answered ${response.status}`);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("answered")) throw error;
    }
  }
  throw new Error(`${externalId} was not accepted within ${acceptedWithinMs} ms`);
}

/** @param ids of messages; `clients` of them are under way at a time */
export async function postAll(url: string, ids: string[]): Promise<void> {
  const left = [...ids];
  const client = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await post(url, id);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function count(cluster: Cluster, sql: string): Promise<number> {
  const [row] = await cluster.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${sql}`);
  return row?.n ?? 0;
}

/** @throws with what stands where, if not all are delivered in time */
export async function untilDelivered(cluster: Cluster, messages: number, withinMs = 120_000): Promise<void> {
  const started = performance.now();
  while ((await count(cluster, "progress WHERE outcome = 'delivered'")) < messages) {
    if (performance.now() - started > withinMs) {
      const standing = await cluster.query(
        "SELECT stage, outcome, count(*)::int AS n, max(error::text) AS error FROM progress GROUP BY 1, 2",
      );
      throw new Error(`not all were delivered: ${JSON.stringify(standing)}\n${cluster.output()}`);
    }
    await sleep(100);
  }
}

export async function accountOf(
  cluster: Cluster,
  { notes, llm }: Outside,
  accepted: number,
  startedAt: number,
): Promise<Account> {
  return {
    accepted,
    stored: await count(cluster, "messages"),
    classified: await count(cluster, "classifications"),
    drafted: await count(cluster, "drafts"),
    delivered: await count(cluster, "progress WHERE outcome = 'delivered'"),
    noted: notes.size,
    notedTwice: [...notes.values()].filter((written) => written > 1).length,
    llmCalls: llm.calls / accepted,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

type Fault = readonly [name: string, happen: (cluster: Cluster, outside: Outside) => Promise<void>];

const kill = (role: ClusterRole): Fault => [
  `the node with the role ${role} is killed`,
  (cluster) => cluster.killAndRestart(role),
];
const fail = (mode: LlmMode): Fault => [
  `the LLM fails: ${mode}`,
  async (_cluster, { llm }) => {
    llm.mode = mode;
    await sleep(llmFaultMs);
    llm.mode = "ok";
  },
];

const faults: readonly Fault[] = [
  kill("api"),
  kill("connectors"),
  kill("pipeline"),
  kill("ml"),
  [
    "nats-server is killed and wiped",
    async ({ nats }) => {
      await nats.kill();
      await nats.wipe();
      await sleep(1_000);
      await nats.start();
    },
  ],
  ["PostgreSQL is restarted", (cluster) => cluster.restartPostgres()],
  fail("busy"),
  fail("broken"),
  fail("garbage"),
  fail("silence"),
];

/**
 * Sends messages through four nodes while each fault happens in turn, and waits until all are delivered.
 * @param draftConcurrency LLM calls in flight
 * @param tell gets a line at each fault
 */
export async function runFaults(
  messages: number,
  draftConcurrency: number,
  tell: (line: string) => void,
): Promise<Account> {
  const outside = await startOutside();
  const cluster = await startCluster({ outside, draftConcurrency }).catch(async (error: unknown) => {
    await outside.close();
    throw error;
  });
  try {
    const startedAt = performance.now();
    const ids = Array.from({ length: messages }, (_, n) => `m-${n}`);
    const share = Math.ceil(messages / faults.length);
    for (const [index, [name, happen]] of faults.entries()) {
      tell(`${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${name}`);
      const own = ids.slice(index * share, (index + 1) * share);
      // It happens while messages are on their way.
      const before = Math.ceil(own.length / 4);
      await postAll(cluster.intakeUrl("acme"), own.slice(0, before));
      await Promise.all([postAll(cluster.intakeUrl("acme"), own.slice(before)), happen(cluster, outside)]);
    }
    await untilDelivered(cluster, messages);
    return await accountOf(cluster, outside, messages, startedAt);
  } finally {
    await cluster.stop();
    await outside.close();
  }
}
