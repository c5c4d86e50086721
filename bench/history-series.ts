/** What a long history costs: two hubs side by side, one on an empty database and one on a full one, measured in turns. */
import { migrate } from "../core/store/migrate.ts";
import type { BenchDatabase, Server } from "./database.ts";
import type { Figure } from "./figures.ts";
import { fillHistory } from "./history.ts";
import { company, type HubUnderTest, prepareHub } from "./hub-under-test.ts";
import type { Measured } from "./measure.ts";
import { burst, medians, type Sizes, slow, steady, warmUp } from "./series.ts";
import type { Stubs } from "./stubs.ts";

/** No figure may be worse by more than 15 %. */
const most = 1.15;
const least = 0.85;

type Series = Record<"bursts" | "even" | "waiting", Measured>;

/** The hubs take turns, and who comes first alternates, so that neither has the quieter machine. */
async function measureInTurns(hubs: HubUnderTest[], databasePid: number, sizes: Sizes): Promise<Series[]> {
  const runs = hubs.map(() => ({
    bursts: [] as Measured[],
    even: [] as Measured[],
    waiting: [] as Measured[],
  }));
  // The steady load is in the table once already, and repeated here.
  const shorter = { ...sizes, steadySeconds: Math.ceil(sizes.steadySeconds / 2) };
  const kinds = [
    ["bursts", burst, 5],
    ["even", steady, 3],
    ["waiting", slow, 3],
  ] as const;
  for (const [kind, run, times] of kinds) {
    for (let time = 0; time < times; time++) {
      const order = [...hubs.keys()];
      if (time % 2 === 1) order.reverse();
      for (const index of order)
        runs[index]?.[kind].push(await run(hubs[index] as HubUnderTest, databasePid, shorter));
    }
  }
  return runs.map(({ bursts, even, waiting }) => ({
    bursts: medians(bursts),
    even: medians(even),
    waiting: medians(waiting),
  }));
}

function compare(empty: Series, full: Series, title: string): Figure[] {
  const ratio = (name: string, of: (series: Series) => number, goal: number): Figure => ({
    name: `${title}: ${name}`,
    value: of(full) / of(empty),
    unit: "× of the empty one's",
    goal,
  });
  return [
    { name: `${title}: through`, value: full.bursts.throughPerSecond, unit: "messages/s" },
    ratio("through", ({ bursts }) => bursts.throughPerSecond, least),
    ratio("intake", ({ bursts }) => bursts.intakePerSecond, least),
    ratio("intake, p50", ({ bursts }) => bursts.intakeP50, most),
    ratio("intake, p99", ({ bursts }) => bursts.intakeP99, most),
    ratio("processor time, ours", ({ bursts }) => bursts.hubCpu, most),
    ratio("processor time, the database's", ({ bursts }) => bursts.databaseCpu, most),
    ratio("intake to delivered at 20/s, p50", ({ even }) => even.deliveredP50, most),
    ratio("intake to delivered at 20/s, p99", ({ even }) => even.deliveredP99, most),
    ratio("through, slow LLM", ({ waiting }) => waiting.throughPerSecond, least),
  ];
}

async function prepare(database: BenchDatabase, stubs: Stubs, history: number): Promise<HubUnderTest> {
  if (history > 0) {
    await migrate(database.connection);
    await fillHistory(database, history, company);
  }
  return prepareHub("one", database, stubs);
}

/** @param history messages that the full database holds */
export async function compareWithHistory(
  server: Server,
  stubs: Stubs,
  sizes: Sizes,
  history: number,
): Promise<Figure[]> {
  const databases = [await server.createDatabase(), await server.createDatabase()] as const;
  const hubs: HubUnderTest[] = [];
  try {
    // The full one first: filling takes minutes.
    for (const [index, messages] of [[1, history] as const, [0, 0] as const])
      hubs.unshift(await prepare(databases[index], stubs, messages));
    // Both alike: the second start finds the code compiled and the tables made, and neither has been idle longer than the other.
    for (const hub of hubs) await hub.start();
    for (const hub of hubs) await hub.stop();
    await Promise.all(hubs.map((hub) => hub.start()));
    for (const hub of hubs) await warmUp(hub, server.pid, sizes.messages);
    const [empty, full] = await measureInTurns(hubs, server.pid, sizes);
    const title = `with ${history.toLocaleString("en")} messages of history`;
    return compare(empty as Series, full as Series, title);
  } finally {
    for (const hub of hubs) await hub.close();
    for (const database of databases) await database.drop();
  }
}
