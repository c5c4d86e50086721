/** The series of measurements that every layout goes through, and their figures. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Figure, percentile } from "./figures.ts";
import { type HubUnderTest, llmCalls } from "./hub-under-test.ts";
import { type Measured, measure } from "./measure.ts";
import { residentMb } from "./processes.ts";

/** How often each burst is repeated; the median counts. */
const repeats = 3;
const steadyPerSecond = 20;
const slowLlmMs = 300;

/** What each figure has to reach, as far as that does not hang on the machine. */
const goals = {
  one: { hubCpu: 0.6, deliveredP99: 20 },
  four: { hubCpu: undefined, deliveredP99: 40 },
} as const;

export function median(values: number[]): number {
  return percentile(values, 0.5);
}

/** The median of each figure on its own. */
export function medians(runs: Measured[]): Measured {
  const keys = Object.keys(runs[0] ?? {}) as Array<keyof Measured>;
  return Object.fromEntries(
    keys.map((key) => [key, median(runs.map((run) => run[key]))]),
  ) as unknown as Measured;
}

/** Starts the hub twice, as code is compiled and the schema made in the first start. */
export async function measureStart(hub: HubUnderTest): Promise<Figure[]> {
  await hub.start();
  await hub.stop();
  await hub.start(true);
  // What the start itself needed is given back by then.
  await sleep(5_000);
  const figures: Figure[] = [];
  for (const { roles, process } of hub.nodes) {
    const [role = ""] = roles.split(",");
    const which = hub.layout === "one" ? "" : `, ${role}`;
    const goal = hub.layout === "one" || role === "ml" ? {} : { goal: 120 };
    figures.push(
      { name: `start to ready${which}`, value: process.readyMs / 1_000, unit: "s", goal: 2 },
      { name: `memory, idle${which}`, value: residentMb(process.child.pid ?? 0), unit: "MB", ...goal },
    );
  }
  return figures;
}

/** So much that code is compiled and connections stand. */
export async function warmUp(hub: HubUnderTest, databasePid: number, messages: number): Promise<void> {
  await measure(hub, databasePid, { messages: Math.ceil(messages / 2) });
}

export interface Sizes {
  /** Of one burst. */
  messages: number;
  /** Of the steady load, in seconds. */
  steadySeconds: number;
}

export const burst = (hub: HubUnderTest, databasePid: number, { messages }: Sizes) =>
  measure(hub, databasePid, { messages });

export const steady = (hub: HubUnderTest, databasePid: number, { steadySeconds }: Sizes) =>
  measure(hub, databasePid, { messages: steadyPerSecond * steadySeconds, perSecond: steadyPerSecond });

/** A burst while each LLM call takes long. */
export async function slow(hub: HubUnderTest, databasePid: number, { messages }: Sizes): Promise<Measured> {
  await hub.stubs.setLatency(slowLlmMs);
  try {
    return await measure(hub, databasePid, { messages: Math.ceil(messages / 2) });
  } finally {
    await hub.stubs.setLatency(0);
  }
}

/** All series on a hub that does not run yet. */
export async function measureLayout(hub: HubUnderTest, databasePid: number, sizes: Sizes): Promise<Figure[]> {
  const start = await measureStart(hub);
  await warmUp(hub, databasePid, sizes.messages);
  const repeat = async (run: typeof burst, times: number) => {
    const runs: Measured[] = [];
    while (runs.length < times) runs.push(await run(hub, databasePid, sizes));
    return medians(runs);
  };
  const bursts = await repeat(burst, repeats);
  const even = await repeat(steady, 1);
  const waiting = await repeat(slow, repeats);
  const goal = goals[hub.layout];
  return [
    { name: "through", value: bursts.throughPerSecond, unit: "messages/s" },
    { name: "intake", value: bursts.intakePerSecond, unit: "messages/s" },
    { name: "intake, p50", value: bursts.intakeP50, unit: "ms" },
    { name: "intake, p99", value: bursts.intakeP99, unit: "ms", goal: 50 },
    {
      name: "processor time for 1,000 messages, ours",
      value: bursts.hubCpu,
      unit: "s",
      ...(goal.hubCpu && { goal: goal.hubCpu }),
    },
    { name: "processor time for 1,000 messages, the database's", value: bursts.databaseCpu, unit: "s" },
    { name: "processor time for 1,000 messages, driver and stubs", value: bursts.driverCpu, unit: "s" },
    { name: "memory, peak", value: bursts.peakMb, unit: "MB" },
    { name: `intake to delivered at ${steadyPerSecond}/s, p50`, value: even.deliveredP50, unit: "ms" },
    {
      name: `intake to delivered at ${steadyPerSecond}/s, p99`,
      value: even.deliveredP99,
      unit: "ms",
      goal: goal.deliveredP99,
    },
    {
      name: `through, LLM of ${slowLlmMs} ms, ${llmCalls} calls in flight`,
      value: waiting.throughPerSecond,
      unit: "messages/s",
      goal: 600,
    },
    ...start,
    { name: "cores that others used during the bursts", value: bursts.noise, unit: "cores" },
  ];
}
