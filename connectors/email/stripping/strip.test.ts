/** Stripping, measured over samples of replies, and tried on what is no quote and on hostile texts. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { stripReply } from "./strip.ts";

interface Sample {
  readonly language: string;
  readonly title: string;
  readonly mail: string;
  readonly expected: string;
}

const folder = new URL("samples/", import.meta.url);

function readSamples(): Sample[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".txt"))
    .flatMap((name) =>
      readFileSync(new URL(name, folder), "utf8")
        .replace(/\\u([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
        .split(/^#### (?!new$)/m)
        .slice(1)
        .map((section) => {
          const [head = "", expected = ""] = section.split(/^#### new$/m);
          const newline = head.indexOf("\n");
          const language = name.slice(0, 2);
          return {
            language,
            title: `${language}: ${head.slice(0, newline)}`,
            mail: head.slice(newline + 1),
            expected: expected.trim(),
          };
        }),
    );
}

const words = (text: string) => text.match(/[\p{L}\p{N}]+/gu) ?? [];

/** Words of `part` that are not in `whole`, counted. */
function missing(part: string, whole: string): string[] {
  const counts = new Map<string, number>();
  for (const word of words(whole)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return words(part).filter((word) => {
    const left = counts.get(word) ?? 0;
    counts.set(word, left - 1);
    return left <= 0;
  });
}

const share = (part: number, of: number) => `${part} of ${of} (${((100 * part) / of).toFixed(1)} %)`;

describe("stripping replies", () => {
  const samples = readSamples();
  const results = samples.map((sample) => ({ ...sample, got: stripReply(sample.mail) }));

  it("keeps exactly the new text in at least 95 % of the samples", () => {
    const exact = results.filter((result) => result.got.text === result.expected);
    console.log(`kept exactly: ${share(exact.length, results.length)}`);
    for (const language of ["en", "ru", "de"]) {
      const of = results.filter((result) => result.language === language);
      console.log(`  ${language}: ${share(of.filter((result) => exact.includes(result)).length, of.length)}`);
      expect(of.length).toBeGreaterThanOrEqual(20);
    }
    for (const result of results) {
      if (!exact.includes(result))
        console.log(`  not exact: ${result.title}\n${result.got.text.slice(0, 400)}\n`);
    }
    expect(samples.length).toBeGreaterThanOrEqual(60);
    expect(exact.length / results.length).toBeGreaterThanOrEqual(0.95);
  });

  it("loses no word of the new text in any sample", () => {
    const losses = results.map((result) => ({
      title: result.title,
      lost: missing(result.expected, result.got.text),
    }));
    expect(losses.filter((loss) => loss.lost.length > 0)).toEqual([]);
  });

  it("puts every word of a mail into one of the two", () => {
    for (const result of results) {
      const both = `${result.got.text}\n${result.got.quoted}`;
      expect({ title: result.title, lost: missing(result.mail, both) }).toEqual({
        title: result.title,
        lost: [],
      });
      expect(words(both).length).toBe(words(result.mail).length);
    }
  });

  it("treats all line endings alike", () => {
    for (const sample of samples) {
      for (const ending of ["\r\n", "\r"]) {
        expect(stripReply(sample.mail.replaceAll("\n", ending))).toEqual(stripReply(sample.mail));
      }
    }
  });
});
