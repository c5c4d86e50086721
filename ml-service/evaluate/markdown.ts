/** A report as Markdown; plots are left out, since tables say the same. */
import type { Block } from "./blocks.ts";
import type { Report } from "./report.ts";
import { reportBlocks } from "./report-blocks.ts";

/** A report as Markdown, for a terminal or a page. */
export function renderMarkdown(report: Report): string {
  return `${reportBlocks(report).flatMap(render).join("\n\n")}\n`;
}

function render(block: Block): string[] {
  switch (block.kind) {
    case "heading":
      return [`${"#".repeat(block.level)} ${escapeMarkdown(block.text)}`];
    case "text":
      return [escapeMarkdown(block.text)];
    case "list":
      return [block.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n")];
    case "table":
      return block.rows.length > 0
        ? [`**${escapeMarkdown(block.name)}**`, table([block.columns, ...block.rows])]
        : [];
    case "plots":
      return [];
  }
}

/** Columns are padded, so that it can be read as it is. */
function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(escapeMarkdown));
  const widths = (cells[0] ?? []).map((_, at) => Math.max(3, ...cells.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, at) => (at === 0 ? (row[at] ?? "").padEnd(width) : (row[at] ?? "").padStart(width))).join(" | ")} |`;
  const [heading = [], ...body] = cells;
  const rule = `| ${widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(heading), rule, ...body.map(line)].join("\n");
}

/** Labels come from outside: none may end a cell, start a tag or make a link, and none holds a control character. */
function escapeMarkdown(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").replace(/[\\`*_[\]<>|#]/g, "\\$&");
}
