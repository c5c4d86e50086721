import { describe, expect, test } from "vitest";
import { normalise } from "./features.ts";
import { applyPriorityRules, priorityRules } from "./priority-rules.ts";

const rulesFor = (text: string) => applyPriorityRules(normalise(null, text));

describe("priority rules", () => {
  test.each([
    ["Your site is down since 9:00!", "urgent", "outage"],
    ["Сайт не работает уже час", "urgent", "outage"],
    ["Das System ist nicht erreichbar", "urgent", "outage"],
    ["My account was HACKED", "urgent", "security"],
    ["Мой аккаунт взломали!!!", "urgent", "security"],
    ["I was charged twice", "high", "payment failed"],
    ["Мне дважды списали деньги", "high", "payment failed"],
    ["Mir wurde der Betrag doppelt abgebucht.", "high", "payment failed"],
    ["You will hear from my lawyer", "high", "legal threat"],
    ["Буду обращаться в суд", "high", "legal threat"],
    ["Ich gehe zur Verbraucherzentrale", "high", "legal threat"],
    ["I need it by tomorrow", "high", "deadline"],
    ["нужно до завтра", "high", "deadline"],
    ["Это очень срочно", "high", "said to be urgent"],
  ])("%j is at least %s because of %j", (text, raisesTo, rule) => {
    const result = rulesFor(text);
    expect(result.raisesTo).toBe(raisesTo);
    expect(result.rules).toContain(rule);
  });

  test.each([
    "This is not urgent, answer whenever you like",
    "Это не срочно",
    "Das ist nicht dringend, es eilt nicht",
    "Where can I download the invoice?",
    "I sat down on the chair",
    "",
  ])("none fires for %j", (text) => {
    expect(rulesFor(text)).toEqual({ raisesTo: null, rules: [] });
  });

  test("take the highest priority where several fire", () => {
    expect(rulesFor("Urgent: the server is down").raisesTo).toBe("urgent");
  });

  test("have phrases in three languages, each of which fires its own rule", () => {
    for (const { name, phrases } of priorityRules) {
      for (const [language, list] of Object.entries(phrases)) {
        expect(list.length, `${name} in ${language}`).toBeGreaterThan(0);
        for (const phrase of list)
          expect(rulesFor(phrase.replaceAll("*", "x")).rules, phrase).toContain(name);
      }
    }
  });
});
