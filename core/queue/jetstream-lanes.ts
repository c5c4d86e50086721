/** What a node knows of the work of each step and company. */
import { untilAborted } from "../lib/abort.ts";
import type { LaneInfo } from "./jetstream-stream.ts";
import { type Step, steps } from "./queue.ts";

export interface Lane {
  readonly step: Step;
  readonly company: string;
  /** Items that wait, as far as is known here. */
  waiting: number;
  /** Items that are being published by this node. */
  sending: number;
  /** True as soon as the server has its consumer; a promise while it is being asked. */
  consumer: boolean | Promise<boolean>;
}

export type Lanes = ReturnType<typeof createLanes>;

/**
 * @param makeConsumer makes a lane's consumer in the server; answers false where it cannot. The signal aborts when the server
 *   is away, and its answer is waited for no longer
 */
export function createLanes(makeConsumer: (lane: Lane, signal: AbortSignal) => Promise<boolean>) {
  let away = new AbortController();
  const lanes: Record<Step, Map<string, Lane>> = {
    classify: new Map(),
    draft: new Map(),
    deliver: new Map(),
  };
  const get = (step: Step, company: string): Lane => {
    let lane = lanes[step].get(company);
    if (!lane) {
      lane = { step, company, waiting: 0, sending: 0, consumer: false };
      lanes[step].set(company, lane);
    }
    return lane;
  };
  const all = () => steps.flatMap((step) => [...lanes[step].values()]);
  return {
    get,
    all,
    /** Nothing waits anywhere. */
    empty() {
      for (const lane of all()) lane.waiting = 0;
    },
    /**
     * Takes over what the server says of all of them.
     * @returns those whose consumer the server has lost
     */
    update(infos: LaneInfo[]): Lane[] {
      const listed = new Set<Lane>();
      for (const { step, company, waiting } of infos) {
        const lane = get(step, company);
        lane.waiting = waiting;
        lane.consumer = true;
        listed.add(lane);
      }
      const lost = all().filter((lane) => lane.consumer === true && !listed.has(lane));
      for (const lane of lost) lane.consumer = false;
      return lost;
    },
    /** The server is away: those who wait for it are told so at once. */
    giveUp() {
      away.abort();
      away = new AbortController();
    },
    /** The stream is another one: nothing of it is known. */
    reset() {
      for (const lane of all()) {
        lane.waiting = 0;
        lane.consumer = false;
      }
    },
    /** Makes the lane's consumer, where the server may have none. */
    async ensure(lane: Lane): Promise<boolean> {
      if (lane.consumer !== false) return lane.consumer;
      const { signal } = away;
      const asked = untilAborted(makeConsumer(lane, signal), signal).catch(() => false);
      lane.consumer = asked;
      const made = await asked;
      // Meanwhile the stream may have become another one.
      if (lane.consumer === asked) lane.consumer = made;
      return made;
    },
    waiting(step: Step): number {
      let sum = 0;
      for (const { waiting } of lanes[step].values()) sum += waiting;
      return sum;
    },
  };
}
