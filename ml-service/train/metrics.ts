/** Figures that say how good predictions are, and whether they beat always naming the same label. */
import { calibrationError } from "../evaluate/calibration.ts";
import { labelFigures, macroF1 } from "../evaluate/confusion.ts";

/** Reports have more bins; manifests keep their ten, so that models can be compared with older ones. */
const bins = 10;

/** An answer where more than one label may be right. */
export interface Answer {
  /** The labels that fit, at least one; the first stands for all of them in `macroF1`. */
  readonly right: readonly string[];
  readonly label: string;
  readonly confidence: number;
  readonly abstained: boolean;
  /** Texts that are near-duplicates of each other share one: the margin counts them as one. */
  readonly group: string;
}

export interface Figures {
  readonly rows: number;
  readonly accuracy: number;
  /** The mean F1 over the labels that occur. */
  readonly macroF1: number;
  /** Expected calibration error over ten equal bins of confidence. */
  readonly ece: number;
  /** The share that is not abstained. */
  readonly coverage: number;
  /** The share of right ones among those not abstained. */
  readonly precision: number;
  /** The share of right ones that always naming one label, the best, would reach on the rows not abstained. */
  readonly majority: number;
  /** `precision` less `majority`. */
  readonly gain: number;
  /** Half of the 95 % interval of `gain`. */
  readonly margin: number;
}

/** Figures of a list of answers; all 0 for an empty one. */
export function measure(answers: readonly Answer[]): Figures {
  const given = answers.filter((answer) => !answer.abstained);
  const precision = share(given.filter(isRight).length, given.length);
  const { constant, majority } = bestConstant(given);
  const single = answers.map(withOneRight);
  return {
    rows: answers.length,
    accuracy: share(answers.filter(isRight).length, answers.length),
    macroF1: macroF1(labelFigures(single)),
    ece: calibrationError(single, bins),
    coverage: share(given.length, answers.length),
    precision,
    majority,
    gain: precision - majority,
    margin: marginOf(given, constant, precision - majority),
  };
}

/** Any fitting label counts as the first one. */
function withOneRight(answer: Answer) {
  const { right, label, confidence, abstained } = answer;
  const [first = ""] = right;
  return { right: first, label: right.includes(label) ? first : label, confidence, abstained };
}

function isRight({ label, right }: Answer): boolean {
  return right.includes(label);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function bestConstant(answers: readonly Answer[]): { constant: string; majority: number } {
  const counts = new Map<string, number>();
  for (const { right } of answers) for (const label of right) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [constant, most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
  return { constant, majority: share(most, answers.length) };
}

/** By the normal approximation, over groups: what shares a group is right or wrong together. */
function marginOf(answers: readonly Answer[], constant: string, gain: number): number {
  const sums = new Map<string, number>();
  for (const answer of answers) {
    const own = Number(isRight(answer)) - Number(answer.right.includes(constant)) - gain;
    sums.set(answer.group, (sums.get(answer.group) ?? 0) + own);
  }
  const squares = [...sums.values()].reduce((total, sum) => total + sum * sum, 0);
  return 1.96 * share(Math.sqrt(squares), answers.length);
}
