/** Fields of tickets: set where labels are certain, left alone where a person has chosen, and read back as lessons. */
import { expect, test } from "vitest";
import { customFieldId, groups } from "./testing/fake-account.ts";
import { draftOf, labelsOf, openZendesk } from "./testing/harness.ts";

const fields = [
  { field: "priority", from: "priority" },
  { field: "group_id", from: "department", values: { billing: groups.billing, shipping: groups.shipping } },
  { field: customFieldId, from: "type", values: { complaint: "complaint", question: "question" } },
  { field: "type", from: "type", values: { problem: "problem", question: "question" }, minConfidence: 0.99 },
];
const labels = labelsOf("complaint", "high", "billing");

test("fields are set with the note, in one update, where their label is certain enough", async () => {
  const { account, host } = await openZendesk({}, { fields });
  const written = account.customerWrites({ text: "You charged me twice!" });
  await host.put(draftOf(written, { labels: labelsOf("question", "high", "billing") }));
  const ticket = account.find(written.ticketId);
  expect(ticket).toMatchObject({ priority: "high", group_id: groups.billing, type: null });
  expect(ticket.custom_fields).toEqual([{ id: customFieldId, value: "question" }]);
  expect(ticket.audits).toHaveLength(2);
});

test("a label that is not certain enough, or has no value here, sets nothing", async () => {
  const { account, host } = await openZendesk({}, { fields });
  const written = account.customerWrites({ text: "Hello" });
  await host.put(draftOf(written, { labels: labelsOf("incident", "high", "general", 0.79) }));
  expect(account.find(written.ticketId)).toMatchObject({ priority: null, group_id: null, type: null });
  await host.put(draftOf(written, { labels: labelsOf("incident", "high", "general", 0.8) }));
  expect(account.find(written.ticketId)).toMatchObject({ priority: "high", group_id: null, type: null });
});

test("what a person chose is never changed, nor what a person emptied", async () => {
  const { account, host } = await openZendesk({}, { fields });
  const written = account.customerWrites({ text: "You charged me twice!" });
  account.agentSets(written.ticketId, { priority: "low", group_id: groups.shipping });
  account.agentSets(written.ticketId, { [customFieldId]: "question" });
  account.agentSets(written.ticketId, { [customFieldId]: null });
  await host.put(draftOf(written, { labels }));
  const ticket = account.find(written.ticketId);
  expect(ticket).toMatchObject({ priority: "low", group_id: groups.shipping });
  expect(ticket.custom_fields[0]?.value).toBeNull();
  expect(account.notes()).toHaveLength(1);
});

test("what an agent sets between our look and our write is not changed either", async () => {
  const { fake, account, host } = await openZendesk({}, { fields });
  const written = account.customerWrites({ text: "You charged me twice!" });
  fake.onBeforeWrite = (ticketId) => {
    fake.onBeforeWrite = null;
    const hand = { author: account.agent, channel: "web" };
    account.update(account.find(ticketId), hand, { fields: { priority: "low" } }, Date.now());
  };
  await host.put(draftOf(written, { labels }));
  expect(account.find(written.ticketId)).toMatchObject({ priority: "low", group_id: groups.billing });
});

test("what we set before may change with the next message, until a person has chosen", async () => {
  const { account, host } = await openZendesk({}, { fields });
  const first = account.customerWrites({ text: "You charged me twice!" });
  await host.put(draftOf(first, { labels }));
  const second = account.customerWrites({ text: "Everything is down!", ticketId: first.ticketId });
  await host.put(draftOf(second, { labels: labelsOf("complaint", "urgent", "billing") }));
  expect(account.find(first.ticketId).priority).toBe("urgent");
  account.agentSets(first.ticketId, { priority: "normal" });
  const third = account.customerWrites({ text: "Still!", ticketId: first.ticketId });
  await host.put(draftOf(third, { labels: labelsOf("complaint", "urgent", "billing") }));
  expect(account.find(first.ticketId).priority).toBe("normal");
});

test("what a trigger has set stays, unless the config says otherwise", async () => {
  for (const [overRules, expected] of [
    [false, "normal"],
    [true, "high"],
  ] as const) {
    const config = { fields: [{ field: "priority", from: "priority", overRules }] };
    const { account, host } = await openZendesk({}, config);
    const written = account.customerWrites({ text: "You charged me twice!" });
    account.ruleSets(written.ticketId, { priority: "normal" });
    await host.put(draftOf(written, { labels }));
    expect(account.find(written.ticketId).priority).toBe(expected);
  }
});

test("values that the account refuses do not cost the agents their draft", async () => {
  const config = { fields: [{ field: "group_id", from: "department", values: { billing: 1 } }] };
  const { account, host } = await openZendesk({}, config);
  const written = account.customerWrites({ text: "You charged me twice!" });
  expect(await host.put(draftOf(written, { labels }))).toMatchObject({ created: true });
  expect(account.find(written.ticketId).group_id).toBeNull();
  expect(account.notes()).toHaveLength(1);
});

test("what agents choose comes back as corrections; our own choices, customers' and triggers' do not", async () => {
  const { account, host, events } = await openZendesk({}, { fields });
  await host.read();
  const written = account.customerWrites({ text: "You charged me twice!" });
  await host.put(draftOf(written, { labels }));
  account.ruleSets(written.ticketId, { group_id: groups.billing });
  account.agentSets(written.ticketId, { priority: "low", group_id: groups.shipping });
  account.agentSets(written.ticketId, { [customFieldId]: "question", status: "open" });
  const corrections = await events("label-correction", 3);
  expect(corrections.map(({ labels, agent, threadId }) => [labels, agent.name, threadId])).toEqual([
    [{ priority: "low" }, "Kim Agent", String(written.ticketId)],
    [{ department: "shipping" }, "Kim Agent", String(written.ticketId)],
    [{ type: "question" }, "Kim Agent", String(written.ticketId)],
  ]);
  account.agentSets(written.ticketId, { priority: "urgent" });
  expect((await events("label-correction", 4)).at(-1)?.labels).toEqual({ priority: "urgent" });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await events("label-correction", 4)).toHaveLength(4);
});

test("of a ticket with very many changes the fields are left alone, and the note comes", async () => {
  const { fake, account, host } = await openZendesk({}, { fields });
  const written = account.customerWrites({ text: "You charged me twice!" });
  const hand = { author: account.agent, channel: "web" };
  for (let i = 0; i < 1_500; i++)
    account.update(account.find(written.ticketId), hand, { fields: { subject: `${i}` } }, Date.now() - 2_000);
  await host.put(draftOf(written, { labels }));
  expect(account.find(written.ticketId)).toMatchObject({ priority: null, group_id: null });
  expect(account.notes()).toHaveLength(1);
  expect(fake.requests.filter((request) => request.endsWith("/audits"))).toHaveLength(10);
});
