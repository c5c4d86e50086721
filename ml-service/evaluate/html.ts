/** A report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. */
import type { Block } from "./blocks.ts";
import type { Report } from "./report.ts";
import { reportBlocks } from "./report-blocks.ts";
import { escapeXml } from "./svg.ts";

/** A report as a page, for light and dark, narrow and wide screens, and paper. */
export function renderHtml(report: Report): string {
  const title = escapeXml(`How good ${report.model} is on ${report.data}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
${reportBlocks(report).map(render).filter(Boolean).join("\n")}
</main>
</body>
</html>
`;
}

function render(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h${block.level}>${escapeXml(block.text)}</h${block.level}>`;
    case "text":
      return `<p>${prose(block.text)}</p>`;
    case "list":
      return `<ul>${block.items.map((item) => `<li>${prose(item)}</li>`).join("")}</ul>`;
    case "table":
      return block.rows.length > 0 ? table(block) : "";
    case "plots":
      return `<div class="plots">${block.plots
        .map(
          ({ title, caption, svg }) =>
            `<figure><figcaption><b>${escapeXml(title)}</b> ${escapeXml(caption)}</figcaption>${svg}</figure>`,
        )
        .join("")}</div>`;
  }
}

/** A number stays on one line with its unit. */
function prose(text: string): string {
  return escapeXml(text).replaceAll(" %", "\u00A0%");
}

function table({ name, columns, rows }: Extract<Block, { kind: "table" }>): string {
  const heading = columns.map((column) => `<th scope="col">${escapeXml(column)}</th>`).join("");
  const body = rows.map(([first = "", ...others]) => {
    const cells = others.map((cell) => `<td>${escapeXml(cell)}</td>`).join("");
    return `<tr><th scope="row">${escapeXml(first)}</th>${cells}</tr>`;
  });
  // What is wider than the screen scrolls by itself, by keyboard as well.
  return `<div class="wide" role="region" tabindex="0" aria-label="${escapeXml(name)}"><table><caption>${escapeXml(name)}</caption><thead><tr>${heading}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

const style = `
:root { --paper: #ffffff; --ink: #17202b; --soft: #566273; --rule: #d9dfe7; --data: #2563b8; --mark: #b3401d; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #12171e; --ink: #e5eaf1; --soft: #a3afbf; --rule: #333d4a; --data: #6ea3ef; --mark: #f0906c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 16px; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
p, li { max-width: 70ch; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 16px; margin: 1rem 0; }
figure { margin: 0; max-width: 480px; break-inside: avoid; }
figcaption { font-size: 0.875rem; color: var(--soft); }
figcaption b { color: var(--ink); display: block; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--soft); }
svg .axis { font-size: 13px; }
svg .count { fill: var(--ink); font-size: 11px; }
.grid { stroke: var(--rule); }
.bar, .cell { fill: var(--data); }
.cell { stroke: var(--rule); }
.cell.own { stroke: var(--soft); }
.whisker { stroke: var(--ink); stroke-width: 1.5; }
.dashed { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 5 4; }
.curve { fill: none; stroke: var(--data); stroke-width: 2; stroke-linejoin: round; }
.band { fill: var(--data); fill-opacity: 0.2; }
.point { fill: var(--data); }
.dot { fill: var(--mark); }
.wide { display: inline-block; max-width: 100%; margin: 1rem 0; padding-right: 32px; vertical-align: top; overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 4px; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
@media print {
  :root { --paper: #ffffff; --ink: #000000; --soft: #333333; --rule: #bbbbbb; --data: #2563b8; --mark: #b3401d; }
  main { max-width: none; padding: 0; }
  body { font-size: 9pt; }
  table, figcaption { font-size: 7.5pt; }
  .plots { grid-template-columns: repeat(3, 1fr); }
  .wide { overflow: visible; padding-right: 12px; }
  th, td { padding: 2px 4px; }
  tr { break-inside: avoid; }
  h2, caption { break-after: avoid; }
  .bar, .cell, .band { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
