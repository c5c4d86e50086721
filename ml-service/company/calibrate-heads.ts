/** Makes the confidences of a company's model honest, and finds from which on its labels may be applied. */
import type { HeadAnswer } from "../evaluate/answers.ts";
import { type Choice, chooseThreshold } from "../evaluate/threshold.ts";
import { normalise } from "../features.ts";
import type { Model, ModelHead } from "../model.ts";
import { familiarityOf, softmax } from "../score.ts";
import { fitTemperature, type Judged } from "../train/calibrate.ts";
import type { Example } from "../train/examples.ts";
import { quantilesOf } from "../train/train.ts";
import { blended, placesOf } from "./own-model.ts";

/** How much the default model may have a say. */
const blends = [0, 0.2, 0.4, 0.6, 0.8];

/** A text with its labels, and the logits of a model that had not learnt from it. */
export interface Scored {
  readonly example: Example;
  readonly logits: Float64Array;
}

export interface CalibrateHeadsOptions {
  /** The largest share of wrong answers among those applied, by head. */
  readonly risk: Readonly<Record<string, number>>;
  /** What the default model says of a normalised text, for a head with default labels. */
  defaults(head: string, normal: string): Float64Array | null;
}

/**
 * Calibrates a model by texts that were scored by models which had not learnt from them, and finds what may be promised.
 * @param first so many of the texts were held back from this very model: their answers are returned, in their order
 */
export function calibrateHeads(
  model: Model,
  scored: readonly Scored[],
  first: number,
  { risk, defaults }: CalibrateHeadsOptions,
): { model: Model; answers: HeadAnswer[]; choices: Record<string, Choice> } {
  const answers: HeadAnswer[] = [];
  const choices: Record<string, Choice> = {};
  const heads = placesOf(model.header.heads).map(({ head, from }) => {
    const asked = scored.flatMap(({ example, logits }, at) => {
      const right = example.labels[head.name];
      if (right === undefined) return [];
      const own = logits.slice(from, from + head.labels.length);
      const other = defaults(head.name, normalise(example.subject ?? null, example.text));
      return [{ right, own, other, isHeldBack: at < first }];
    });
    const fitted = { ...head, ...fitBlend(head, asked) };
    const given = asked.map(({ right, own, other }): HeadAnswer => {
      const chances = blended(softmax(own, fitted.temperature), other, fitted.blend);
      const confidence = Math.max(...chances);
      return {
        head: head.name,
        right,
        label: head.labels[chances.indexOf(confidence)] ?? "",
        confidence,
        abstained: false,
      };
    });
    const choice = chooseThreshold(given, { risk: risk[head.name] ?? 0.05 });
    choices[head.name] = choice;
    const heldBack = given.filter((_, at) => asked[at]?.isHeldBack);
    answers.push(...heldBack.map((one) => ({ ...one, abstained: one.confidence < choice.threshold })));
    return { ...fitted, threshold: choice.threshold, ...(choice.reason ? { reason: choice.reason } : {}) };
  });
  const familiarity = quantilesOf(scored.map(({ logits }) => familiarityOf(logits, heads)));
  return { model: { ...model, header: { ...model.header, heads, familiarity } }, answers, choices };
}

interface Asked {
  readonly isHeldBack: boolean;
  readonly right: string;
  readonly own: Float64Array;
  readonly other: Float64Array | null;
}

/** The temperature, and how much the default model has a say: whatever makes the held-back answers likeliest. */
function fitBlend(head: ModelHead, asked: readonly Asked[]): Pick<ModelHead, "temperature" | "blend"> {
  const known = asked.filter(({ right }) => head.labels.includes(right));
  if (known.length === 0) return { temperature: 1, blend: 0 };
  const judged = known.map(
    ({ right, own }): Judged => ({ logits: own, label: head.labels.indexOf(right), weight: 1 }),
  );
  const temperature = fitTemperature(judged, 1 / (judged.length + 2));
  const lossOf = (blend: number) =>
    known.reduce((loss, { right, own, other }) => {
      const chances = blended(softmax(own, temperature), other, blend);
      return loss - Math.log(Math.max(chances[head.labels.indexOf(right)] as number, 1e-12));
    }, 0);
  const [best = 0] = blends
    .map((blend) => ({ blend, loss: lossOf(blend) }))
    .sort((a, b) => a.loss - b.loss)
    .map(({ blend }) => blend);
  return { temperature, blend: best };
}
