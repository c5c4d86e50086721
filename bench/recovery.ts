/** kill -9 of all nodes in the middle of a burst: how soon it goes on after the restart, and whether all adds up. */
import { setTimeout as sleep } from "node:timers/promises";
import { drive } from "./drive.ts";
import type { Figure } from "./figures.ts";
import type { HubUnderTest } from "./hub-under-test.ts";
import { loadOf, nextPrefix, settle } from "./measure.ts";

/** So that calls are under way when the kill comes. */
const llmMs = 300;

/** The hub must run. The driver sends until all is accepted, over the outage too. */
export async function measureRecovery(hub: HubUnderTest, messages: number): Promise<Figure[]> {
  const { stubs } = hub;
  await stubs.setLatency(llmMs);
  try {
    const prefix = nextPrefix();
    const driven = drive(loadOf(hub, { prefix, messages, persistent: true }));
    while ((await stubs.count(prefix)) < messages / 4) await sleep(5);
    await hub.kill();
    // What was on its way to the helpdesk arrives, and nothing else will.
    await sleep(500);
    const before = await stubs.count(prefix);
    const restarted = performance.now();
    const starting = hub.start();
    while ((await stubs.count(prefix)) === before) await sleep(10);
    const seconds = (performance.now() - restarted) / 1_000;
    await starting;
    const accounts = await settle(hub, prefix, await driven);
    return [
      { name: "after kill -9: restart to deliveries that go on", value: seconds, unit: "s", goal: 10 },
      {
        name: "after kill -9: lost",
        value: messages - accounts.accepted + accounts.lost,
        unit: "messages",
        goal: 0,
      },
      { name: "after kill -9: delivered twice", value: accounts.twice, unit: "messages", goal: 0 },
      { name: "after kill -9: LLM calls for a message", value: accounts.llmCalls / messages, unit: "calls" },
    ];
  } finally {
    await stubs.setLatency(0);
  }
}
