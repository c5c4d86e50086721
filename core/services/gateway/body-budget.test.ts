import { expect, test } from "vitest";
import { createBodyBudget } from "./body-budget.ts";

const limits = { inAll: 100, perSender: 40 };

test("what is released can be taken again, once", () => {
  const budget = createBodyBudget(limits);
  const release = budget.take("a", 40);
  expect(() => budget.take("a", 1)).toThrow(/too many large requests/);
  release();
  release();
  expect(() => budget.take("a", 40)).not.toThrow();
  expect(() => budget.take("b", 40)).not.toThrow();
});

test("one sender's part leaves room for others, and all together have a bound", () => {
  const budget = createBodyBudget(limits);
  budget.take("a", 40);
  budget.take("b", 40);
  expect(() => budget.take("a", 10)).toThrow(expect.objectContaining({ status: 429 }));
  expect(() => budget.take("c", 30)).toThrow(expect.objectContaining({ status: 503 }));
  expect(() => budget.take("c", 20)).not.toThrow();
});

test("a single body of the largest size is always taken", () => {
  const budget = createBodyBudget(limits);
  expect(() => budget.take("a", 50)).not.toThrow();
});
