/** The circuit breakers of a node: one for each system that it calls, told of in its log and metrics. */
import type { Log } from "../../plugins/contract/connector.ts";
import { type Breaker, type BreakerOptions, type BreakerState, createBreaker } from "./breaker.ts";
import type { Metrics } from "./metrics.ts";

/** What is called: a language model's API, or the helpdesk behind a connector. */
export const breakerKinds = ["llm", "connector"] as const;
export type BreakerKind = (typeof breakerKinds)[number];

export interface Breakers {
  /**
   * The breaker of a system, made when first asked for.
   * @param key tells systems of a kind apart; never shown
   * @param name for the log
   */
  of(
    kind: BreakerKind,
    key: string,
    name: string,
    options: Pick<BreakerOptions, "what" | "threshold" | "verdict" | "pace">,
  ): Breaker;
  /** How many systems are left alone now, or looked at whether they work again. */
  open(): Record<BreakerKind, number>;
  /** `closed` where there is none yet. */
  state(kind: BreakerKind, key: string): BreakerState;
}

export interface BreakersParts {
  metrics?: Metrics;
  log?: Log;
}

export function createBreakers({ metrics, log }: BreakersParts = {}): Breakers {
  const breakers: Record<BreakerKind, Map<string, Breaker>> = { llm: new Map(), connector: new Map() };
  const countOpen = (kind: BreakerKind) =>
    [...breakers[kind].values()].filter(({ state }) => state !== "closed").length;
  return {
    of(kind, key, name, options) {
      const known = breakers[kind].get(key);
      if (known) return known;
      const breaker = createBreaker({
        ...options,
        onChange(state, openMs) {
          if (state === "open") {
            log?.warn(`${name} is in trouble, and left alone for a while`, { openMs });
            metrics?.count("deskwire.breaker.opened", { kind });
          } else if (state === "closed") log?.info(`${name} works again`);
          // Its own state is not set yet for whoever asks now.
          setImmediate(() => metrics?.set("deskwire.breaker.open", countOpen(kind), { kind }));
        },
      });
      breakers[kind].set(key, breaker);
      return breaker;
    },
    open: () => ({ llm: countOpen("llm"), connector: countOpen("connector") }),
    state: (kind, key) => breakers[kind].get(key)?.state ?? "closed",
  };
}
