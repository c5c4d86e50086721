/** Rules of `pull` for its place in the source: nothing is lost, and nothing comes twice. */
import { isDeepStrictEqual } from "node:util";
import type { ConnectorEvent } from "../../contract/events.ts";
import { ensure, type Rule } from "../rule.ts";
import { catchUp, type Stage } from "../stage.ts";
import { eventually } from "../waiting.ts";
import type { CustomerMessage } from "../world.ts";

/** So many messages that a source which gives pages gives more than one. */
const backlog = 120;

/** How often each message came in, by the key in its text. */
function timesStored({ host }: Stage, { key }: CustomerMessage): number {
  return host.memory.events.filter((event) => event.kind === "message" && event.text.includes(key)).length;
}

const idsOf = (events: readonly ConnectorEvent[]) =>
  events.map(({ kind, externalId }) => `${kind} ${externalId}`);

export const pullPlaceRules: Rule[] = [
  {
    name: "pull: read again from the same place, a message is stored once",
    covers: "pull",
    async run(stage) {
      const { host } = stage;
      const first = await stage.read();
      const from = host.memory.cursor;
      const messages = [await stage.arrive(), await stage.arrive()];
      for (const message of messages) await stage.stored(message);
      await stage.stop(first);
      const before = idsOf(host.memory.events);
      const { length } = host.memory.handedOver;
      await host.close(stage.patience.promptMs);
      // The same place for a new client, as after a crash before the commit.
      host.memory.commitPage({ events: [], cursor: from });
      await stage.read();
      await catchUp(stage);
      for (const message of messages) {
        const times = timesStored(stage, message);
        ensure(times === 1, `a message that was read twice is stored ${times} times: its externalId changes`);
      }
      const lost = before.filter((id) => !idsOf(host.memory.handedOver.slice(length)).includes(id));
      ensure(lost.length === 0, `read again, these are missing: ${lost.join(", ")}`);
    },
  },
  {
    name: "pull: a cursor is plain JSON and fits its own schema",
    covers: "pull",
    async run(stage) {
      await stage.read();
      await catchUp(stage);
      const { cursors } = stage.host.memory;
      ensure(cursors.length > 0, "no page had a cursor");
      for (const cursor of cursors) {
        const json = JSON.stringify(cursor);
        ensure(json !== undefined, `the cursor ${String(cursor)} has no JSON form`);
        const kept = JSON.parse(json);
        const parsed = stage.world.spec.cursor?.safeParse(kept);
        ensure(parsed?.success ?? true, `the schema refuses the cursor that pages gave: ${json}`);
        // A transforming schema may make something else of it; what is kept must then say the same again.
        const isSame = isDeepStrictEqual(kept, cursor) || isDeepStrictEqual(parsed?.data, cursor);
        ensure(isSame, `the cursor changes when it is kept as JSON: ${json}`);
      }
    },
  },
  {
    name: "pull: after a restart it goes on from its cursor, and loses nothing",
    covers: "pull",
    async run(stage) {
      const { host } = stage;
      const first = await stage.read();
      const old = [await stage.arrive(), await stage.arrive(), await stage.arrive()];
      for (const message of old) await stage.stored(message);
      await stage.stop(first);
      await host.close(stage.patience.promptMs);
      const before = host.memory.handedOver.length;
      const fresh = [await stage.arrive(), await stage.arrive()];
      const second = await stage.read();
      for (const message of fresh) await stage.stored(message);
      await catchUp(stage);
      const again = host.memory.handedOver
        .slice(before)
        .filter((event) => event.kind === "message" && old.some(({ key }) => event.text.includes(key)));
      ensure(again.length < old.length, "all of what was read before is read again: the cursor is not used");
      ensure(second.errors.length === 0, `reading failed after a restart: ${String(second.errors[0])}`);
    },
  },
  {
    name: "pull: a backlog comes whole, each message once, in the order in which they were written",
    covers: "pull",
    async run(stage) {
      const { host } = stage;
      await stage.stop(await stage.read());
      const keys: string[] = [];
      while (keys.length < backlog) keys.push((await stage.arrive()).key);
      await stage.read();
      await catchUp(stage);
      const came = host.memory.handedOver.flatMap((event) =>
        event.kind === "message" ? keys.filter((key) => event.text.includes(key)) : [],
      );
      const lost = keys.filter((key) => !came.includes(key));
      ensure(
        lost.length === 0,
        `${lost.length} of ${backlog} messages are lost, first number ${keys.indexOf(lost[0] ?? "")}`,
      );
      const firsts = [...new Set(came)];
      ensure(isDeepStrictEqual(firsts, keys), "they come in another order");
      ensure(
        came.length < 2 * backlog,
        `${backlog} messages are handed over ${came.length} times: pages overlap`,
      );
      ensure(stage.host.memory.events.length <= backlog + 1, "some of them are stored twice");
    },
  },
  {
    name: "pull: a page whose commit failed comes again",
    covers: "pull",
    async run(stage) {
      const { host } = stage;
      await stage.read();
      host.memory.failCommits = 1;
      const message = await stage.arrive();
      await eventually(
        "a page with the message",
        stage.patience.arriveMs,
        () => host.memory.failCommits === 0,
      );
      await stage.stored(message).catch(() => {
        throw new Error("the page is lost: the place in the source had moved before the commit");
      });
    },
  },
];
