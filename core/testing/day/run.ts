/** A day in the life of an account: hundreds of tickets on two nodes, while tokens run out, requests fail and nodes are killed. */
import { setTimeout as sleep } from "node:timers/promises";
import { accountFor, type DayAccount } from "./account.ts";
import type { DayDesk } from "./desk.ts";
import { type DayHubs, startDayHubs } from "./hubs.ts";
import { type Day, liveTicket, type Manner, manners } from "./life.ts";
import { startDayLlm } from "./llm.ts";

/** Tickets that people work on at the same time. */
const atOnce = 150;
/** Part of the requests to the helpdesk that fail. */
const failing = 0.03;
/** Milliseconds for the hub to come to rest once people have gone home. */
const restMs = 90_000;

type Fault = readonly [name: string, happen: (desk: DayDesk, hubs: DayHubs) => Promise<void>];

const faults: readonly Fault[] = [
  ["one node is killed", (_, hubs) => hubs.crash(0)],
  ["the access tokens run out", async (desk) => desk.expireTokens()],
  ["the other node is stopped and started", (_, hubs) => hubs.restart(1)],
  [
    "both nodes are killed",
    async (_, hubs) => {
      await Promise.all([hubs.crash(0), hubs.crash(1)]);
    },
  ],
];

export interface DayResult {
  account: DayAccount;
  day: Day;
  llmCalls: number;
  seconds: number;
}

/** The last webhooks may have been lost: polling finds what they would have told. */
async function untilAtRest(desk: DayDesk, hubs: DayHubs, day: Day): Promise<DayAccount> {
  for (const end = performance.now() + restMs; ; await sleep(1_000)) {
    const account = await accountFor(desk, hubs, day);
    const isAtRest = account.faults.length === 0 && account.corrections >= day.corrections;
    if (isAtRest || performance.now() > end) return account;
  }
}

/** @param tell gets a line at each fault */
export async function liveDay(
  desk: DayDesk,
  tickets: number,
  tell: (line: string) => void,
): Promise<DayResult> {
  const llm = await startDayLlm();
  const hubs = await startDayHubs({ connector: desk.connector, llmUrl: llm.url });
  const day: Day = {
    tickets: new Set(),
    messages: new Map(),
    replies: [],
    corrections: 0,
    manners: Object.fromEntries(manners.map((manner) => [manner, 0])) as Record<Manner, number>,
    lostWebhooks: 0,
  };
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1_000;
  try {
    desk.fail(failing);
    const seeds = Array.from({ length: tickets }, (_, n) => n + 1);
    let done = 0;
    let failed = false;
    const person = async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        await liveTicket({ desk, hubs, day }, seed);
        done++;
      }
    };
    const people = Promise.all(Array.from({ length: atOnce }, person));
    // Who fails is told of at the end; the faults go on meanwhile.
    people.catch(() => {
      failed = true;
    });
    for (const [index, [name, happen]] of faults.entries()) {
      while (!failed && done < (tickets * (index + 1)) / (faults.length + 1)) await sleep(50);
      tell(`${seconds().toFixed(1)} s: ${name}`);
      await happen(desk, hubs);
    }
    await people;
    desk.fail(0);
    tell(`${seconds().toFixed(1)} s: people have gone home`);
    const account = await untilAtRest(desk, hubs, day);
    if (account.faults.length > 0) tell(hubs.output().slice(-20_000));
    return { account, day, llmCalls: llm.calls, seconds: seconds() };
  } catch (error) {
    tell(hubs.output().slice(-20_000));
    throw error;
  } finally {
    await hubs.stop();
    await llm.close();
    await desk.close();
  }
}
