/** Rules of a connector's life: opening, looking, closing, and what must never be said aloud. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Health } from "../../contract/connector.ts";
import { kindOf } from "../../contract/errors.ts";
import { linesWithSecrets, secretsOf } from "../journal.ts";
import { ensure, type Rule } from "../rule.ts";
import { draftFor, NotCovered, type Stage } from "../stage.ts";
import { endsWithin, eventually, thrownBy } from "../waiting.ts";

/** Milliseconds after which a delivery and a read that were begun are under way. */
const busyMs = 50;

async function check({ world: { spec }, host, journal, patience }: Stage): Promise<Health> {
  try {
    const health = await spec.check(await host.client(), AbortSignal.timeout(patience.failMs));
    journal.note("check answered", health);
    return health;
  } catch (error) {
    journal.note("check threw", error);
    throw error;
  }
}

/** Everything on the other side that a look must not change. */
async function snapshot({ side }: Stage): Promise<string> {
  if (!side.found && !side.sent && !side.snapshot) throw new NotCovered("`found`, `sent` or `snapshot`");
  return JSON.stringify([await side.found?.(), await side.sent?.(), await side.snapshot?.()]);
}

/** Sockets, timers, watchers and processes that keep Node alive, by kind. */
function active(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Goes through all that the connector does, whatever comes of it. */
async function goThrough(stage: Stage): Promise<void> {
  const { world, side, host } = stage;
  await thrownBy(() => check(stage));
  if (world.spec.pull) {
    const reading = await stage.read();
    if (side.arrive) await thrownBy(() => stage.arrive());
    if (side.arriveUnreadable) await thrownBy(() => side.arriveUnreadable?.("unreadable"));
    const isThrough = () => reading.rounds + reading.errors.length > 2;
    await eventually("some rounds", 300, isThrough).catch(() => undefined);
    await stage.stop(reading);
  }
  if (side.webhook) {
    const genuine = stage.webhook(stage.message());
    const changed = { ...genuine, body: new TextEncoder().encode("{") };
    for (const request of [genuine, changed, { ...genuine, headers: {} }]) {
      stage.journal.note("a request was answered", await host.receive(request));
    }
  }
  const message = stage.message();
  const event = { externalId: message.key, threadId: message.thread, text: message.text };
  if (world.spec.deliver) await thrownBy(() => host.put(draftFor({ message, event })));
  for (const event of host.memory.events)
    if (event.kind === "rejected") stage.journal.note("rejected", event.reason);
}

export const lifeRules: Rule[] = [
  {
    name: "it opens, says that all is well, and closes",
    covers: "life",
    async run(stage) {
      const { world, host, patience } = stage;
      const health = await check(stage);
      ensure(health.ok === true, `check said: ${health.detail ?? "not ok, without a detail"}`);
      const client = await host.client();
      const closing = Promise.resolve(world.spec.close(client));
      ensure(await endsWithin(closing, patience.promptMs), `close took longer than ${patience.promptMs} ms`);
      await closing;
    },
  },
  {
    name: "check looks, and changes nothing",
    covers: "life",
    async run(stage) {
      await stage.host.client();
      const before = await snapshot(stage);
      await check(stage);
      const after = await snapshot(stage);
      ensure(before === after, `check has changed something: ${before} became ${after}`);
    },
  },
  {
    name: "check says what is wrong where the credentials are refused",
    covers: "life",
    async run(stage) {
      await check(stage);
      await stage.cause("refused-credentials");
      await stage.host.close(stage.patience.promptMs);
      const result: { health?: Health } = {};
      const error = await thrownBy(async () => {
        result.health = await check(stage);
      });
      if (error !== undefined) {
        ensure(kindOf(error) === "auth", `check threw an error of kind ${kindOf(error)}, expected auth`);
      } else {
        ensure(result.health?.ok === false, "check said that all is well");
        ensure((result.health.detail ?? "").trim() !== "", "check said no, and not what to do");
      }
    },
  },
  {
    name: "a stop while busy ends at once, and it opens again",
    covers: "life",
    applies: (spec) => spec.pull !== undefined || spec.deliver !== undefined,
    async run(stage) {
      const { world, host, patience } = stage;
      await check(stage);
      if (world.spec.pull) await stage.read();
      const customer = { message: stage.message(), event: { externalId: "x", threadId: "x", text: "x" } };
      if (stage.host.http.calls > 0 || stage.side.faults?.silent) await stage.cause("hang");
      // What becomes of a delivery that is broken off does not matter here.
      const putting = world.spec.deliver ? thrownBy(() => host.put(draftFor(customer))) : undefined;
      // So that both are in the middle of it.
      await sleep(busyMs);
      const closed = await host.close(patience.promptMs);
      ensure(closed, `close took longer than ${patience.promptMs} ms`);
      await putting;
      await stage.mend();
      const health = await check(stage);
      ensure(health.ok === true, `after a stop it does not open again: ${health.detail}`);
    },
  },
  {
    name: "nothing keeps running once it is closed",
    covers: "life",
    async run(stage) {
      const { world, host, patience } = stage;
      await check(stage);
      await host.close(stage.patience.promptMs);
      const before = active();
      const client = await host.client();
      await world.spec.check(client, AbortSignal.timeout(patience.failMs));
      if (world.spec.pull) await stage.stop(await stage.read());
      await host.close(stage.patience.promptMs);
      let left: string[] = [];
      const isCalm = () => {
        left = [...active()].filter(([kind, n]) => n > (before.get(kind) ?? 0)).map(([kind]) => kind);
        return left.length === 0;
      };
      await eventually("an end of all", patience.promptMs, isCalm).catch(() => undefined);
      ensure(left.length === 0, `after close there is still: ${left.join(", ")}`);
    },
  },
  {
    name: "no secret stands in a log line, an error or a reason",
    covers: "life",
    async run(stage) {
      const { host, journal } = stage;
      const secrets = secretsOf(host.config);
      const short = secrets.filter((value) => value.length < 8);
      ensure(
        short.length === 0,
        "give the secrets of the world at least 8 characters: shorter ones are found anywhere",
      );
      await goThrough(stage);
      if (host.http.calls > 0 || stage.side.faults?.["refused-credentials"]) {
        await stage.cause("refused-credentials");
        await host.close(stage.patience.promptMs);
        await goThrough(stage);
        await stage.mend();
      }
      const found = linesWithSecrets(journal.lines, secrets);
      ensure(found.length === 0, `a secret stands in: ${found.slice(0, 3).join(" | ").slice(0, 1_000)}`);
    },
  },
];
