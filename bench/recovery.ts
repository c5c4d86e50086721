/** kill -9 of all nodes in the middle of a burst: how soon it goes on after the restart, and whether all adds up. */
import { setTimeout as sleep } from "node:timers/promises";
import { drive } from "./drive.ts";
import type { Figure } from "./figures.ts";
import { company, connector, type HubUnderTest } from "./hub-under-test.ts";
import { loadOf, nextPrefix, settle } from "./measure.ts";
import { idOf } from "./messages.ts";

/** So that calls are under way when the kill comes. */
const llmMs = 300;

/** The messages of the run that are stored and not delivered. */
async function openMessages({ database }: HubUnderTest, prefix: string, messages: number): Promise<string[]> {
  const ids = Array.from({ length: messages }, (_, index) => idOf(prefix, index));
  const rows = await database.query<{ id: string }>(
    `SELECT m.external_id AS id FROM messages m JOIN progress p ON p.message_id = m.id
     WHERE m.company = $1 AND m.connector = $2 AND m.external_id = ANY($3::text[]) AND p.outcome IS NULL`,
    [company, connector, ids],
  );
  return rows.map(({ id }) => id);
}

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
    const open = await openMessages(hub, prefix, messages);
    const restartedAt = Date.now();
    const starting = hub.start();
    while ((await stubs.count(prefix)) === before) await sleep(10);
    const goesOnAt = Date.now();
    await starting;
    const accounts = await settle(hub, prefix, await driven);
    const { at } = await stubs.report(prefix);
    const lastAt = open.reduce((latest, id) => Math.max(latest, at[id] ?? Number.NaN), restartedAt);
    return [
      {
        name: "after kill -9: restart to deliveries that go on",
        value: (goesOnAt - restartedAt) / 1_000,
        unit: "s",
        goal: 10,
      },
      {
        name: "after kill -9: restart to the last delivery of what was under way",
        value: (lastAt - restartedAt) / 1_000,
        unit: "s",
      },
      { name: "after kill -9: under way at the kill", value: open.length, unit: "messages" },
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
