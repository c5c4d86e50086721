/** Reliability, risk–coverage and learning curve as SVG, without a library: they must stand in a page of their own. */
import type { Bin } from "./calibration.ts";
import type { HeadFigures } from "./figures.ts";
import type { LearningCurve } from "./learning-curve.ts";
import { promised } from "./report.ts";
import type { CoveragePoint } from "./risk-coverage.ts";
import { area, axes, line, path, percentTicks, round, svg, type Tick, text, x, y } from "./svg.ts";

/** More points cannot be told apart. */
const mostPoints = 200;
/** The first few answers say nothing of the risk, and their curve hides the rest. */
const leastApplied = 10;

/** Bars with their intervals beside the line of honest confidences. */
export function reliabilityPlot(label: string, bins: readonly Bin[]): string {
  const most = Math.max(1, ...bins.map(({ right }) => right.of));
  const bars = bins
    .filter(({ right }) => right.of > 0)
    .flatMap(({ from, to, claimed, right }) => {
      const shade = round(0.25 + 0.65 * Math.sqrt(right.of / most));
      const [left, top] = [x(from) + 1, y(right.share)];
      return [
        `<rect class="bar" x="${round(left)}" y="${top}" width="${round(x(to) - left - 1)}" height="${round(area.bottom - top)}" fill-opacity="${shade}"/>`,
        line([x(claimed), y(right.low)], [x(claimed), y(right.high)], "whisker"),
      ];
    });
  const ticks = percentTicks(1, 4);
  return svg(label, [
    ...axes({ title: "confidence", ticks }, { title: "right", ticks }),
    ...bars,
    line([x(0), y(0)], [x(1), y(1)], "dashed"),
  ]);
}

/** The share of wrong answers as more and more are applied. */
export function riskCoveragePlot(label: string, figures: HeadFigures): string {
  const { curve, abstained, wrongOfApplied } = figures;
  const shown = thin(curve.filter(({ applied }) => applied >= Math.min(leastApplied, figures.rows)));
  const set = { coverage: 1 - abstained.share, risk: wrongOfApplied.share };
  const highest = ceiling(Math.max(2 * promised.risk, set.risk, ...shown.map(({ risk }) => risk)));
  const place = ({ coverage, risk }: { coverage: number; risk: number }) =>
    [x(coverage), y(risk / highest)] as const;
  const bar = y(promised.risk / highest);
  const [dotX, dotY] = place(set);
  return svg(label, [
    ...axes(
      { title: "share of answers applied", ticks: percentTicks(1, 4) },
      { title: "wrong", ticks: percentTicks(highest, 4) },
    ),
    line([area.left, bar], [area.right, bar], "dashed"),
    text({ x: area.left + 4, y: bar - 5 }, `${100 * promised.risk} %`, { anchor: "start" }),
    path(shown.map(place), "curve"),
    ...(wrongOfApplied.of > 0 ? [`<circle class="dot" cx="${dotX}" cy="${dotY}" r="5"/>`] : []),
  ]);
}

/** Mean and spread of the share right, over a logarithmic scale of sizes. */
export function learningCurvePlot(label: string, { points, asIs }: LearningCurve["heads"][number]): string {
  const sizes = points.map(({ size }) => size);
  const [least, most] = [Math.log(sizes[0] ?? 1), Math.log(sizes.at(-1) ?? 1)];
  const at = (size: number) => (most > least ? (Math.log(size) - least) / (most - least) : 0.5);
  const clamp = (share: number) => Math.min(1, Math.max(0, share));
  const above = points.map(({ size, mean, spread }) => [x(at(size)), y(clamp(mean + spread))] as const);
  const below = points.map(({ size, mean, spread }) => [x(at(size)), y(clamp(mean - spread))] as const);
  return svg(label, [
    ...axes(
      { title: "messages learnt from", ticks: sizeTicks(sizes, at) },
      { title: "right", ticks: percentTicks(1, 4) },
    ),
    path([...above, ...below.reverse()], "band", true),
    ...(asIs ? [line([area.left, y(asIs.share)], [area.right, y(asIs.share)], "dashed")] : []),
    path(
      points.map(({ size, mean }) => [x(at(size)), y(mean)] as const),
      "curve",
    ),
    ...points.map(({ size, mean }) => `<circle class="point" cx="${x(at(size))}" cy="${y(mean)}" r="3"/>`),
  ]);
}

/** Names of sizes, but for those that would touch the one before. */
function sizeTicks(sizes: readonly number[], at: (size: number) => number): Tick[] {
  const ticks: Tick[] = [];
  for (const size of [...sizes].reverse()) {
    const place = at(size);
    if (ticks.every((tick) => Math.abs(tick.at - place) > 0.1)) {
      ticks.push({ at: place, text: size.toLocaleString("en") });
    }
  }
  return ticks;
}

function thin(points: readonly CoveragePoint[]): CoveragePoint[] {
  const step = Math.max(1, points.length / mostPoints);
  const kept = Array.from(
    { length: Math.floor(points.length / step) },
    (_, at) => points[Math.floor(at * step)],
  );
  return [...kept, points.at(-1)].filter((point) => point !== undefined);
}

/** The next round share: 10, 20, 40, 60, 80 or 100 %. */
function ceiling(share: number): number {
  return [0.1, 0.2, 0.4, 0.6, 0.8].find((round) => share <= round) ?? 1;
}
