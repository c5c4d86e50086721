/** Which labels are taken for which, as a heat map in SVG. */
import type { Confusion } from "./confusion.ts";
import { escapeXml, round, svg, text, width } from "./svg.ts";

/** Room for the labels, left and above. */
const labelRoom = 96;
/** Room for the last label above, which leans to the right. */
const turnedRoom = 28;
/** Longer labels are cut; the whole one is shown to a pointer. */
const longest = 14;
/** Cells of a few labels do not grow beyond those of so many. */
const fewestCells = 6;

/** Rows are right labels; a row's shades add up to one, so that rare labels can be read as well. */
export function confusionPlot(label: string, { labels, others, counts }: Confusion): string {
  const names = others ? [...labels, "all others"] : [...labels];
  const cell = (width - labelRoom - turnedRoom) / Math.max(fewestCells, names.length);
  const parts = names.flatMap((name, row) => {
    const middle = labelRoom + (row + 0.5) * cell;
    const own = counts[row] ?? [];
    const sum = own.reduce((total, count) => total + count, 0);
    return [
      text({ x: labelRoom - 6, y: middle + 4 }, cut(name), { anchor: "end" }),
      text({ x: middle + 4, y: labelRoom - 6 }, cut(name), { anchor: "start", turn: -70 }),
      ...own.flatMap((count, column) => {
        const left = labelRoom + column * cell;
        const shade = sum === 0 ? 0 : (0.6 * count) / sum;
        const title = `${name} taken for ${names[column]}: ${count} of ${sum}`;
        return [
          `<rect class="${row === column ? "cell own" : "cell"}" x="${round(left + 0.5)}" y="${round(middle - cell / 2 + 0.5)}" width="${round(cell - 1)}" height="${round(cell - 1)}" fill-opacity="${Math.round(100 * shade) / 100}"><title>${escapeXml(title)}</title></rect>`,
          ...(count > 0
            ? [text({ x: left + cell / 2, y: middle + 4 }, short(count), { style: "count" })]
            : []),
        ];
      }),
    ];
  });
  return svg(label, parts, { width, height: round(labelRoom + names.length * cell + 6) });
}

function cut(name: string): string {
  return name.length > longest ? `${name.slice(0, longest - 1).toWellFormed()}…` : name;
}

/** A number that fits into a cell. */
function short(count: number): string {
  return count < 10_000 ? String(count) : `${Math.round(count / 1_000)}k`;
}
