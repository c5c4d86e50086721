/** The parts that all plots are made of: an SVG of fixed size with axes, drawn in the page's colours. */

export const width = 420;
export const height = 300;
/** Where the data lie within the picture. */
export const area = { left: 62, top: 14, right: 396, bottom: 252 } as const;

/** A tick at a place from 0 (left, bottom) to 1. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

export const x = (place: number) => round(area.left + place * (area.right - area.left));
export const y = (place: number) => round(area.bottom - place * (area.bottom - area.top));
export const round = (value: number) => Math.round(value * 10) / 10;

/** Makes a text safe within elements and attributes of HTML and SVG. */
export function escapeXml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // Control characters are not allowed in XML, however they are written.
      .replace(/[^\P{Cc}\t\n\r]/gu, "")
  );
}

/** @param label what a screen reader says; the texts inside are not read one by one */
export function svg(label: string, parts: readonly string[], size = { width, height }): string {
  return `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escapeXml(label)}">${parts.join("")}</svg>`;
}

/** @param options.anchor start, middle or end */
export function text(
  at: { x: number; y: number },
  content: string,
  options: { anchor?: string; style?: string; turn?: number } = {},
): string {
  const { anchor = "middle", style = "tick", turn = 0 } = options;
  const turned = turn === 0 ? "" : ` transform="rotate(${turn} ${round(at.x)} ${round(at.y)})"`;
  return `<text class="${style}" x="${round(at.x)}" y="${round(at.y)}" text-anchor="${anchor}"${turned}>${escapeXml(content)}</text>`;
}

export function line(from: readonly [number, number], to: readonly [number, number], style: string): string {
  return `<line class="${style}" x1="${from[0]}" y1="${from[1]}" x2="${to[0]}" y2="${to[1]}"/>`;
}

export function path(points: readonly (readonly [number, number])[], style: string, closed = false): string {
  const steps = points.map(([px, py], at) => `${at === 0 ? "M" : "L"}${px} ${py}`).join("");
  return `<path class="${style}" d="${steps}${closed ? "Z" : ""}"/>`;
}

/** Grid, ticks and titles of both axes. */
export function axes(
  horizontal: { title: string; ticks: readonly Tick[] },
  vertical: { title: string; ticks: readonly Tick[] },
): string[] {
  return [
    ...vertical.ticks.flatMap(({ at, text: name }) => [
      line([area.left, y(at)], [area.right, y(at)], "grid"),
      text({ x: area.left - 6, y: y(at) + 4 }, name, { anchor: "end" }),
    ]),
    ...horizontal.ticks.flatMap(({ at, text: name }) => [
      line([x(at), area.bottom], [x(at), area.bottom + 4], "grid"),
      text({ x: x(at), y: area.bottom + 18 }, name),
    ]),
    text({ x: (area.left + area.right) / 2, y: height - 8 }, horizontal.title, { style: "axis" }),
    text({ x: 13, y: (area.top + area.bottom) / 2 }, vertical.title, { style: "axis", turn: -90 }),
  ];
}

/** Ticks from 0 to a highest value, as percentages. */
export function percentTicks(highest: number, count: number): Tick[] {
  return Array.from({ length: count + 1 }, (_, at) => ({
    at: at / count,
    text: `${Math.round((1_000 * highest * at) / count) / 10} %`,
  }));
}
