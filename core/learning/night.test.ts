import { expect, test } from "vitest";
import { lastNight } from "./night.ts";

test("a company's night is the last time that its minute of the hour has passed", () => {
  const night = lastNight("acme", 3, new Date(2026, 10, 28, 12));
  expect(night.getHours()).toBe(3);
  expect(night.getDate()).toBe(28);
  expect(lastNight("acme", 3, night)).toEqual(night);
  const before = lastNight("acme", 3, new Date(night.getTime() - 1));
  expect(before.getDate()).toBe(27);
  expect(before.getMinutes()).toBe(night.getMinutes());
});

test("companies have different minutes", () => {
  const minutes = Array.from({ length: 100 }, (_, i) =>
    lastNight(`company-${i}`, 3, new Date(2026, 10, 28)).getMinutes(),
  );
  expect(new Set(minutes).size).toBeGreaterThan(30);
});
