/** Watches all companies' answers for drift: each against the first ones that the company got. */
import type { Watched } from "../classifier.ts";
import { createDriftWatch, type DriftWatch } from "../evaluate/drift.ts";
import { driftReference, type WatchedAnswer } from "../evaluate/drift-reference.ts";

/** So many answers of a company and head are what later ones are compared with. */
const firstAnswers = 1_000;
/** The state is read once in so many answers: that costs more than taking note of one. */
const lookEvery = 50;

export interface DriftAlarm {
  readonly company: string;
  readonly head: string;
  /** Which signals have moved, in words. */
  readonly reason: string;
}

export interface DriftWatches {
  /** @param model name and version */
  observe(company: string, model: string, answer: Watched): void;
  alarms(): DriftAlarm[];
  /** Forgets all other companies; their alarms end without a word. */
  keepOnly(companies: ReadonlySet<string>): void;
}

interface Watching {
  readonly company: string;
  /** The default model, or the company's, and whether it applies anything yet: one is not compared with the other. */
  readonly name: string;
  first: WatchedAnswer[];
  watch: DriftWatch | null;
  seen: number;
  alarm: DriftAlarm | null;
}

/**
 * It forgets with the process. A new version of the same model is compared with what the older ones said: only so a change is seen
 * that takes longer than a night.
 * @param tell called once when an alarm goes on, and once when it ends
 */
export function createDriftWatches(tell: (alarm: DriftAlarm, isOn: boolean) => void): DriftWatches {
  const watching = new Map<string, Watching>();

  const watchingOf = (company: string, head: string, name: string): Watching => {
    const key = `${company}/${head}`;
    const there = watching.get(key);
    if (there?.name === name) return there;
    if (there?.alarm) tell(there.alarm, false);
    const begun: Watching = { company, name, first: [], watch: null, seen: 0, alarm: null };
    watching.set(key, begun);
    return begun;
  };
  return {
    observe(company, model, { head, label, confidence, abstained, unknown, applies }) {
      const name = `${model.replace(/@.*$/, "")}${applies ? "" : ", abstaining"}`;
      const own = watchingOf(company, head, name);
      const answer = { label, confidence, abstained, unknown };
      if (!own.watch) {
        own.first.push(answer);
        if (own.first.length < firstAnswers) return;
        own.watch = createDriftWatch({ reference: driftReference(own.first) });
        own.first = [];
        return;
      }
      own.watch.observe(answer);
      own.seen += 1;
      if (own.seen % lookEvery !== 0) return;
      const { alarm, reason } = own.watch.state();
      if (alarm === (own.alarm !== null)) return;
      const told = own.alarm ?? { company, head, reason: reason ?? "" };
      own.alarm = alarm ? told : null;
      tell(told, alarm);
    },
    alarms: () => [...watching.values()].flatMap(({ alarm }) => alarm ?? []),
    keepOnly(companies) {
      for (const [key, { company }] of watching) if (!companies.has(company)) watching.delete(key);
    },
  };
}
