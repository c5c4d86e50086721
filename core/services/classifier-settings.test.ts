/** A company's own priority rules, on a whole hub: from its file to the labels of a message. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { classifierSchema } from "../../config/classifier-schema.ts";
import { request, startTestHub, type TestHub, testKey, until } from "../testing/hub.ts";

let hub: TestHub;
beforeAll(async () => {
  const classifier = `classifier:
  rules:
    recall: { raisesTo: urgent, phrases: ["batch # smells"] }
  vip: ["@big.example"]
`;
  hub = await startTestHub({ acme: `connectors:\n  api: {}\n${classifier}` });
});
afterAll(() => hub.stop());

/** Why the priority of a posted message is what it is. */
async function reasonsFor(externalId: string, text: string, email: string): Promise<string[]> {
  const body = { externalId, text, requester: { email } };
  const { status } = await request(hub.url, "/v1/messages", { key: testKey("acme"), body });
  expect(status).toBe(202);
  const detail = await until("the message is classified", async () => {
    const rows = await hub.node.db.query<{ detail: { priority: { reasons?: string[] } } }>(
      "priority-of",
      `SELECT c.detail FROM classifications c JOIN messages m ON m.id = c.message_id WHERE m.external_id = $1`,
      [externalId],
    );
    return rows[0]?.detail;
  });
  return (detail.priority.reasons ?? []).filter((reason) => reason.startsWith("rule"));
}

test("a company's rules and VIPs raise priorities, and a change of them counts from the next message on", async () => {
  expect(await reasonsFor("1", "Batch 42 smells", "a@small.example")).toEqual(["rule: recall"]);
  expect(await reasonsFor("2", "A question about colours", "a@big.example")).toEqual(["rule: vip"]);

  const company = hub.node.directory.get("acme");
  if (!company) throw new Error("acme is not there");
  hub.node.directory.replace("acme", { ...company, classifier: classifierSchema.parse({}) });
  expect(await reasonsFor("3", "Batch 42 smells", "a@big.example")).toEqual([]);
});
