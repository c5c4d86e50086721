import { describe, expect, test } from "vitest";
import { cutAtParagraphs, firstHeading, sectionsOf, toPlainText } from "./markdown.ts";

describe("toPlainText", () => {
  test("keeps lists and tables readable and turns links into text with the address", () => {
    const markdown = [
      "Some **bold**, _slanted_ and `code` text",
      "that goes on, see [our page](https://shop.example/a) or <https://shop.example>.",
      "",
      "* one",
      "* two, which",
      "  goes on",
      "1. first",
      "",
      "| Where | Price |",
      "|---|--:|",
      "| EU | €5 |",
    ].join("\n");
    expect(toPlainText(markdown, { unwrap: true })).toBe(
      [
        "Some bold, slanted and code text that goes on, see our page (https://shop.example/a) or https://shop.example.",
        "",
        "- one",
        "- two, which goes on",
        "1. first",
        "",
        "Where – Price",
        "EU – €5",
      ].join("\n"),
    );
  });

  test("keeps the line breaks of a macro and the underscores of a name", () => {
    expect(toPlainText("Kind regards\nfile_name_here", { unwrap: false })).toBe(
      "Kind regards\nfile_name_here",
    );
  });

  test("closes headings, joins nothing to them, and reads nested quotes and images", () => {
    const markdown = '## Prices ##\nof a > b\n\n> > quoted\n\n[![logo](a.png "A")](https://shop.example)';
    expect(toPlainText(`${markdown}\n<!-- a\n# note -->\nend`, { unwrap: true })).toBe(
      "Prices\nof a > b\n\nquoted\n\nlogo (https://shop.example)\n\nend",
    );
  });

  test("leaves a line that is too long for a paragraph as it is", () => {
    const line = `# ${"**word** ".repeat(500)}end`;
    expect(toPlainText(`${line}\n`, { unwrap: true })).toBe(line);
  });
});

describe("hostile articles", () => {
  const size = 200_000;
  const fill = (unit: string, length: number) =>
    unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  const units = [
    ..." #-*_[<`>|!\\\t\u2028~",
    ...["![", "](", "[](", "![](", "[a](b ", '[](a "', "| ", "* ", "- ", "> ", "_a ", "**a ", "__a ", "**a"],
    ...["`a ``b ", "<a", "<a@", "<!--", "<!-- -", "a\n", "# a\n", "```\n", " \n", "\n"],
  ];
  const heads = ["", "# a", "- ", "| ", "`".repeat(2_000), "text"];

  test.each(units)("of %j are read in time that grows with their length only", (unit) => {
    for (const head of heads) {
      const long = `${head}${fill(unit, size)}x`;
      const line = `${head}${fill(unit, 3_998 - head.length)}x`;
      for (const markdown of [long, fill(`${line}\n`, size)]) {
        const started = performance.now();
        firstHeading(markdown);
        sectionsOf(markdown, "T");
        toPlainText(markdown, { unwrap: false });
        expect(performance.now() - started, `after ${head.slice(0, 5)}`).toBeLessThan(1_000);
      }
    }
  });
});

describe("sectionsOf", () => {
  test("does not take a comment in a code block for a heading", () => {
    expect(sectionsOf("# T\n\n```\n# not a heading\n```\n\n## B\n\ntext", "T")).toEqual([
      { heading: null, text: "# not a heading" },
      { heading: "B", text: "text" },
    ]);
  });
});

describe("cutAtParagraphs", () => {
  test("never cuts a character in two and loses no text", () => {
    const pieces = cutAtParagraphs("😀".repeat(100), 33);
    expect(pieces.every((piece) => piece.isWellFormed() && piece.length <= 33)).toBe(true);
    expect(pieces.join("")).toBe("😀".repeat(100));
  });
});
