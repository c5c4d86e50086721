/** Figures that say how good predictions are, as few as a manifest keeps; `evaluate/figures.ts` has all. */
import { type Answer, isRight } from "../evaluate/answers.ts";
import { calibrationError } from "../evaluate/calibration.ts";
import { labelFigures, macroF1 } from "../evaluate/confusion.ts";

/** Reports have more; manifests keep their ten, so that models can be compared with older ones. */
const bins = 10;

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
}

/** Figures of a list of answers; all 0 for an empty one. */
export function measure(answers: readonly Answer[]): Figures {
  const rows = answers.length;
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  const given = answers.filter((answer) => !answer.abstained);
  return {
    rows,
    accuracy: share(answers.filter(isRight).length, rows),
    macroF1: macroF1(labelFigures(answers)),
    ece: calibrationError(answers, bins),
    coverage: share(given.length, rows),
    precision: share(given.filter(isRight).length, given.length),
  };
}
