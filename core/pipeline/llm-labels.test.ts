/** Labels by an LLM in the pipeline: where they land, and what goes on without them. */
import { LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { classifierSchema } from "../../config/classifier-schema.ts";
import { drafterSchema } from "../../config/schema.ts";
import type { Company } from "../../config/types.ts";
import type { Classified, ClassifyItem, Prediction } from "../../ml-service/classify-schema.ts";
import { untilAborted } from "../lib/abort.ts";
import { createBreakers } from "../lib/breakers.ts";
import type { DraftRequest } from "../llm/drafter.ts";
import type { Labeller } from "../llm/labeller.ts";
import type { Database } from "../store/database.ts";
import { readTicket } from "../store/tickets.ts";
import { testCompany, testDirectory } from "../testing/company.ts";
import { classified, draftResult, progressOf, startTestPipeline, tally } from "../testing/pipeline.ts";
import { eventually, newMessage, openTestStore, storeMessages } from "../testing/store.ts";
import { createLabellers, type Labellers } from "./labellers.ts";
import { openHeads, withChoices } from "./llm-labels.ts";

const mock = new LLMock({ port: 0 });
beforeAll(() => mock.start());
afterAll(() => mock.stop());
afterEach(() => {
  mock.clearFixtures().clearChaos().clearRequests();
});

const unsure = (label: string): Prediction => ({
  label,
  confidence: 0.4,
  abstained: true,
  alternatives: [{ label: "shipping", confidence: 0.3 }],
});

/** Abstains from the department, and of what it does not understand at all from the type too. */
const abstain = (id: string, text = ""): Classified => ({
  ...classified(id),
  department: unsure("billing"),
  ...(text.includes("gibberish") && { type: unsure("question") }),
});
const abstainAll = async (items: ClassifyItem[]) => ({
  results: items.map(({ id, text }) => (text.includes("clear") ? classified(id) : abstain(id, text))),
});

interface Settings {
  classifier?: object;
  drafter?: object;
}

function companyWith({ classifier = { llm: true }, drafter = {} }: Settings = {}): Company {
  const online = { baseUrl: `${mock.url}/v1`, key: "sk-test-0123456789", model: "test-model", ...drafter };
  return {
    ...testCompany("acme"),
    classifier: classifierSchema.parse(classifier),
    drafter: drafterSchema.parse(online),
  };
}

/** Starts a pipeline whose classifier abstains, and queues a message for each text. */
async function classifyWith(
  db: Database,
  company: Company,
  texts: string[],
  ownLabellerOf?: Labellers["of"],
) {
  const directory = testDirectory(company);
  const labels = {
    type: { question: "Asks.", request: "Wants." },
    department: { billing: "Money.", shipping: "Parcels.", hr: "Staff." },
  };
  const breakers = createBreakers();
  const labellers = createLabellers({ directory, breakers, labels, concurrency: 8 });
  const labellerOf = ownLabellerOf ?? labellers.of;
  const drafted: DraftRequest[] = [];
  const draft = async (request: DraftRequest) => {
    drafted.push(request);
    return draftResult("Hello");
  };
  const outside = { classify: abstainAll, draft };
  const { queue, pipeline } = startTestPipeline(db, outside, { directory, labellerOf });
  const messages = texts.map((text) => newMessage({ text }));
  const ids = await storeMessages(db, messages);
  await queue.publish(
    "classify",
    ids.map((id) => ({ id, company: "acme" })),
  );
  const delivered = (count: number) =>
    eventually(async () => (await tally(db)).delivered === count, `${count} delivered`);
  return { ids, drafted, delivered, pipeline };
}

/** The labels as the history shows them. */
async function historyOf(db: Database, id = "") {
  const { ticket_id: ticket } = await progressOf(db, id);
  const [message] = (await readTicket(db, "acme", String(ticket)))?.messages ?? [];
  return (message as { classification: Classified & { llm?: object } }).classification;
}

const says = (answer: object) =>
  mock.onMessage(/./, {
    content: JSON.stringify(answer),
    model: "test-model-2026",
    usage: { prompt_tokens: 80, completion_tokens: 8 },
  });

test("what the LLM chooses lands in the history and in the draft, told from the classifier's own word", async () => {
  const { db } = await openTestStore();
  says({ department: "shipping" });
  const { ids, drafted, delivered } = await classifyWith(db, companyWith(), ["Where is it?"]);
  await delivered(1);
  expect(await historyOf(db, ids[0])).toMatchObject({
    type: classified("").type,
    priority: classified("").priority,
    department: {
      label: "shipping",
      confidence: 0.3,
      abstained: false,
      alternatives: [{ label: "billing", confidence: 0.4 }],
      reasons: ["chosen by the LLM"],
    },
    model: "test",
    llm: { model: "test-model-2026", usage: { promptTokens: 80, completionTokens: 8 } },
  });
  expect(drafted[0]?.labels?.department).toEqual({ value: "shipping", confidence: 0.3 });
  const [stored] = await db.query("department-of", "SELECT type, department FROM classifications", []);
  expect(stored).toEqual({ type: "question", department: "shipping" });
});

test("one call asks for all that is open of a message; where the LLM is unsure, all stays as it was", async () => {
  const { db } = await openTestStore();
  says({ type: "request", department: "unsure" });
  const { ids, delivered } = await classifyWith(db, companyWith(), ["gibberish"]);
  await delivered(1);
  expect(await historyOf(db, ids[0])).toMatchObject({
    type: { label: "request", confidence: 0, abstained: false },
    department: { ...unsure("billing"), reasons: ["the LLM was unsure too"] },
  });
  expect(mock.getRequests()).toHaveLength(1);
});

test("nothing is asked where the classifier is sure, there are no words, the company does not want it, or has no LLM", async () => {
  const settings: Array<[Settings, string]> = [
    [{}, "all is clear"],
    [{}, "???"],
    [{ classifier: {} }, "Where is it?"],
    [{ drafter: { baseUrl: undefined, key: undefined } }, "Where is it?"],
  ];
  for (const [setting, text] of settings) {
    const { db } = await openTestStore();
    const { ids, delivered } = await classifyWith(db, companyWith(setting), [text]);
    await delivered(1);
    expect((await historyOf(db, ids[0])).llm).toBeUndefined();
  }
  expect(mock.getRequests()).toEqual([]);
});

test("while the LLM is away all messages go on with the classifier's labels, and say why", async () => {
  const { db } = await openTestStore();
  mock.onMessage(/./, { status: 500, error: { message: "down" } });
  const texts = Array.from({ length: 20 }, (_, i) => `Where is number ${i}?`);
  const { ids, delivered } = await classifyWith(db, companyWith(), texts);
  await delivered(20);
  const { department, llm } = await historyOf(db, ids[0]);
  expect(department).toMatchObject(unsure("billing"));
  expect(department.reasons).toEqual([expect.stringMatching(/^no label by the LLM: .*HTTP 500/)]);
  expect(llm).toBeUndefined();
  // The breaker keeps the rest from being sent.
  expect(mock.getRequests().length).toBeLessThan(20);
});

test("messages that the LLM is asked about do not hold up the others of their batch, nor a stop", async () => {
  const { db } = await openTestStore();
  const asked: AbortSignal[] = [];
  const never: Labeller = {
    choose: (_, signal) => {
      asked.push(signal);
      return untilAborted(new Promise(() => undefined), signal);
    },
  };
  const labellerOf = () => Promise.resolve(never);
  const texts = ["Where is it?", "clear", "clear too"];
  const { ids, delivered, pipeline } = await classifyWith(db, companyWith(), texts, labellerOf);
  await delivered(2);
  expect(asked).toHaveLength(1);
  await pipeline.stop(20);
  expect(await progressOf(db, ids[0] ?? "")).toMatchObject({ stage: "received", outcome: null, error: null });
});

test("priorities are never open, and the best four labels keep their chances", () => {
  const labels = { ...abstain("1", "gibberish"), priority: unsure("normal") };
  expect(openHeads(labels, { subject: null, text: "gibberish" })).toEqual(["type", "department"]);
  const many = ["a", "b", "c"].map((label, i) => ({ label, confidence: 0.3 - i / 10 }));
  const department = { ...unsure("billing"), alternatives: many, reasons: ["a doubt"] };
  const chosen = { labels: { department: "hr" }, model: "m", usage: null };
  expect(withChoices({ ...labels, department }, ["department"], chosen).department).toEqual({
    label: "hr",
    confidence: 0,
    abstained: false,
    alternatives: [{ label: "billing", confidence: 0.4 }, ...many.slice(0, 2)],
    reasons: ["a doubt", "chosen by the LLM"],
  });
});
