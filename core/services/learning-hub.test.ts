/** A whole hub that learns: from agents' corrections to the label of the next message. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bankLabels, bankLessons } from "../../ml-service/company/testing.ts";
import { request, startTestHub, type TestHub, testKey, until } from "../testing/hub.ts";
import { correct, storeTicket } from "../testing/lessons.ts";

let hub: TestHub;
beforeAll(async () => {
  const labels = Object.entries(bankLabels).map(([label, text]) => `      ${label}: "${text}"\n`);
  const classifier = `classifier:\n  labels:\n    department:\n${labels.join("")}`;
  hub = await startTestHub({ acme: `connectors:\n  api: {}\n${classifier}` });
});
afterAll(() => hub.stop());

interface Classification {
  model: string;
  detail: { department: { label: string; abstained: boolean; reasons?: string[] } };
}

async function classified(externalId: string, text: string): Promise<Classification> {
  const body = { externalId, text };
  const { status } = await request(hub.url, "/v1/messages", { key: testKey("acme"), body });
  expect(status).toBe(202);
  return until("the message is classified", async () => {
    const [row] = await hub.node.db.query<Classification & Record<string, unknown>>(
      "classification-of",
      `SELECT c.model, c.detail FROM classifications c JOIN messages m ON m.id = c.message_id WHERE m.external_id = $1`,
      [externalId],
    );
    return row;
  });
}

test("labels are guessed from their descriptions, until agents' corrections have taught them", async () => {
  const first = await classified("1", "pin refused again");
  expect(first.model).toBe("acme@descriptions");
  expect(first.detail.department).toMatchObject({
    abstained: true,
    reasons: [expect.stringMatching(/goes by the descriptions/)],
  });

  const lessons = bankLessons(300);
  for (const { id, text } of lessons) await storeTicket(hub.node.db, id, { text });
  // At once, so that the first training has them all.
  await hub.node.db.transaction(async (runner) => {
    for (const { id, labels } of lessons) await correct(runner, id, labels);
  });
  const outcome = await until("a training", async () => {
    const [row] = await hub.node.db.query<{ outcome: string; version: string }>(
      "training",
      "SELECT outcome, version FROM trainings WHERE company = 'acme' AND outcome = 'promoted'",
      [],
    );
    return row;
  });
  const next = await classified("2", "pin refused again");
  expect(next.model).toBe(`acme@${outcome.version}`);
  expect(next.detail.department).toMatchObject({ label: "cards", abstained: false });
}, 60_000);
