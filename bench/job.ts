/** The whole job: intake over HTTP, PostgreSQL, labels, an LLM's draft, a helpdesk's note; and beside it the database's ceiling. */
import { benchCeiling } from "./ceiling.ts";
import { type Server, startServer } from "./database.ts";
import type { Figure } from "./figures.ts";
import { compareWithHistory } from "./history-series.ts";
import { type HubUnderTest, type Layout, prepareHub } from "./hub-under-test.ts";
import { measureRecovery } from "./recovery.ts";
import { measureLayout, type Sizes, warmUp } from "./series.ts";
import { type Stubs, startStubs } from "./stubs.ts";

export const parts = ["ceiling", "one", "four", "history", "recovery"] as const;
export type Part = (typeof parts)[number];

export interface JobOptions {
  /** All of them by default. */
  only?: readonly Part[] | undefined;
  /** Of one burst. Small numbers give quick runs and figures that mean little. */
  messages?: number | undefined;
  /** Messages of the history. */
  history?: number | undefined;
}

interface Run {
  server: Server;
  stubs: Stubs;
  sizes: Sizes;
  history: number;
}

const layoutNames = { one: "one node", four: "four nodes" } as const;

async function withHub(
  { server, stubs }: Run,
  layout: Layout,
  use: (hub: HubUnderTest) => Promise<Figure[]>,
): Promise<Figure[]> {
  const database = await server.createDatabase();
  try {
    const hub = await prepareHub(layout, database, stubs);
    try {
      const figures = await use(hub);
      return figures.map((figure) => ({ ...figure, name: `${layoutNames[layout]}: ${figure.name}` }));
    } finally {
      await hub.close();
    }
  } finally {
    await database.drop();
  }
}

const measureOne = (run: Run, layout: Layout) =>
  withHub(run, layout, (hub) => measureLayout(hub, run.server.pid, run.sizes));

async function killAndRestart(run: Run): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const layout of ["one", "four"] as const) {
    const found = await withHub(run, layout, async (hub) => {
      await hub.start();
      await warmUp(hub, run.server.pid, run.sizes.messages / 4);
      return measureRecovery(hub, run.sizes.messages);
    });
    figures.push(...found);
  }
  return figures;
}

const measurements: Record<Part, (run: Run) => Promise<Figure[]>> = {
  ceiling: ({ server }) => benchCeiling(server),
  one: (run) => measureOne(run, "one"),
  four: (run) => measureOne(run, "four"),
  history: ({ server, stubs, sizes, history }) => compareWithHistory(server, stubs, sizes, history),
  recovery: killAndRestart,
};

/** @returns the figures of the parts asked for; the database's ceiling stands beside any other part */
export async function benchJob({
  only = parts,
  messages = 5_000,
  history = 1_000_000,
}: JobOptions = {}): Promise<Figure[]> {
  const server = await startServer();
  try {
    const stubs = await startStubs();
    try {
      const steadySeconds = Math.max(2, Math.min(30, Math.ceil(messages / 150)));
      const run: Run = { server, stubs, sizes: { messages, steadySeconds }, history };
      const figures: Figure[] = [];
      for (const part of parts) {
        if (part !== "ceiling" && !only.includes(part)) continue;
        process.stderr.write(`${part} ...\n`);
        figures.push(...(await measurements[part](run)));
      }
      return figures;
    } finally {
      await stubs.stop();
    }
  } finally {
    await server.stop();
  }
}
