/** The whole way of a message on one node: HTTP in, PostgreSQL, labels, the offline drafter, a signed webhook out. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  freePort,
  type HubProcess,
  makeHubProject,
  request,
  spawnHub,
  testKey,
} from "../core/testing/hub.ts";
import { type Sink, startSink } from "../core/testing/sink.ts";
import { type Figure, percentile } from "./figures.ts";

const key = testKey("acme");
/** Messages of the burst, and connections that send them. */
const burst = { messages: 3_000, connections: 32 };
/** Messages a second, and seconds, of the steady load. */
const steady = { perSecond: 20, seconds: 15 };

const questions = [
  "Where is my parcel? It should have come on Monday, and the tracking page has not changed since.",
  "I was charged twice for order 4711. Please give me back the second payment as soon as you can.",
  "Здравствуйте! Как вернуть куртку, если размер не подошёл? Заказ 100245, оплачен картой.",
  "Ich kann mich seit gestern nicht mehr anmelden, das Zurücksetzen des Passworts schlägt fehl.",
];

/** About 600 characters, as a usual e-mail has. */
function message(id: string) {
  const text = `${questions[id.length % questions.length]} `.repeat(7).slice(0, 600);
  return {
    externalId: id,
    subject: "A question",
    text,
    requester: { name: "Ann", email: "ann@example.com" },
  };
}

/** Processor seconds and memory of a process, from /proc; Linux only. */
function usage(pid: number): { cpuSeconds: number; peakMb: number; rssMb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100, peakMb: mb("VmHWM"), rssMb: mb("VmRSS") };
}

async function post(hub: HubProcess, id: string): Promise<number> {
  const started = performance.now();
  const { status } = await request(hub.url, "/v1/messages", { key, body: message(id) });
  if (status !== 202) throw new Error(`answered ${status}`);
  return performance.now() - started;
}

async function delivered(sink: Sink, count: number): Promise<void> {
  while (new Set(sink.deliveries.map(({ id }) => id)).size < count) await sleep(5);
}

async function runBurst(hub: HubProcess, sink: Sink, prefix: string, messages: number) {
  const before = new Set(sink.deliveries.map(({ id }) => id)).size;
  const started = performance.now();
  const times: number[] = [];
  let next = 0;
  const sender = async () => {
    for (let i = next++; i < messages; i = next++) times.push(await post(hub, `${prefix}-${i}`));
  };
  await Promise.all(Array.from({ length: burst.connections }, sender));
  const intakeSeconds = (performance.now() - started) / 1000;
  await delivered(sink, before + messages);
  return { times, intakeSeconds, throughSeconds: (performance.now() - started) / 1000 };
}

/** Intake to delivered at a fixed rate, by the hub's own clock. */
async function runSteady(hub: HubProcess, sink: Sink): Promise<number[]> {
  const count = steady.perSecond * steady.seconds;
  const before = new Set(sink.deliveries.map(({ id }) => id)).size;
  const tickets: string[] = [];
  const sends: Array<Promise<void>> = [];
  const started = performance.now();
  for (let i = 0; i < count; i++) {
    await sleep(Math.max(0, started + (i * 1000) / steady.perSecond - performance.now()));
    sends.push(
      request(hub.url, "/v1/messages", { key, body: message(`steady-${i}`) }).then(({ body }) => {
        tickets.push((body as { accepted: [{ ticketId: string }] }).accepted[0].ticketId);
      }),
    );
  }
  await Promise.all(sends);
  await delivered(sink, before + count);
  await sleep(500);
  const times: number[] = [];
  for (const id of tickets) {
    const { body } = await request(hub.url, `/v1/tickets/${id}`, { key });
    const { progress } = (body as { messages: [{ progress: { receivedAt: string; endedAt: string } }] })
      .messages[0];
    times.push(Date.parse(progress.endedAt) - Date.parse(progress.receivedAt));
  }
  return times;
}

/** @returns the figures of one node on this machine, its own client included */
export async function benchHub(): Promise<Figure[]> {
  const sink = await startSink();
  const project = await makeHubProject({
    acme: `connectors:\n  api:\n    url: ${sink.url}\n    secret: a-secret-that-signs-the-drafts\n`,
  });
  const hub = await spawnHub(project.dir, await freePort());
  try {
    const pid = hub.child.pid ?? 0;
    const idle = usage(pid);
    await runBurst(hub, sink, "warm", 500);
    const before = usage(pid);
    const { times, intakeSeconds, throughSeconds } = await runBurst(hub, sink, "burst", burst.messages);
    const after = usage(pid);
    const steadyTimes = await runSteady(hub, sink);
    const cpu = ((after.cpuSeconds - before.cpuSeconds) / burst.messages) * 1000;
    return [
      { name: "start to ready", value: hub.readyMs / 1000, unit: "s", goal: 5 },
      { name: "memory, idle", value: idle.rssMb, unit: "MB" },
      { name: "memory, peak", value: after.peakMb, unit: "MB" },
      { name: "intake", value: burst.messages / intakeSeconds, unit: "messages/s" },
      { name: "intake, p50", value: percentile(times, 0.5), unit: "ms" },
      { name: "intake, p99", value: percentile(times, 0.99), unit: "ms" },
      { name: "through", value: burst.messages / throughSeconds, unit: "messages/s" },
      { name: "processor time of the node for 1,000 messages", value: cpu, unit: "s" },
      {
        name: `intake to delivered at ${steady.perSecond}/s, p50`,
        value: percentile(steadyTimes, 0.5),
        unit: "ms",
      },
      {
        name: `intake to delivered at ${steady.perSecond}/s, p99`,
        value: percentile(steadyTimes, 0.99),
        unit: "ms",
      },
    ];
  } finally {
    await hub.stop();
    await sink.close();
    await project.remove();
  }
}
