/** What a report says of one head. */
import { type Block, decimal, number, type Plot, paragraph, percent, table, withInterval } from "./blocks.ts";
import type { Figures, HeadFigures } from "./figures.ts";
import { confusionPlot } from "./plot-confusion.ts";
import { reliabilityPlot, riskCoveragePlot } from "./plots.ts";
import { type HeadReport, promised } from "./report.ts";

/** Coverages at which the risk is told. */
const toldCoverages = [0.1, 0.25, 0.5, 0.75, 0.9, 1];

/** The columns of `figureCells`. */
export const figureColumns = [
  "Messages",
  "Right",
  "Macro-F1",
  "ECE",
  "Coverage at 95 %",
  "Abstained",
  "Wrong of applied",
];

/** What fits on one line of a table. */
export function figureCells(figures: Figures): string[] {
  return [
    number(figures.rows),
    withInterval(figures.accuracy),
    decimal(figures.macroF1),
    decimal(figures.ece),
    withInterval(figures.coverageAt95),
    withInterval(figures.abstained),
    withInterval(figures.wrongOfApplied),
  ];
}

/** Headed by its name: in words, as plots, as tables. */
export function headBlocks({ head, figures, languages, choice }: HeadReport): Block[] {
  const { firstThree } = figures;
  const inFirst = firstThree
    ? [`The right label is among the first three for ${withInterval(firstThree)}.`]
    : [];
  return [
    { kind: "heading", level: 2, text: head },
    ...[summary(figures), promise(choice), ...inFirst].map(paragraph),
    { kind: "plots", plots: headPlots(head, figures) },
    ...labelTables(head, figures),
    table(
      `${head}: by language`,
      ["Language", ...figureColumns],
      languages.map((one) => [one.language, ...figureCells(one.figures)]),
    ),
    ...confidenceTables(head, figures),
  ];
}

function summary({ accuracy, majority, majorityLabel }: HeadFigures): string {
  const gain =
    accuracy.low > majority.share
      ? "better than"
      : accuracy.high < majority.share
        ? "worse than"
        : "not to be told from";
  return `${withInterval(accuracy)} of the labels are right, ${gain} always saying “${majorityLabel}” (${percent(majority.share)}).`;
}

function promise({ threshold, coverage, bound, reason }: HeadReport["choice"]): string {
  const words = `at most ${percent(promised.risk)} wrong, with ${100 * promised.confidence} % certainty`;
  if (reason !== null) return `No threshold can promise ${words}: ${reason}.`;
  return `A threshold of ${threshold} promises ${words}: it applies ${withInterval(coverage)} of the ${number(coverage.of)} answers that nothing else speaks against, of which no more than ${percent(bound)} should be wrong.`;
}

function headPlots(head: string, figures: HeadFigures): Plot[] {
  return [
    {
      title: "Confidence and truth",
      caption: "Bars on the dashed line are honest, below it too sure. Stronger bars hold more messages.",
      svg: reliabilityPlot(`${head}: confidence and truth`, figures.bins),
    },
    {
      title: "Wrong answers, by how many are applied",
      caption: "The most confident answers come first. The dot is how the model is set today.",
      svg: riskCoveragePlot(`${head}: wrong answers by coverage`, figures),
    },
    {
      title: "What is taken for what",
      caption: "Rows are right labels, columns the given ones. Shades go by row.",
      svg: confusionPlot(`${head}: confusion of labels`, figures.confusion),
    },
  ];
}

function labelTables(head: string, { labels, confusion }: HeadFigures): Block[] {
  const byLabel = labels.map(({ label, support, precision, recall, f1 }) => [
    label,
    number(support),
    withInterval(precision),
    withInterval(recall),
    decimal(f1),
  ]);
  const mixed = confusion.pairs.map(({ right, given, share }) => [
    `${right} → ${given}`,
    number(share.part),
    withInterval(share),
  ]);
  return [
    table(`${head}: by label`, ["Label", "Messages", "Precision", "Recall", "F1"], byLabel),
    table(`${head}: mixed up most often`, ["Right → given", "Messages", "Of the right label"], mixed),
  ];
}

function confidenceTables(head: string, { bins, curve }: HeadFigures): Block[] {
  const filled = bins.filter(({ right }) => right.of > 0);
  const told = toldCoverages.flatMap((coverage) => curve.find((point) => point.coverage >= coverage) ?? []);
  return [
    table(
      `${head}: confidence and truth`,
      ["Confidence", "Messages", "Mean confidence", "Right"],
      filled.map(({ from, to, claimed, right }) => [
        `${decimal(from)} to ${decimal(to)}`,
        number(right.of),
        decimal(claimed),
        withInterval(right),
      ]),
    ),
    table(
      `${head}: the most confident answers`,
      ["Share of answers", "From confidence", "Wrong"],
      told.map(({ coverage, threshold, risk }) => [percent(coverage), decimal(threshold), percent(risk)]),
    ),
  ];
}
