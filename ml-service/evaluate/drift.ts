/** Notices when a model's answers are no longer distributed as they were: customers write of other things than it learnt. */
import { add, binOf, type DriftReference, unknownEdges, type WatchedAnswer } from "./drift-reference.ts";

export type DriftSignal = "labels" | "confidence" | "abstained" | "unknown";

export interface DriftState {
  /** Answers in the window. */
  readonly rows: number;
  /** The population stability index by signal; null before there are enough answers. */
  readonly psi: Readonly<Partial<Record<DriftSignal, number>>> | null;
  readonly alarm: boolean;
  /** Which signals have moved and how far, in words; null without an alarm. */
  readonly reason: string | null;
}

export interface DriftWatchOptions {
  readonly reference: DriftReference;
  /** How many of the last answers are compared (default 1,000). */
  readonly window?: number;
  /** No alarm before so many (default 200). */
  readonly least?: number;
  /** The index that raises the alarm (default 0.25, by custom "a major shift"). */
  readonly raise?: number;
  /** The index under which all signals must fall to end it (default 0.1, by custom "no shift to speak of"). */
  readonly clear?: number;
}

export interface DriftWatch {
  observe(answer: WatchedAnswer): void;
  /** Judges what was observed since it was last asked: that costs more than observing an answer. */
  state(): DriftState;
}

const words: Record<DriftSignal, string> = {
  labels: "the labels given have moved",
  confidence: "the confidences have moved",
  abstained: "the share abstained has moved",
  unknown: "the share of unknown words has moved",
};

/**
 * Watches the answers of one head for one company against a reference. Its memory depends on the window and the labels alone; it
 * has no clock. The alarm goes on where a signal's index reaches `raise`, and off when all are under `clear`; both are set
 * higher where answers are so few or labels so many that chance alone comes near.
 */
export function createDriftWatch(options: DriftWatchOptions): DriftWatch {
  const { reference, window = 1_000, least = 200, raise = 0.25, clear = 0.1 } = options;
  const signals = signalsOf(reference, window);
  let seen = 0;
  let judged = 0;
  let alarm = false;

  const rows = () => Math.min(seen, window);
  const chance = ({ expected }: Signal) => noise(expected.length, rows(), reference.rows);
  return {
    observe(answer) {
      for (const signal of signals) {
        const slot = seen % window;
        if (seen >= window) add(signal.counts, signal.bins[slot] ?? 0, -1);
        const bin = signal.binOf(answer);
        signal.bins[slot] = bin;
        add(signal.counts, bin, 1);
      }
      seen += 1;
    },
    state() {
      const enough = rows() >= Math.min(least, window);
      if (enough && judged < seen) {
        // With an alarm the lower bar counts, without one the higher: between them nothing changes.
        const bar = alarm ? clear : raise;
        alarm = signals.some((signal) => stability(signal) >= bar + chance(signal));
        judged = seen;
      }
      const psi = Object.fromEntries(signals.map((signal) => [signal.name, stability(signal)]));
      return {
        rows: rows(),
        psi: enough ? psi : null,
        alarm,
        reason: alarm ? describe(signals, clear) : null,
      };
    },
  };
}

interface Signal {
  readonly name: DriftSignal;
  readonly names: readonly string[] | null;
  readonly expected: readonly number[];
  readonly counts: number[];
  /** The bin of each answer in the window. */
  readonly bins: Uint16Array;
  binOf(answer: WatchedAnswer): number;
}

function signalsOf(reference: DriftReference, window: number): Signal[] {
  const names = Object.keys(reference.labels);
  const places = new Map(names.map((name, at) => [name, at]));
  const signal = (
    name: DriftSignal,
    expected: readonly number[],
    binOf: Signal["binOf"],
    labels: readonly string[] | null = null,
  ): Signal => ({
    name,
    names: labels,
    expected,
    counts: expected.map(() => 0),
    bins: new Uint16Array(window),
    binOf,
  });
  // The last bin is for labels that the reference has never seen.
  const all = [
    signal(
      "labels",
      [...Object.values(reference.labels), 0],
      ({ label }) => places.get(label) ?? names.length,
      [...names, "labels not seen before"],
    ),
    signal("confidence", reference.confidence, ({ confidence }) => binOf(reference.edges, confidence)),
    signal("abstained", [reference.rows - reference.abstained, reference.abstained], ({ abstained }) =>
      abstained ? 1 : 0,
    ),
  ];
  const { unknown } = reference;
  if (unknown) all.push(signal("unknown", unknown, (answer) => binOf(unknownEdges, answer.unknown ?? 0)));
  return all;
}

/**
 * The population stability index: the sum of (now − then) · ln(now / then) over the bins' shares. Half an answer is added to each bin,
 * so that an empty one does not make it infinite.
 */
function stability({ expected, counts }: Signal): number {
  const shares = (list: readonly number[]) => {
    const all = list.reduce((sum, count) => sum + count, 0) + list.length / 2;
    return list.map((count) => (count + 0.5) / all);
  };
  const before = shares(expected);
  return shares(counts).reduce((sum, share, at) => {
    const old = before[at] ?? share;
    return sum + (share - old) * Math.log(share / old);
  }, 0);
}

/**
 * What the index comes to by chance alone: about (1/n + 1/m) times a chi-squared value with a degree of freedom for each bin but
 * one (Yurdakul 2018); its mean and four deviations more.
 */
function noise(bins: number, rows: number, referenceRows: number): number {
  const freedom = bins - 1;
  return (freedom + 4 * Math.sqrt(2 * freedom)) * (1 / rows + 1 / referenceRows);
}

const mostNamed = 3;

function describe(signals: readonly Signal[], from: number): string {
  const moved = signals
    .map((signal) => ({ signal, index: stability(signal) }))
    .filter(({ index }) => index >= from)
    .sort((a, b) => b.index - a.index)
    .map(({ signal, index }) => {
      const detail = signal.name === "labels" || signal.name === "abstained" ? `: ${changes(signal)}` : "";
      return `${words[signal.name]} (PSI ${index.toFixed(2)})${detail}`;
    });
  return moved.join("; ");
}

/** The bins that have moved most, such as "billing 12 % → 31 %". */
function changes({ names, expected, counts }: Signal): string {
  const share = (list: readonly number[], at: number) =>
    (list[at] ?? 0) /
    Math.max(
      1,
      list.reduce((sum, count) => sum + count, 0),
    );
  const percent = (value: number) => `${Math.round(value * 100)} %`;
  if (!names) return `${percent(share(expected, 1))} → ${percent(share(counts, 1))}`;
  return names
    .map((name, at) => ({ name, before: share(expected, at), now: share(counts, at) }))
    .sort((a, b) => Math.abs(b.now - b.before) - Math.abs(a.now - a.before))
    .slice(0, mostNamed)
    .map(({ name, before, now }) => `${name} ${percent(before)} → ${percent(now)}`)
    .join(", ");
}
