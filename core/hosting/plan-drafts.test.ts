import { expect, test } from "vitest";
import type { ClassifyItem, Prediction } from "../../ml-service/classify-schema.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { Drafter, DraftRequest } from "../llm/drafter.ts";
import { testCompany } from "../testing/company.ts";
import type { PlannedMessage } from "./plan.ts";
import { draftFor, labelMessages, labelShares, monthlyUse } from "./plan-drafts.ts";

const { signal } = new AbortController();
const at = new Date("2026-11-01T10:00:00Z");

function planned(text: string): PlannedMessage {
  const conversation = [{ id: "1", from: "requester" as const, name: "Ann", text, at: at.toJSON() }];
  const requester = { name: "Ann", email: null };
  return { externalId: text, subject: "Boots", requester, text, at, skip: null, conversation };
}

/** Calls what ends in "?" a question, and is unsure of all else. */
async function classify(items: ClassifyItem[]) {
  const label = (name: string, abstained = false): Prediction => ({
    label: name,
    confidence: 0.9,
    abstained,
    alternatives: [],
  });
  const results = items.map(({ id, text }) => ({
    id,
    type: text.endsWith("?") ? label("question") : label("request", true),
    priority: label("normal"),
    department: label("orders"),
    language: "en",
    outOfScope: null,
    model: "test@1",
  }));
  return { results };
}

test("the newest 500 are labelled, in batches that the classifier takes", async () => {
  const sizes: number[] = [];
  const counted = (items: ClassifyItem[]) => {
    sizes.push(items.length);
    return classify(items);
  };
  const messages = Array.from({ length: 600 }, (_, i) => planned(i % 4 === 0 ? `${i}.` : `${i}?`));
  const labelled = await labelMessages(counted, "acme", messages, signal);
  expect(labelled.map(({ message }) => message)).toEqual(messages.slice(100));
  expect(Math.max(...sizes)).toBe(32);
  const { counts, unsure } = labelShares(labelled);
  expect(counts[0]).toEqual({
    name: "type",
    counts: [
      { value: "question", count: 375 },
      { value: "request", count: 125 },
    ],
  });
  expect(unsure).toBe(125);
});

test("the drafter gets what the pipeline would give it; its error is a result, a stop is thrown", async () => {
  const asked: DraftRequest[] = [];
  const drafter = (fail?: () => never): Drafter => ({
    name: "test",
    async draft(request) {
      asked.push(request);
      fail?.();
      return { text: "Hello", language: "en", writtenBy: "test", sources: [], usage: null, notes: [] };
    },
  });
  const [one] = await labelMessages(classify, "acme", [planned("Where?")], signal);
  if (!one) throw new Error("no labels");
  const company = testCompany("acme");
  expect(await draftFor(drafter(), company, one, signal)).toMatchObject({ result: { text: "Hello" } });
  expect(asked).toEqual([
    {
      company: "acme",
      companyName: "Company acme",
      conversation: [{ from: "requester", name: "Ann", text: "Where?", at }],
      subject: "Boots",
      requesterName: "Ann",
      language: "en",
      labels: {
        type: { value: "question", confidence: 0.9 },
        priority: { value: "normal", confidence: 0.9 },
        department: { value: "orders", confidence: 0.9 },
      },
    },
  ]);
  const refused = drafter(() => {
    throw new ConnectorError("auth", "a bad key");
  });
  expect(await draftFor(refused, company, one, signal)).toEqual({ kind: "auth", error: "a bad key" });
  await expect(draftFor(drafter(), company, one, AbortSignal.abort("stopped"))).rejects.toBe("stopped");
});

test("a month's use is the mean of what was measured, times its drafts, times the prices", () => {
  const used = (promptTokens: number, completionTokens: number) => ({
    usage: { promptTokens, completionTokens },
  });
  const written = [used(1_000, 100), { usage: null }, used(3_000, 300)];
  const prices = { inputPerMillion: 2, outputPerMillion: 8, currency: "EUR" };
  const use = { inputEach: 2_000, outputEach: 200, input: 200_000, output: 20_000 };
  expect(monthlyUse(written, 100, prices)).toEqual({ ...use, cost: 0.56 });
  expect(monthlyUse(written, 100, undefined)).toEqual({ ...use, cost: null });
  expect(monthlyUse([{ usage: null }], 100, prices)).toBeNull();
});
