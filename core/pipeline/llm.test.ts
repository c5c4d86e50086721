/** Drafts by a language model, through a whole hub: also while the model's API fails, or refuses the key. */
import { LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { request, startTestHub, type TestHub, testKey, until } from "../testing/hub.ts";

const key = testKey("acme");
const mock = new LLMock({ port: 0 });
const reply = "Hello Ann,\n\nyour parcel is on its way.\n\nKind regards\nCompany acme";
let hub: TestHub;

beforeAll(async () => {
  await mock.start();
  const drafter = `drafter:\n  baseUrl: ${mock.url}/v1\n  key: sk-test-0123456789\n  model: test-model\n`;
  hub = await startTestHub(
    { acme: `connectors:\n  api: {}\n${drafter}` },
    { pipeline: { firstRetryMs: 100 } },
  );
});
afterAll(async () => {
  await hub?.stop();
  await mock.stop();
});
afterEach(() => {
  mock.clearFixtures().clearChaos().clearRequests();
});

interface Shown {
  progress: { stage: string; attempts: number; error: { kind: string; step: string } | null };
  draft: { text: string; writtenBy: string; usage: object } | null;
  classification: { priority: { reasons?: string[] } };
}

/** Posts a message, and waits until what became of it is as wanted. */
async function ask(
  externalId: string,
  wanted: (message: Shown) => boolean,
  text = "Where is my order?",
): Promise<Shown> {
  const body = { externalId, text, requester: { name: "Ann" } };
  const posted = await request(hub.url, "/v1/messages", { key, body });
  const { accepted } = posted.body as { accepted: [{ ticketId: string }] };
  return waitFor(accepted[0].ticketId, wanted);
}

function waitFor(ticketId: string, wanted: (message: Shown) => boolean): Promise<Shown> {
  return until("the message is as wanted", async () => {
    const { body } = await request(hub.url, `/v1/tickets/${ticketId}`, { key });
    const [message] = (body as { messages: [Shown] }).messages;
    return wanted(message) ? message : undefined;
  });
}

const delivered = ({ progress }: Shown) => progress.stage === "delivered";

test("the draft is the model's, and the history tells which model and what it used", async () => {
  mock.onMessage(/./, {
    content: reply,
    model: "test-model-2026",
    usage: { prompt_tokens: 50, completion_tokens: 20 },
  });
  const { draft } = await ask("by-model", delivered);
  expect(draft).toMatchObject({
    text: reply,
    writtenBy: "test-model-2026",
    usage: { promptTokens: 50, completionTokens: 20 },
  });
});

test("a failing API is asked again until it answers", async () => {
  mock.onMessage(/./, { error: { message: "overloaded", type: "server_error" }, status: 500 });
  const body = { externalId: "again", text: "Where is my order?" };
  const posted = await request(hub.url, "/v1/messages", { key, body });
  const { accepted } = posted.body as { accepted: [{ ticketId: string }] };
  const failed = await waitFor(accepted[0].ticketId, ({ progress }) => progress.attempts > 0);
  expect(failed.progress).toMatchObject({ stage: "classified", error: { kind: "transient", step: "draft" } });
  mock.clearFixtures();
  mock.onMessage(/./, { content: reply });
  const { progress, draft } = await waitFor(accepted[0].ticketId, delivered);
  expect([progress.error, draft?.text]).toEqual([null, reply]);
});

test("a refused key makes messages wait with the error, and kills none", async () => {
  mock.onMessage(/./, { error: { message: "bad key", type: "invalid_request_error" }, status: 401 });
  const { progress } = await ask("refused-key", ({ progress }) => progress.error !== null);
  expect(progress).toMatchObject({
    stage: "classified",
    attempts: 0,
    error: { kind: "auth", step: "draft" },
  });
});

test("a label that the classifier abstains from is the model's where the company wishes so, and the draft still comes", async () => {
  mock.on(
    { systemMessage: "Labels of type" },
    { content: '{"type":"question","department":"shipping"}', model: "test-model-2026" },
  );
  mock.onMessage(/./, { content: reply });
  const company = hub.node.directory.get("acme");
  if (!company) throw new Error("acme is not there");
  const classifier = { ...company.classifier, llm: true };
  hub.node.directory.replace("acme", { ...company, classifier, digest: "with labels by the LLM" });
  const { classification, draft } = await ask("labelled", delivered, "Où est donc mon colis ?");
  const chosen = { abstained: false, reasons: expect.arrayContaining(["chosen by the LLM"]) };
  expect(classification).toMatchObject({
    type: { label: "question", ...chosen },
    department: { label: "shipping", ...chosen },
    llm: { model: "test-model-2026" },
  });
  expect(classification.priority.reasons).not.toContain("chosen by the LLM");
  expect(draft?.text).toBe(reply);
});
