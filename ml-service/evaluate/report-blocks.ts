/** What a report says, as headings, texts, tables and plots: the same for every format. */
import { type Block, number, paragraph, percent, table, withInterval } from "./blocks.ts";
import { figureCells, figureColumns, headBlocks } from "./head-blocks.ts";
import type { LearningCurve } from "./learning-curve.ts";
import { learningCurvePlot } from "./plots.ts";
import type { HeadReport, Report } from "./report.ts";

/** The blocks of a report, in order. It holds labels and figures, and no text of any message. */
export function reportBlocks(report: Report): Block[] {
  const { model, data, at, messages, notes, heads, curve } = report;
  const day = at.toISOString().slice(0, 10);
  return [
    { kind: "heading", level: 1, text: `How good ${model} is on ${data}` },
    paragraph(`${number(messages)} labelled messages, judged on ${day}.`),
    ...(notes.length > 0 ? [{ kind: "list", items: notes } as const] : []),
    ...(heads.length > 0 ? [overview(heads)] : []),
    ...heads.flatMap(headBlocks),
    ...(curve ? curveBlocks(curve) : []),
    ...legend(heads),
  ];
}

function overview(heads: readonly HeadReport[]): Block {
  const rows = heads.map(({ head, figures }) => [
    head,
    ...figureCells(figures),
    percent(figures.majority.share),
  ]);
  return table("All heads", ["Head", ...figureColumns, "Majority"], rows);
}

function curveBlocks({ train, test, repeats, heads }: LearningCurve): Block[] {
  const heading: Block = { kind: "heading", level: 2, text: "Learning curve" };
  if (heads.length === 0) {
    return [heading, paragraph("The messages are too few, or too alike, for a learning curve.")];
  }
  const rows = heads.flatMap(({ head, points, asIs }) =>
    points.map(({ size, mean, spread, least, most }) => [
      head,
      number(size),
      ...[mean, spread, least, most].map(percent),
      asIs ? withInterval(asIs) : "–",
    ]),
  );
  return [
    heading,
    paragraph(
      `A model trained from nothing on some of ${number(train)} messages, ${repeats} times for each size, and judged on ${number(test)} others. Near-duplicates never lie on both sides.`,
    ),
    {
      kind: "plots",
      plots: heads.map((curve) => ({
        title: curve.head,
        caption: "The band is one standard deviation each way; the dashed line is the model in use.",
        svg: learningCurvePlot(`${curve.head}: learning curve`, curve),
      })),
    },
    table(
      "Learning curve",
      ["Head", "Learnt from", "Right, mean", "Spread", "Least", "Most", "The model in use"],
      rows,
    ),
  ];
}

function legend(heads: readonly HeadReport[]): Block[] {
  if (heads.length === 0) return [];
  return [
    { kind: "heading", level: 2, text: "What the figures mean" },
    {
      kind: "list",
      items: [
        "Numbers in brackets are 95 % intervals (Wilson): the true share lies there in 95 of 100 cases.",
        "Macro-F1: the mean over all labels of F1, which joins precision and recall. Rare labels count as much as frequent ones.",
        "ECE: how far confidence and truth lie apart, in 15 bins of equal width. Small samples show some 0.02 to 0.1 in any case.",
        "Coverage at 95 %: the largest share of answers, the most confident first, of which 95 in 100 are right.",
        "Abstained: the model did not apply its label by itself. Wrong of applied: of the labels that it did apply.",
        "Majority: the share right if the most frequent label were always given.",
      ],
    },
  ];
}
