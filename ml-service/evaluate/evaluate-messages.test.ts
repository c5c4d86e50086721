/** From labelled messages to a report, with a model trained in this test; and the report as a page in a real browser. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessibilityFaults, launchBrowser } from "../../core/testing/browser.ts";
import { describeWith } from "../../core/testing/system-packages.ts";
import { classifierOf } from "../classifier.ts";
import { headLabels } from "../labels.ts";
import { trainSmall } from "../train/small-model.ts";
import { evaluateMessages } from "./evaluate-messages.ts";
import { renderHtml } from "./html.ts";
import type { LabelledMessage } from "./labelled-file.ts";
import { renderMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";

const hostile = '<img src=x onerror="alert(1)">|[a](b)\u0007';
const texts = [
  ["Where is my parcel, it should have come on monday", "shipping", "question"],
  ["Wo ist mein Paket, es sollte am Montag ankommen", "shipping", "question"],
  ["I was charged twice on my invoice, please refund me", "billing", "incident"],
  ["Please cancel my order, I ordered the wrong size", "Orders", "request"],
  ["Не могу войти в аккаунт, пароль не подходит", "account", "problem"],
] as const;
const messages = Array.from({ length: 60 }, (_, at): LabelledMessage => {
  const [text, department, type] = texts[at % texts.length] ?? texts[0];
  return {
    subject: at % 2 ? "Hello" : null,
    text: `${text}, ${at} ${(at * 7919).toString(36)}`,
    labels: { department: at === 9 ? hostile : department, type, priority: "P1" },
    language: null,
  };
});

const model = trainSmall();
const options = {
  classifier: classifierOf(model),
  labels: headLabels,
  company: "acme",
  data: "tickets <1>.csv",
  at: new Date("2026-11-20T12:00:00Z"),
  notes: ["2 rows were left out."],
};
let report: Report;
beforeAll(async () => {
  report = await evaluateMessages(messages, { ...options, curve: true });
});

describe("a report", () => {
  test("judges each head by the labels that there are, whatever their case", () => {
    expect(report.heads.map(({ head, figures }) => [head, figures.rows])).toEqual([
      ["type", 60],
      ["department", 60],
    ]);
    const department = report.heads[1]?.figures;
    expect(department?.accuracy.share).toBeGreaterThan(0.5);
    expect(department?.labels.map(({ label }) => label)).toContain("orders");
    expect(department?.firstThree?.of).toBe(60);
  });

  test("says what it did not judge, what counts as wrong and what is near-duplicate", () => {
    const notes = report.notes.join("\n");
    expect(notes).toContain("2 rows were left out.");
    expect(notes).toMatch(/priority: not judged.*P1 60.*low, normal, high, urgent/);
    expect(notes).toMatch(
      /department: labels that the model does not have count as wrong: <img.* 1\. Rename/,
    );
    expect(notes).toMatch(/\d+ messages are near-duplicates/);
  });

  test("tells languages apart, and few of one are counted among the others", () => {
    const languages = report.heads[0]?.languages.map(({ language, figures }) => [language, figures.rows]);
    expect(languages).toEqual([
      ["en", 36],
      ["others", 24],
    ]);
  });

  test("chooses no threshold by answers that were abstained from for another reason", async () => {
    const russian = messages.filter(({ text }) => text.startsWith("Не")).length;
    const classifier = classifierOf({ ...model, header: { ...model.header, languages: ["en", "de"] } });
    const { heads } = await evaluateMessages(messages, { ...options, classifier });
    expect(heads[0]?.figures.rows).toBe(60);
    expect(heads[0]?.choice.coverage.of).toBe(60 - russian);
  });

  test("draws a curve for every head, a foreign one as well", () => {
    expect(report.curve?.heads.map(({ head, asIs }) => [head, asIs !== null])).toEqual(
      expect.arrayContaining([
        ["priority", false],
        ["department", true],
      ]),
    );
  });
});

test("Markdown has tables that no label can break out of", () => {
  const markdown = renderMarkdown(report);
  expect(markdown).toMatch(/^# How good small@2.0.0 is on tickets \\<1\\>.csv\n\n60 labelled messages/);
  expect(markdown).toContain("| department ");
  expect(markdown).not.toContain("\u0007");
  const row = markdown.split("\n").find((line) => line.startsWith("| \\<img"));
  expect(row?.replaceAll("\\|", "").match(/\|/g)).toHaveLength(6);
});

test("without anything to judge it is still a report", () => {
  const empty = { ...report, heads: [], curve: null };
  expect(renderMarkdown(empty)).toContain("60 labelled messages");
  expect(renderHtml(empty)).toContain("</html>");
});

describeWith("chromium", "the page of a report", (chromium) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser(chromium);
  });
  afterAll(() => browser?.close());
  // One head is enough to look at: the others have the same parts.
  const html = () => renderHtml({ ...report, heads: report.heads.slice(1) });

  test.each([
    { colorScheme: "light", width: 1200 },
    { colorScheme: "dark", width: 400 },
  ] as const)("is whole, readable and needs nothing else ($colorScheme, $width px)", async (look) => {
    const page = await browser.newPage({
      colorScheme: look.colorScheme,
      viewport: { width: look.width, height: 900 },
    });
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.setContent(html());
    expect(await page.title()).toBe("How good small@2.0.0 is on tickets <1>.csv");
    expect(await page.locator("img, script, a").count()).toBe(0);
    expect(await page.getByRole("img", { name: "department: confusion of labels" }).count()).toBe(1);
    // Three for the head that was judged, and one curve for each that was learnt.
    expect(await page.locator("svg").count()).toBe(3 + 3);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.width);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });
});
