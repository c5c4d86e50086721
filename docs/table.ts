/** Markdown tables for the reference pages. */

/** @param rows cells as Markdown; line breaks become spaces, and `|` and `<` are kept from being read as table or HTML */
export function markdownTable(head: string[], rows: readonly string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function cell(text: string): string {
  return text
    .replaceAll("|", "\\|")
    .replaceAll("\n", " ")
    .replace(/(?<![`\\])<(?=[a-z/])/gi, "\\<");
}
