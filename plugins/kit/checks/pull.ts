/** Rules of `pull` while the other side is well. */
import { isDeepStrictEqual } from "node:util";
import type { ConnectorEvent } from "../../contract/events.ts";
import { ensure, type Rule } from "../rule.ts";
import { draftFor, includesText, need, type Stage } from "../stage.ts";
import { eventually } from "../waiting.ts";
import type { CustomerMessage } from "../world.ts";

const hostileTexts = [
  (key: string) => `${key} with a NUL \u0000 within`,
  (key: string) => `${key} with half a letter \ud83d within`,
  (key: string) => `${key} ${"is rather long. ".repeat(20_000)}`,
  (key: string) => `${key} 😀 \u202eright to left\u202c \u0007 <script>alert(1)</script> {{template}} %s %n`,
];

/** So many messages that a source which gives pages gives more than one. */
const backlog = 120;

/** How often each message came in, by the key in its text. */
function timesStored({ host }: Stage, { key }: CustomerMessage): number {
  return host.memory.events.filter((event) => event.kind === "message" && event.text.includes(key)).length;
}

/** Waits for a message that came last: all before it have been read by then. */
async function catchUp(stage: Stage): Promise<void> {
  await stage.stored(await stage.arrive());
}

const idsOf = (events: readonly ConnectorEvent[]) =>
  events.map(({ kind, externalId }) => `${kind} ${externalId}`);

export const pullRules: Rule[] = [
  {
    name: "pull: a customer's message arrives with its text",
    covers: "pull",
    async run(stage) {
      await stage.read();
      const text = (key: string) =>
        `Hello ${key},\n\nmy zip is broken – can you help?\nГрüße, 请 😀 <b> &amp; "x"`;
      const made = stage.message();
      const message = { ...made, text: text(made.key) };
      await need(stage.side.arrive, "arrive")(message);
      const stored = await stage.stored(message);
      ensure(
        includesText(stored.text, message.text),
        `expected the whole text, got ${JSON.stringify(stored.text)}`,
      );
    },
  },
  {
    name: "pull: a message has the time at which it was written",
    covers: "pull",
    async run(stage) {
      await stage.read();
      const { sentAt } = await stage.stored(await stage.arrive());
      const offMs = Math.abs(Date.now() - (sentAt ?? new Date()).getTime());
      ensure(offMs < 86_400_000, `it came just now, and its sentAt is ${sentAt?.toISOString()}`);
    },
  },
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
  {
    name: "pull: an unreadable item is rejected by itself, and what follows it arrives",
    covers: "pull",
    async run(stage) {
      const { side } = stage;
      await stage.read();
      await need(side.arriveUnreadable, "arriveUnreadable")("unreadable");
      await stage.stored(await stage.arrive()).catch((cause) => {
        throw new Error("an unreadable item holds up what comes after it", { cause });
      });
    },
  },
  {
    name: "pull: an unreadable item is kept with a reason and its raw form",
    covers: "pull",
    async run(stage) {
      const { host, side } = stage;
      await stage.read();
      await need(side.arriveUnreadable, "arriveUnreadable")("unreadable");
      const find = () => host.memory.events.find(({ kind }) => kind === "rejected");
      const rejected = await eventually("a rejected item", stage.patience.arriveMs, find);
      ensure(
        rejected.kind === "rejected" && rejected.reason.trim() !== "",
        "it is rejected without a reason",
      );
      ensure((rejected.raw?.length ?? 0) > 0, "it is rejected without its raw form: nobody can look into it");
    },
  },
  {
    name: "pull: hostile content ends as a message or in quarantine",
    covers: "pull",
    async run(stage) {
      const { host } = stage;
      const reading = await stage.read();
      const before = host.memory.events.length;
      const empty = { name: "empty.bin", mediaType: "application/octet-stream", content: new Uint8Array() };
      for (const text of hostileTexts) {
        const made = stage.message();
        await need(stage.side.arrive, "arrive")({ ...made, text: text(made.key) });
      }
      await stage.arrive({ files: [empty] });
      await catchUp(stage);
      const taken = host.memory.events.length - before;
      ensure(
        taken >= hostileTexts.length + 2,
        `of ${hostileTexts.length + 2} items ${taken} are stored or in quarantine`,
      );
      ensure(
        reading.errors.length === 0,
        `reading failed over hostile content: ${String(reading.errors[0])}`,
      );
    },
  },
  {
    name: "pull: what it wrote itself does not come back as a customer's message",
    covers: "pull",
    applies: (spec) => spec.pull !== undefined && spec.deliver !== undefined,
    async run(stage) {
      const { host } = stage;
      const customer = await stage.customer();
      const draft = draftFor(customer);
      await host.put(draft);
      await stage.read();
      await catchUp(stage);
      await catchUp(stage);
      const back = host.memory.handedOver.find(
        (event) => event.kind === "message" && event.skip === undefined && event.text.includes(draft.id),
      );
      ensure(!back, "its own draft came back as a customer's message, and would be answered in turn");
    },
  },
  {
    name: "pull: what an agent answered comes back as a reply, or not at all",
    covers: "pull",
    applies: (spec) => spec.pull !== undefined && spec.deliver !== undefined,
    async run(stage) {
      const customer = await stage.customer();
      const { key } = stage.message();
      await need(stage.side.answer, "answer")(
        customer.message,
        `We have sent another one. Reference ${key}.`,
      );
      await stage.read();
      await catchUp(stage);
      await catchUp(stage);
      const back = stage.host.memory.handedOver.find(
        (event) => event.kind === "message" && event.skip === undefined && event.text.includes(key),
      );
      ensure(!back, "an agent's answer came back as a customer's message");
    },
  },
];
