import path from "node:path";
import { describe, expect, test } from "vitest";
import type { DraftRequest } from "./drafter.ts";
import { loadKnowledge } from "./knowledge.ts";
import { createOfflineDrafter } from "./offline.ts";
import { phrases } from "./phrases.ts";
import { greetableName } from "./question.ts";

const demo = path.join(import.meta.dirname, "../../config/companies/demo");
const knowledge = await loadKnowledge({
  knowledgeDir: path.join(demo, "knowledge"),
  macrosDir: path.join(demo, "macros"),
});
const drafter = createOfflineDrafter({ knowledge });
const at = new Date("2026-03-02T10:00:00Z");

function ask(text: string, fields: Partial<DraftRequest> = {}): DraftRequest {
  return {
    company: "demo",
    companyName: "Fjordline Outdoor",
    conversation: [{ from: "requester", name: null, text, at }],
    subject: null,
    requesterName: null,
    language: null,
    labels: null,
    ...fields,
  };
}

const draft = (request: DraftRequest) => drafter.draft(request, new AbortController().signal);

describe("createOfflineDrafter", () => {
  test("answers from the fitting article, names it, and says that no LLM wrote the draft", async () => {
    const result = await draft(ask("How long does delivery to Norway take?", { requesterName: "Ann Lee" }));
    expect(result.text).toMatch(/^Hello Ann Lee,\n\nThank you for your message\./);
    expect(result.text).toContain("Norway, Switzerland, United Kingdom – 5–8 working days");
    expect(result.text).toContain("(https://fjordline.example/help/delivery)");
    expect(result.text).toMatch(/Kind regards\nFjordline Outdoor$/);
    expect(result.text).not.toMatch(/\*\*|\]\(|^#/m);
    expect(result).toMatchObject({ writtenBy: "offline", language: "en", usage: null });
    expect(result.sources[0]).toMatchObject({ path: "knowledge/en/delivery.md" });
    expect(result.notes).toEqual([expect.stringContaining("No LLM wrote this draft")]);
  });

  test("answers in the customer's language, told or detected", async () => {
    const russian = await draft(
      ask("Как оформить возврат товара, если не подошёл размер?", { requesterName: "Анна" }),
    );
    expect(russian.language).toBe("ru");
    expect(russian.text).toMatch(/^Здравствуйте, Анна!/);
    const german = await draft(ask("Rücksendung", { language: "de" }));
    expect(german.text).toMatch(/^Guten Tag,\n\nvielen Dank/);
    expect(german.sources[0]?.path).toBe("knowledge/de/rueckgabe.md");
  });

  test("takes a macro as the whole reply where one of its keywords is said, with or without a name", async () => {
    const text = "My parcel is stuck, the tracking has not changed for a week";
    const named = await draft(ask(text, { requesterName: "Ann" }));
    expect(named.text).toMatch(/^Hello Ann,\n\nI am sorry that your parcel/);
    expect(named.text).toMatch(/Kind regards\nFjordline Outdoor$/);
    expect(named.sources.map((source) => source.path)).toEqual(["macros/en/late-parcel.md"]);
    expect((await draft(ask(text))).text).toMatch(/^Hello,\n\n/);
    const russian = await draft(
      ask("Моя посылка потерялась, трек не обновляется уже неделю", { language: "ru" }),
    );
    expect(russian.text).toMatch(/^Здравствуйте!\n/);
  });

  test.each(Object.keys(phrases))("holds without a promise where nothing fits (%s)", async (language) => {
    const result = await draft(ask("Xyzzy plugh?", { language, requesterName: "Kim" }));
    expect(result.text).toContain(phrases[language]?.holding);
    expect(result.text).toContain("Kim");
    expect(result).toMatchObject({ language, sources: [] });
    expect(result.notes[0]).toContain("holding reply");
  });

  test("quotes an article in another language only with a word about it", async () => {
    const result = await draft(ask("PayPal, Klarna, Visa, Mastercard?", { language: "fr" }));
    expect(result.text).toMatch(/^Bonjour,/);
    expect(result.text).toContain("dans une autre langue");
    expect(result.notes.join(" ")).toContain("another language");
  });

  test("acknowledges trouble and urgency by labels that are sure", async () => {
    const labels = (type: string, priority: string, confidence: number) => ({
      type: { value: type, confidence },
      priority: { value: priority, confidence },
      department: { value: "billing", confidence },
    });
    const text = "You charged my card twice";
    expect((await draft(ask(text, { labels: labels("problem", "low", 0.9) }))).text).toContain("I am sorry");
    expect((await draft(ask(text, { labels: labels("question", "urgent", 0.9) }))).text).toContain("urgent");
    expect((await draft(ask(text, { labels: labels("problem", "urgent", 0.2) }))).text).not.toMatch(
      /sorry|urgent/,
    );
  });

  test("reads what came after the last reply, and what was before where that is very short", async () => {
    const conversation = [
      { from: "requester" as const, name: null, text: "Which payment methods do you take, PayPal?", at },
      { from: "agent" as const, name: "Eva", text: "All of them.", at },
      {
        from: "requester" as const,
        name: null,
        text: "How do I wash a tent with mildew on the groundsheet?",
        at,
      },
    ];
    const later = await draft(ask("", { conversation, language: "en" }));
    expect(later.sources[0]?.path).toBe("knowledge/en/tent-care.md");
    const short = conversation.with(2, { from: "requester", name: null, text: "Really?", at });
    const before = await draft(ask("", { conversation: short, language: "en" }));
    expect(before.sources[0]?.path).toBe("knowledge/en/payment.md");
  });

  test("survives empty, huge and broken texts", async () => {
    for (const text of [
      "",
      " ",
      "\ud800",
      "a".repeat(200_000),
      "{{company.name}}",
      "refund ".repeat(28_000),
    ]) {
      const result = await draft(ask(text, { subject: text.slice(0, 500) }));
      expect(result.text.isWellFormed()).toBe(true);
      expect(result.text.length).toBeLessThan(5_000);
    }
  });

  test("stops with the signal", async () => {
    await expect(drafter.draft(ask("Hi"), AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("greetableName", () => {
  test.each(["Ann", "Ann-Marie O’Neil", "Анна Петрова", "José María", "李雷", "Dr. Ann Lee"])(
    "takes %s",
    (name) => {
      expect(greetableName(name)).toBe(name);
    },
  );
  test.each([
    "",
    "http://evil.example",
    "ann@shop.example",
    "evil.example",
    "Win a prize now at our shop today",
    "<b>Ann</b>",
    "{{x}}",
    "12345",
  ])("refuses %s", (name) => {
    expect(greetableName(name)).toBeNull();
  });
});
