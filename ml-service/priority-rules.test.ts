import { describe, expect, test } from "vitest";
import { builtInRules as namesInConfig } from "../config/classifier-schema.ts";
import type { ClassifierSettings } from "./classify-schema.ts";
import { normalise } from "./features.ts";
import { builtInRules, createPriorityRules, createRuleBook } from "./priority-rules.ts";

const builtIn = createPriorityRules();
const raise = (text: string, rules = builtIn) => rules.apply(normalise(null, text));
const withSettings = (settings: Partial<ClassifierSettings>) =>
  createPriorityRules({ rules: {}, vip: [], ...settings });

describe("the built-in priority rules", () => {
  test.each([
    ["Your site is down since 9:00!", "urgent", "outage"],
    ["Сайт не работает уже час", "urgent", "outage"],
    ["Das System ist nicht erreichbar", "urgent", "outage"],
    ["My account was HACKED", "urgent", "security"],
    ["Мой аккаунт взломали!!!", "urgent", "security"],
    ["I was charged twice", "high", "payment-failed"],
    ["Мне дважды списали деньги", "high", "payment-failed"],
    ["Платёж отклонён банком", "high", "payment-failed"],
    ["Mir wurde der Betrag doppelt abgebucht.", "high", "payment-failed"],
    ["You will hear from my lawyer", "high", "legal"],
    ["I will file a GDPR complaint.", "high", "legal"],
    ["Буду обращаться в суд", "high", "legal"],
    ["Напишу жалобу в ЦБ", "high", "legal"],
    ["Ich gehe zur Verbraucherzentrale", "high", "legal"],
    ["Beschwerde nach DSGVO folgt", "high", "legal"],
    ["I need it by tomorrow", "high", "deadline"],
    ["We need an answer until 5 pm today", "high", "deadline"],
    ["please send it by 5pm", "high", "deadline"],
    ["нужно до завтра", "high", "deadline"],
    ["ответьте до 17:00", "high", "deadline"],
    ["Ich brauche es bis morgen", "high", "deadline"],
    ["Bitte bis 17 Uhr", "high", "deadline"],
    ["This is a breach of our SLA", "high", "sla"],
    ["Нарушение SLA: ответа нет два дня", "high", "sla"],
    ["Laut unserem SLA sind es vier Stunden", "high", "sla"],
    ["Это очень срочно", "high", "said-urgent"],
  ])("raise %j to %s because of %j", (text, raisesTo, rule) => {
    const result = raise(text);
    expect(result.raisesTo).toBe(raisesTo);
    expect(result.rules).toContain(rule);
  });

  test.each([
    "This is not urgent, answer whenever you like",
    "It isn't urgent.",
    "not very urgent",
    "Это не срочно",
    "не очень срочно",
    "Нас не взломали, просто вопрос",
    "Das ist nicht dringend, es eilt nicht",
    "Es eilt wirklich nicht",
    "Kein Notfall",
    "This is no emergency",
    "Where can I download the invoice?",
    "What SLA do you offer?",
    "I sat down on the chair",
    "",
    "* # ...",
  ])("leave %j alone", (text) => {
    expect(raise(text)).toEqual({ raisesTo: null, rules: [] });
  });

  test("are heard beside a negation", () => {
    expect(raise("Nicht dringend, aber bis morgen bitte").rules).toEqual(["deadline"]);
    expect(raise("No! Urgent!").rules).toEqual(["said-urgent"]);
    expect(raise("Der Drucker druckt nicht, dringend!").rules).toEqual(["said-urgent"]);
    expect(raise("It does not. Emergency!").rules).toEqual(["said-urgent"]);
    expect(raise("a, b, c, d, e, f, g").rules).toEqual([]);
    expect(raise("not so urgent").rules).toEqual([]);
  });

  test("take the highest priority where several fire", () => {
    expect(raise("Urgent: the server is down")).toEqual({
      raisesTo: "urgent",
      rules: ["outage", "said-urgent"],
    });
  });

  test("each fire for each of their phrases", () => {
    for (const { name, phrases } of builtInRules) {
      for (const phrase of phrases) {
        const text = phrase.replaceAll("#", "5").replaceAll("*", "x");
        expect(raise(text).rules, phrase).toContain(name);
      }
    }
  });

  test("are those that the config knows", () => {
    expect(builtInRules.map(({ name }) => name)).toEqual([...namesInConfig]);
  });
});

describe("a company", () => {
  test("switches a rule off, and changes what one raises to", () => {
    const rules = withSettings({ rules: { "said-urgent": "off", legal: { raisesTo: "urgent" } } });
    expect(raise("Urgent! My lawyer will write", rules)).toEqual({ raisesTo: "urgent", rules: ["legal"] });
  });

  test("adds phrases to a rule, and keeps the built-in ones", () => {
    const rules = withSettings({ rules: { outage: { phrases: ["Kasse streikt"] } } });
    expect(raise("Die KASSE streikt.", rules).rules).toEqual(["outage"]);
    expect(raise("site is down", rules).rules).toEqual(["outage"]);
  });

  test("adds rules in any language, high where it does not say", () => {
    const rules = withSettings({
      rules: {
        recall: { phrases: ["Rückruf*", "отзыв* партии", "製品 回収"] },
        baby: { raisesTo: "normal", phrases: ["baby * ill", "error #"] },
      },
    });
    expect(raise("Wegen der Rückrufaktion", rules)).toEqual({ raisesTo: "high", rules: ["recall"] });
    expect(raise("Отзывают? отзыва партии", rules).rules).toEqual(["recall"]);
    expect(raise("製品・回収", rules).rules).toEqual(["recall"]);
    expect(raise("my baby is ill", rules)).toEqual({ raisesTo: "normal", rules: ["baby"] });
    expect(raise("baby ill", rules).rules).toEqual(["baby"]);
    expect(raise("baby is very ill", rules).rules).toEqual([]);
    expect(raise("Error 42!", rules).rules).toEqual(["baby"]);
    expect(raise("no error here", rules).rules).toEqual([]);
  });

  test("hears a negation before its own phrases too", () => {
    const rules = withSettings({ rules: { recall: { phrases: ["rückruf"] } } });
    expect(raise("Kein Rückruf nötig", rules).rules).toEqual([]);
  });

  test("knows its VIPs by address or by domain, whatever the capitals", () => {
    const rules = withSettings({ vip: ["Boss@Example.com", "@big.example"] });
    const from = (email: string | null) => rules.apply("hello", { email }).rules;
    expect(from("boss@example.com")).toEqual(["vip"]);
    expect(from("Anyone@BIG.example")).toEqual(["vip"]);
    for (const other of ["other@example.com", "a@notbig.example", "a@sub.big.example", "", null])
      expect(from(other), String(other)).toEqual([]);
    expect(rules.apply("hello").rules).toEqual([]);
  });

  test("sets how high VIPs are raised, or not at all", () => {
    const vip = ["@big.example"];
    const email = "a@big.example";
    const raised = withSettings({ vip, rules: { vip: { raisesTo: "urgent" } } });
    expect(raised.apply("hello", { email }).raisesTo).toBe("urgent");
    expect(withSettings({ vip, rules: { vip: "off" } }).apply("hello", { email }).rules).toEqual([]);
  });
});

test("a rule book follows changes, and compiles nothing anew without one", () => {
  const book = createRuleBook();
  const settings = { rules: { outage: "off" as const }, vip: [] };
  book.read([{ company: "acme" }, { company: "other" }], { acme: settings });
  const first = book.of("acme");
  expect(raise("site is down", first).rules).toEqual([]);
  expect(raise("site is down", book.of("other")).rules).toEqual(["outage"]);
  book.read([{ company: "acme" }], { acme: structuredClone(settings) });
  expect(book.of("acme")).toBe(first);
  book.read([{ company: "acme" }], {});
  expect(raise("site is down", book.of("acme")).rules).toEqual(["outage"]);
});

test("a text that is hard to walk through takes no more than a step or two a letter", () => {
  const rules = withSettings({
    rules: { odd: { phrases: ["a* * a* * a* * a* b", "a* a* a* a* a* a* a* a* c"] } },
  });
  expect(raise("aaaa ".repeat(800), rules).rules).toEqual([]);
});
