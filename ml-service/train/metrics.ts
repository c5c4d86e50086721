/** Figures that say how good predictions are. */

export interface Answer {
  readonly right: string;
  readonly label: string;
  readonly confidence: number;
  readonly abstained: boolean;
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
}

/** Figures of a list of answers; all 0 for an empty one. */
export function measure(answers: readonly Answer[]): Figures {
  const rows = answers.length;
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  const isRight = (answer: Answer) => answer.label === answer.right;
  const given = answers.filter((answer) => !answer.abstained);
  return {
    rows,
    accuracy: share(answers.filter(isRight).length, rows),
    macroF1: macroF1(answers),
    ece: calibrationError(answers),
    coverage: share(given.length, rows),
    precision: share(given.filter(isRight).length, given.length),
  };
}

function macroF1(answers: readonly Answer[]): number {
  const names = [...new Set(answers.map(({ right }) => right))];
  const sum = names.reduce((total, name) => {
    const hits = answers.filter(({ label, right }) => label === name && right === name).length;
    const both =
      answers.filter(({ label }) => label === name).length +
      answers.filter(({ right }) => right === name).length;
    return total + (2 * hits) / both;
  }, 0);
  return names.length === 0 ? 0 : sum / names.length;
}

function calibrationError(answers: readonly Answer[]): number {
  let error = 0;
  for (let bin = 0; bin < 10; bin += 1) {
    const inside = answers.filter(({ confidence }) => Math.min(9, Math.floor(confidence * 10)) === bin);
    const right = inside.filter(({ label, right }) => label === right).length;
    const claimed = inside.reduce((sum, { confidence }) => sum + confidence, 0);
    error += Math.abs(right - claimed);
  }
  return answers.length === 0 ? 0 : error / answers.length;
}
