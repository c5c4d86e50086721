/** Sends a load through a hub, waits until all of it is delivered, and says what that took. */
import { setTimeout as sleep } from "node:timers/promises";
import { drive } from "./drive.ts";
import type { Load, LoadResult } from "./driver.ts";
import { percentile } from "./figures.ts";
import { company, connector, type HubUnderTest, secret } from "./hub-under-test.ts";
import { cpuSeconds, machineBusySeconds, watchPeak } from "./processes.ts";

export interface Measured {
  intakePerSecond: number;
  /** Milliseconds. */
  intakeP50: number;
  intakeP99: number;
  /** From the first request to the last delivery. */
  throughPerSecond: number;
  /** Milliseconds from the moment when a message was due to be sent until its note was with the helpdesk. */
  deliveredP50: number;
  deliveredP99: number;
  /** Processor seconds for 1,000 messages: of nodes and NATS, of the database, of driver and stubs. */
  hubCpu: number;
  databaseCpu: number;
  driverCpu: number;
  /** MB of all nodes together, and NATS. */
  peakMb: number;
  /** Cores that others used meanwhile. */
  noise: number;
}

export interface Accounts {
  accepted: number;
  /** Accepted messages that the helpdesk has no note of, or that are not delivered in the database. */
  lost: number;
  /** Notes beyond the first one of a message. */
  twice: number;
  llmCalls: number;
}

/** Milliseconds without any delivery after which the rest counts as lost. */
const patienceMs = 30_000;

let runs = 0;
/** A prefix of message ids that no other run has. */
export function nextPrefix(): string {
  return `r${String(++runs).padStart(3, "0")}`;
}

export function loadOf(hub: HubUnderTest, load: Omit<Load, "url" | "secret">): Load {
  return { ...load, url: hub.intakeUrl, secret };
}

/** How many of the accepted messages stand in the database as delivered, with labels and a draft each. */
async function countDelivered({ database }: HubUnderTest, ids: string[]): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM messages m JOIN progress p ON p.message_id = m.id AND p.outcome = 'delivered'
       JOIN classifications c ON c.message_id = m.id JOIN drafts d ON d.message_id = m.id
     WHERE m.company = $1 AND m.connector = $2 AND m.external_id = ANY($3::text[])`,
    [company, connector, ids],
  );
  return row?.count ?? 0;
}

/** Waits until every accepted message is delivered, or nothing moves for long. */
export async function settle(hub: HubUnderTest, prefix: string, result: LoadResult): Promise<Accounts> {
  const ids = Object.keys(result.sentAt);
  let last = -1;
  for (let moved = Date.now(); Date.now() - moved < patienceMs; await sleep(50)) {
    const count = await hub.stubs.count(prefix);
    if (count >= ids.length) break;
    if (count !== last) moved = Date.now();
    last = count;
  }
  let delivered = 0;
  for (const end = Date.now() + 10_000; Date.now() < end && delivered < ids.length; await sleep(50))
    delivered = await countDelivered(hub, ids);
  const { notes, llmCalls } = await hub.stubs.report(prefix);
  const missing = ids.filter((id) => !notes[id]).length;
  return {
    accepted: ids.length,
    lost: Math.max(missing, ids.length - delivered),
    twice: Object.values(notes).reduce((sum, count) => sum + count - 1, 0),
    llmCalls,
  };
}

/** @throws where a message was refused, is lost, or was delivered twice: no figure is worth anything then */
export async function measure(
  hub: HubUnderTest,
  databasePid: number,
  load: Omit<Load, "url" | "secret" | "prefix">,
): Promise<Measured> {
  const prefix = nextPrefix();
  const pids = hub.pids();
  const usage = () => ({
    hub: cpuSeconds(...pids),
    database: cpuSeconds(databasePid),
    // The nodes, the database, the driver and the stubs are all children of this process.
    all: cpuSeconds(process.pid),
    machine: machineBusySeconds(),
    at: performance.now(),
  });
  const before = usage();
  const peak = watchPeak(...pids);
  const result = await drive(loadOf(hub, { ...load, prefix }));
  const accounts = await settle(hub, prefix, result);
  const after = usage();
  const peakMb = peak.stop();
  if (accounts.accepted !== load.messages || accounts.lost > 0 || accounts.twice > 0) {
    const detail = JSON.stringify({ ...accounts, sent: load.messages, refused: result.refused });
    throw new Error(`messages are missing or were delivered twice: ${detail}`);
  }
  const { at } = await hub.stubs.report(prefix);
  const times = Object.entries(result.sentAt).map(([id, sent]) => (at[id] ?? Number.NaN) - sent);
  const lastAt = Object.values(at).reduce((latest, one) => Math.max(latest, one), 0);
  const used = (kind: "hub" | "database" | "all" | "machine") => after[kind] - before[kind];
  const per1000 = 1_000 / load.messages;
  return {
    intakePerSecond: load.messages / result.seconds,
    intakeP50: result.p50,
    intakeP99: result.p99,
    throughPerSecond: load.messages / ((lastAt - result.startedAt) / 1_000),
    deliveredP50: percentile(times, 0.5),
    deliveredP99: percentile(times, 0.99),
    hubCpu: used("hub") * per1000,
    databaseCpu: used("database") * per1000,
    driverCpu: (used("all") - used("hub") - used("database")) * per1000,
    peakMb,
    noise: Math.max(0, used("machine") - used("all")) / ((after.at - before.at) / 1_000),
  };
}
