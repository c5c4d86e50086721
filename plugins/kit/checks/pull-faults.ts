/** Rules of `pull` while the other side refuses, fails, is silent or breaks off; and of its older and kept items. */
import { isConnectorError, kindOf } from "../../contract/errors.ts";
import { retryAfterSeconds } from "../http.ts";
import { ensure, ensureKind, type Rule } from "../rule.ts";
import { need, type Stage } from "../stage.ts";
import { eventually } from "../waiting.ts";
import type { FaultKind } from "../world.ts";

/** Rounds without an error after which a read counts as one that hides it: the first may have begun before the fault. */
const roundsToBelieve = 3;

interface FaultRule {
  kind: FaultKind;
  name: string;
  /** Kinds of error that the read may end with. */
  kinds: readonly string[];
  /** Whether the fault strikes a connection that is open; else it is there when the connector signs in. */
  midway: boolean;
}

const faultRules: FaultRule[] = [
  {
    kind: "refused-credentials",
    name: "pull: refused credentials end a read with an error of kind auth",
    kinds: ["auth"],
    midway: false,
  },
  {
    kind: "rate-limited",
    name: "pull: a request to slow down ends a read with an error of kind rate_limited",
    kinds: ["rate_limited"],
    midway: false,
  },
  {
    kind: "server-error",
    name: "pull: an error of the other side's own ends a read with an error of kind transient",
    kinds: ["transient"],
    midway: false,
  },
  {
    kind: "silent",
    name: "pull: an answer that never comes ends a read with an error of kind transient",
    kinds: ["transient"],
    midway: true,
  },
  {
    kind: "cut",
    name: "pull: an answer that breaks off ends a read with an error of kind transient",
    kinds: ["transient"],
    midway: true,
  },
];

/** The first error of reading under a fault; throws where reads end as if nothing were there. */
async function failureUnder(stage: Stage, { kind, midway }: FaultRule): Promise<unknown> {
  const { host, patience } = stage;
  const first = await stage.read();
  if (!midway) await stage.stop(first);
  await stage.cause(kind);
  if (!midway) await host.close(stage.patience.promptMs);
  const reading = midway ? first : host.read();
  const { rounds } = reading;
  try {
    await eventually(`an error of reading (${kind})`, patience.failMs, () => {
      const quiet = reading.rounds - rounds;
      return reading.errors.length > 0 || quiet >= roundsToBelieve;
    });
  } finally {
    await reading.stop(patience.promptMs);
  }
  ensure(reading.errors.length > 0, "a failed read ended as if nothing were there: it must throw");
  return reading.errors[0];
}

function ruleOf(fault: FaultRule): Rule {
  return {
    name: fault.name,
    covers: "pull",
    async run(stage) {
      const error = await failureUnder(stage, fault);
      ensureKind(error, fault.kinds, `under ${fault.kind}`);
      if (fault.kind !== "rate-limited" || !stage.isOwnFault) return;
      const asked = isConnectorError(error) ? error.retryAfterMs : undefined;
      ensure((asked ?? 0) > (retryAfterSeconds - 10) * 1_000, `its Retry-After got lost: ${asked}`);
    },
  };
}

const mendedRule: Rule = {
  name: "pull: what came while reading failed arrives once reading works again",
  covers: "pull",
  async run(stage) {
    const { host, patience } = stage;
    const reading = await stage.read();
    await stage.cause(stage.side.faults?.cut || !stage.side.faults ? "cut" : "server-error");
    const messages = [await stage.arrive(), await stage.arrive()];
    const { rounds } = reading;
    const hasMet = () => reading.errors.length > 0 || reading.rounds - rounds >= roundsToBelieve;
    await eventually("a read under the fault", patience.failMs, hasMet);
    await stage.mend();
    for (const message of [...messages, await stage.arrive()]) {
      await stage.stored(message).catch((cause) => {
        throw new Error("a message that came while reading failed is lost", { cause });
      });
    }
    ensure(host.memory.events.length >= 3, "messages are missing");
  },
};

const abortRule: Rule = {
  name: "pull: an abort in the middle of a read ends it at once",
  covers: "pull",
  async run(stage) {
    const { patience } = stage;
    const reading = await stage.read();
    const before = stage.host.http.calls;
    await stage.cause("hang");
    if (stage.isOwnFault) {
      await eventually("a request of the reader", patience.arriveMs, () => stage.host.http.calls > before);
    }
    const ended = await reading.stop(patience.promptMs);
    ensure(
      ended,
      `it still reads ${patience.promptMs} ms after its signal aborted: pass the signal on to every call`,
    );
  },
};

const backfillRule: Rule = {
  name: "pull: a backfill brings older messages under the same ids, and nothing older than it was asked for",
  covers: "pull",
  applies: (spec) => spec.pull?.backfill !== undefined,
  async run(stage) {
    const { world, host, patience } = stage;
    await stage.read();
    const messages = [await stage.arrive(), await stage.arrive()];
    const ids = [];
    for (const message of messages) ids.push((await stage.stored(message)).externalId);
    const fill = async (since: Date | null) => {
      const found: string[] = [];
      const signal = AbortSignal.timeout(patience.failMs);
      const pages = world.spec.pull?.backfill?.(await host.client(), { since, path: null }, signal);
      for await (const page of pages ?? []) {
        host.memory.commitPage({ ...page, cursor: host.memory.cursor });
        found.push(...page.events.map(({ externalId }) => externalId));
      }
      return found;
    };
    const all = await fill(null);
    ensure(
      ids.every((id) => all.includes(id)),
      `expected ${ids.join(", ")} in the backfill, got ${all.slice(0, 10).join(", ")}`,
    );
    const later = await fill(new Date(Date.now() + 3 * 86_400_000));
    ensure(later.length === 0, `a backfill since a time to come brings ${later.length} items`);
  },
};

const rereadRule: Rule = {
  name: "pull: an item in quarantine can be read again from its raw form",
  covers: "pull",
  applies: (spec) => spec.pull?.reread !== undefined,
  async run(stage) {
    const { world, host, side, patience } = stage;
    await stage.read();
    await need(side.arriveUnreadable, "arriveUnreadable")("unreadable");
    const find = () => host.memory.events.find(({ kind }) => kind === "rejected");
    const rejected = await eventually("a rejected item", patience.arriveMs, find);
    const raw = rejected.kind === "rejected" ? rejected.raw : undefined;
    ensure(raw, "the rejected item has no raw form");
    const signal = AbortSignal.timeout(patience.failMs);
    try {
      const events = await world.spec.pull?.reread?.(await host.client(), raw, signal);
      ensure(events && events.length > 0, "it read nothing, and threw nothing: the item would vanish");
      ensure(
        events.some(({ externalId }) => externalId === rejected.externalId),
        `the item was rejected as ${rejected.externalId}, and is read as ${events[0]?.externalId}`,
      );
    } catch (error) {
      if (kindOf(error) !== "permanent") throw error;
    }
  },
};

export const pullFaultRules: Rule[] = [
  ...faultRules.map(ruleOf),
  mendedRule,
  abortRule,
  backfillRule,
  rereadRule,
];
