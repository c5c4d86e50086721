import { describe, expect, test } from "vitest";
import { cutAtParagraphs, sectionsOf, toPlainText } from "./markdown.ts";

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

  test("takes no exponential time on hostile lines", () => {
    const started = performance.now();
    for (const unit of ["-", "| ", "* ", "[", "](", "`", "<", "_a "]) {
      toPlainText(`${unit.repeat(3_000)}x`, { unwrap: true });
    }
    expect(performance.now() - started).toBeLessThan(2_000);
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
