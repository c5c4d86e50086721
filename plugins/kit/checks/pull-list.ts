/** Rules of `pull.list`, by which the hub tells what it has missed: it names what reading brings, no less and no more. */
import { isDeepStrictEqual } from "node:util";
import type { ListedItem } from "../../contract/connector.ts";
import { ensure, ensureKind, type Rule } from "../rule.ts";
import { catchUp, draftFor, type Stage } from "../stage.ts";
import { eventually, untilAborted } from "../waiting.ts";

const hourMs = 3_600_000;
const at = (fromNowMs: number) => new Date(Date.now() + fromNowMs);

/** All that it lists, from two hours ago on where nothing else is said. */
async function list(
  { world, host, patience }: Stage,
  since = at(-2 * hourMs),
  until = at(2 * hourMs),
): Promise<ListedItem[]> {
  const signal = AbortSignal.timeout(patience.failMs);
  const pages = world.spec.pull?.list?.(await host.client(), { since, until }, signal);
  const listed: ListedItem[] = [];
  const collect = async () => {
    for await (const page of pages ?? []) listed.push(...page);
  };
  await untilAborted(collect(), signal);
  return listed;
}

/** The ids of what was handed over and can be missed. */
function broughtIds({ host }: Stage): Set<string> {
  const events = host.memory.handedOver.filter(({ kind }) => kind !== "label-correction");
  return new Set(events.map(({ externalId }) => externalId));
}

/** Something of each kind that the world can make. */
async function fillSource(stage: Stage): Promise<void> {
  const { side, host, world } = stage;
  const customer = await stage.customer();
  await stage.read();
  if (world.spec.deliver && side.found) await host.put(draftFor(customer));
  await side.answer?.(customer.message, "We have sent another one.");
  await side.arriveUnreadable?.("unreadable");
  await stage.arrive({ thread: customer.message.thread });
  await catchUp(stage);
  await catchUp(stage);
}

const has = (name: "list" | "backfill") => (spec: Stage["world"]["spec"]) => spec.pull?.[name] !== undefined;

export const pullListRules: Rule[] = [
  {
    name: "pull: what it lists is what it brings",
    covers: "pull",
    applies: has("list"),
    async run(stage) {
      await fillSource(stage);
      const listed = new Set((await list(stage)).map(({ externalId }) => externalId));
      const unlisted = [...broughtIds(stage)].filter((id) => !listed.has(id));
      ensure(
        unlisted.length === 0,
        `it brings ${unlisted.join(", ")} and does not list it: if it were lost, nobody would know`,
      );
      const unbrought = () => [...listed].filter((id) => !broughtIds(stage).has(id));
      // A source that is polled may be a look behind.
      await eventually("what it lists", stage.patience.arriveMs, () => unbrought().length === 0).catch(() => {
        throw new Error(
          `it lists ${unbrought().join(", ")} and does not bring it: it would be missed for ever`,
        );
      });
    },
  },
  {
    name: "pull: it lists nothing from outside of the time that it was asked for",
    covers: "pull",
    applies: has("list"),
    async run(stage) {
      await stage.read();
      await stage.stored(await stage.arrive());
      const before = await list(stage, at(-48 * hourMs), at(-24 * hourMs));
      const later = await list(stage, at(24 * hourMs), at(48 * hourMs));
      ensure(before.length === 0, `asked for what came until yesterday, it lists ${before.length} items`);
      ensure(later.length === 0, `asked for what will come tomorrow, it lists ${later.length} items`);
    },
  },
  {
    name: "pull: a list that cannot be completed throws",
    covers: "pull",
    applies: has("list"),
    async run(stage) {
      await stage.stop(await stage.read());
      await stage.arrive();
      await list(stage);
      await stage.cause("server-error");
      const error = await list(stage).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      ensure(
        error !== undefined,
        "the list ended as if it were whole: what it left out would count as complete",
      );
      ensureKind(error, ["transient"], "under server-error");
    },
  },
  {
    name: "pull: to list changes nothing",
    covers: "pull",
    applies: has("list"),
    async run(stage) {
      await stage.stop(await stage.read());
      const message = await stage.arrive();
      const before = await stage.side.snapshot?.();
      await list(stage);
      ensure(
        isDeepStrictEqual(await stage.side.snapshot?.(), before),
        "the other side is not as it was before the list",
      );
      await stage.read();
      await stage.stored(message).catch(() => {
        throw new Error("what was listed before it was read does not come any more");
      });
    },
  },
  {
    name: "pull: a backfill brings what is asked for by its listed id",
    covers: "pull",
    applies: (spec) => has("list")(spec) && has("backfill")(spec),
    async run(stage) {
      await fillSource(stage);
      const { world, host, patience } = stage;
      for (const { externalId, at: time } of await list(stage)) {
        const request = { since: time ?? at(-2 * hourMs), path: null, only: new Set([externalId]) };
        const signal = AbortSignal.timeout(patience.failMs);
        const found: string[] = [];
        for await (const { events } of world.spec.pull?.backfill?.(await host.client(), request, signal) ??
          [])
          found.push(...events.map((event) => event.externalId));
        ensure(
          found.includes(externalId),
          `asked for ${externalId}, it brings ${found.join(", ") || "nothing"}`,
        );
      }
    },
  },
];
