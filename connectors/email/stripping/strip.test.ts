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

describe("what is no quote and no signature", () => {
  const unchanged: Record<string, string> = {
    "a sentence that begins like an attribution": "On Monday I wrote to you:\nplease cancel order 5.",
    "the same with date and time": "On 20.11.2026 at 10:12 I wrote to you:\nplease cancel order 5.",
    "the same in German":
      "Am 20.11.2026 um 10:12 Uhr schrieb mir Frau Müller:\ndie Ware ist da. Sie ist es nicht.",
    "the same in Russian": "20.11.2026 в 10:12 ваш оператор Анна <a@bank.example> написала:\nждите. Я жду.",
    "a quotation of somebody with a title": "On 20.11.2026 at 10:12 Mr Smith wrote:\nall paid.\nIs that so?",
    "headers as content": "From: Berlin\nTo: Moscow\nDate: 20.11.2026\nWeight: 20 t\nWhat would that cost?",
    "headers as content, with a time":
      "Von: Berlin\nAn: München\nDatum: 20.11.2026 10:00\nBetreff: Transport\nWas kostet das?",
    "prices with a mark": "Which of these?\n> 5 kg\n> 10 kg\n>= 20 kg\nThank you.",
    "a list with marks at the end": "We need:\n> red paint\n> two brushes",
    "marked lines without attribution, with text below": "> The door is locked.\n\nIt is not.",
    "a list of two dashes": "-- first point\n-- second point",
    "a divider": "Question one: is it red?\n--\nQuestion two: is it heavy?",
    "a divider with its space": "Is it red?\n-- \nPlease also tell me how heavy it is.",
    "a greeting with a name": "It works.\n\nMit freundlichen Grüßen\nKarin Beispiel",
    "an order number under a greeting":
      "Where is it?\n\nBest regards\nTom\nOrder number: 4711\nTel. +49 341 123456",
    "a link under a greeting":
      "It looks like this.\n\nС уважением,\nИгорь\nhttps://shots.example/a/81723.png",
    "a signature where a call is asked for": "Please call me.\n\n-- \nTom Baker\n+44 20 7946 0018",
    "text under a signature":
      "Bitte stornieren.\n\nMfG\nK. Beispiel\n\nIch habe noch eine Frage: gilt das auch für Teil 2?",
    "a list of dates": "Termine:\n20.11.2026, 10:12, Anna Schmidt, a@b.example:\nBesichtigung um zwölf",
    "a log": "The log says\n20.11.2026 10:12:33 Server <root@host.example>:\nerror 5\nWhat is that?",
    "a chat": "Here is the chat:\n\nOn 20.11.2026 at 10:12, Anna wrote:\nwe will refund\n\nWhen will you?",
    "a comparison": "--- Original ---\nSofa, rot\n--- Kopie ---\nSofa, blau",
    "a word on mail programs":
      "I wrote the mail from my iPhone and it was lost. Sent from my iPhone it never arrives.",
    "a forwarded mail alone":
      "---------- Forwarded message ---------\nFrom: A <a@b.example>\nDate: Fri, Nov 20, 2026\nSubject: X\n\nText",
    "a quote alone": "On Fri, 20 Nov 2026 at 10:12, Anna Smith <a@b.example> wrote:\n\n> Is it working?",
    "answers in a quote without marks":
      "Hi Anna,\n\nOn Fri, 20 Nov 2026 at 10:12, Anna Smith <a@b.example> wrote:\n\nIs it red?\nYes, it is.",
  };
  for (const [name, text] of Object.entries(unchanged)) {
    it(`leaves ${name} as it is`, () => {
      expect(stripReply(text)).toEqual({ text, quoted: "" });
    });
  }

  it("gives an empty text for a mail without words, and trims what is invisible", () => {
    expect(stripReply("")).toEqual({ text: "", quoted: "" });
    expect(stripReply(" \u200b\r\n\u00a0\ufeff\r\n")).toEqual({ text: "", quoted: "" });
    expect(stripReply("\ufeff\u200b\r\n\r\nHello  there\r\n\u00a0\r\n")).toEqual({
      text: "Hello  there",
      quoted: "",
    });
  });
});

describe("hostile texts of half a megabyte", () => {
  const fill = (piece: string) => piece.repeat(Math.ceil(500_000 / piece.length));
  const hostile: Record<string, string> = {
    "beginnings of attributions": fill("On \n"),
    "attributions that are none": fill("On 20.11.2026 10:12, Anna Smith and so on:\n"),
    "attributions that never end": fill("On Fri, 20 Nov 2026 at 10:12, Anna Smith\n"),
    "digits after On": fill(`On ${"1".repeat(380)}:\n`),
    "addresses after On": fill(`On ${"a@b ".repeat(90)}:\n`),
    "quote marks on one line": fill(">"),
    "quote marks on many lines": fill(">\n"),
    "doubtful quote marks": fill("> 5\n"),
    "quotes and answers by turns": `On 20.11.26 10:12, A wrote:\n${fill("> a\nb\n\n")}`,
    "one quote of many lines": `x\n${fill(">a\n")}\nb`,
    "own lines of many marks": `x:\n${fill("> a\n")}`,
    spaces: fill(" "),
    "long lines of spaces": fill(`${" ".repeat(999)}\n`),
    "no-break spaces": fill("\u00a0"),
    "invisible characters": fill("\u200b"),
    "empty lines": fill("\n"),
    "mobile signatures": fill("Sent from my iPhone\n"),
    delimiters: fill("-- \n"),
    "greetings with numbers": fill("Best regards,\n+49 123 456789\n"),
    "headers that are no block": fill("From: a\nTo: b\n\n"),
    rules: fill("______________\n"),
    "one long word": fill("a"),
    "at signs": fill("a@"),
    "hints at what is below": `${fill("see a b c siehe a b c ")}\n\nOn 20.11.26 10:12, A wrote:\n> x`,
  };
  for (const [name, text] of Object.entries(hostile)) {
    it(`are through in time: ${name}`, () => {
      const start = performance.now();
      const { text: kept, quoted } = stripReply(text);
      expect(performance.now() - start).toBeLessThan(2000);
      expect(kept.length + quoted.length).toBeLessThanOrEqual(text.length + 4);
    });
  }
});
