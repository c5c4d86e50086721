/** Properties: set where labels are sure, and never over a person's own choice. */
import { expect, test } from "vitest";
import type { Label } from "../../plugins/contract/connector.ts";
import { openClient } from "./client.ts";
import { put } from "./deliver.ts";
import { openAccount } from "./testing/test-account.ts";
import { written } from "./testing/test-draft.ts";

const label = (value: string, confidence = 0.95): Label => ({ value, confidence });
const sure = { type: label("question"), priority: label("urgent"), department: label("billing") };

const fields = {
  priority: {},
  department: { property: "topic", values: { billing: "BILLING", shipping: "SHIPPING" } },
};

test("properties are set with the note where the labels are sure, and only those in the config", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: { ...sure, department: label("billing", 0.79) } });
  await account.put(draft);
  const { hs_ticket_priority, topic } = account.fake.ticket(ticketId).properties;
  expect([hs_ticket_priority, topic]).toEqual(["URGENT", undefined]);
});

test("a label that the config gives no value for is not set", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: { ...sure, department: label("constructor") } });
  await account.put(draft);
  expect(account.fake.ticket(ticketId).properties.topic).toBeUndefined();
});

test.each([
  ["chose", "LOW", "CRM_UI"],
  ["emptied", "", "CRM_UI"],
  ["chose on the telephone", "LOW", "MOBILE_ANDROID"],
])("a priority that a person %s stays theirs", async (_, value, sourceType) => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  account.fake.agentSets(ticketId, "hs_ticket_priority", "MEDIUM", { sourceType: "AUTOMATION_PLATFORM" });
  account.fake.agentSets(ticketId, "hs_ticket_priority", value, { sourceType });
  await account.put(draft);
  const { hs_ticket_priority, topic } = account.fake.ticket(ticketId).properties;
  expect([hs_ticket_priority, topic]).toEqual([value || null, "BILLING"]);
});

test("what another program has set stays, and what we set ourselves follows the next message", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  account.fake.agentSets(ticketId, "topic", "SHIPPING", { sourceType: "INTEGRATION", sourceId: "999" });
  await account.put(draft);
  const next = account.fake.customerWrites({ key: "next", thread: "a", text: "Never mind" });
  const labels = { ...sure, priority: label("low") };
  const message = { ...draft.message, externalId: `message:${next.messageId}` };
  await account.put({ ...draft, labels, message, idempotencyKey: "next" });
  const { hs_ticket_priority, topic } = account.fake.ticket(ticketId).properties;
  expect([hs_ticket_priority, topic]).toEqual(["LOW", "SHIPPING"]);
});

test("a person who chooses while the note is written keeps their choice", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  account.fake.onBeforeWrite = (what) => {
    if (what === "create-note") account.fake.agentSets(ticketId, "hs_ticket_priority", "LOW");
  };
  await account.put(draft);
  expect(account.fake.ticket(ticketId).properties.hs_ticket_priority).toBe("LOW");
});

test("properties that could not be set are set by the next attempt, without a second note", async () => {
  const account = await openAccount({ config: { fields }, lax: true });
  const { draft, ticketId } = written(account, { labels: sure });
  account.fake.onBeforeWrite = (what) => {
    if (what === "patch-ticket") throw new Error("HubSpot breaks down");
  };
  await expect(account.put(draft)).rejects.toMatchObject({ kind: "transient" });
  account.fake.onBeforeWrite = null;
  expect(await account.put(draft)).toMatchObject({ created: false });
  expect(account.fake.notes()).toHaveLength(1);
  expect(account.fake.ticket(ticketId).properties.hs_ticket_priority).toBe("URGENT");
});

test("a value that HubSpot does not take is told to the log, and the draft stays", async () => {
  const wrong = { priority: { values: { urgent: "AT_ONCE" } } };
  const account = await openAccount({ config: { fields: wrong } });
  const { draft } = written(account, { labels: sure });
  expect(await account.put(draft)).toMatchObject({ created: true });
  expect(account.journal.lines.some((line) => line.includes("does not take the values"))).toBe(true);
});

/** Has an agent choose a priority in the moment before our first write of properties. @returns tells how many writes there were */
function chooseBeforeOurs({ fake }: Awaited<ReturnType<typeof openAccount>>, ticketId: string): () => number {
  let patches = 0;
  fake.onBeforeWrite = (what) => {
    if (what === "patch-ticket" && ++patches === 1) fake.agentSets(ticketId, "hs_ticket_priority", "LOW");
  };
  return () => patches;
}

test("a person who chooses between our look and our write gets their choice back, also after a break in between", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  const patches = chooseBeforeOurs(account, ticketId);
  let reads = 0;
  account.fake.fault = (operation) => (patches() > 0 && operation === "read" && ++reads < 4 ? 503 : null);
  await account.put(draft).catch(() => undefined);
  account.fake.fault = null;
  expect(await account.put(draft)).toMatchObject({ created: false });
  expect(account.fake.ticket(ticketId).properties.hs_ticket_priority).toBe("LOW");
  expect(account.fake.notes()).toHaveLength(1);
});

test("a choice that an attempt has covered is given back though an agent has answered since", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  const patches = chooseBeforeOurs(account, ticketId);
  // The attempt ends right behind its write.
  account.fake.fault = (operation) => (patches() > 0 && operation === "read" ? 503 : null);
  await account.put(draft).catch(() => undefined);
  account.fake.fault = null;
  expect(account.fake.ticket(ticketId).properties.hs_ticket_priority).not.toBe("LOW");
  account.fake.agentReplies(ticketId, "Done");
  await account.put(draft);
  expect(account.fake.ticket(ticketId).properties.hs_ticket_priority).toBe("LOW");
  expect(patches()).toBe(2);
});

test("what we have set is known for ours though the oldest note is another app's", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  await account.put(draft);
  for (const note of account.fake.store.notes.values())
    note.properties.hs_object_source_id = "an app of before";
  const again = openClient(account.client.ctx, account.signal);
  const next = account.fake.customerWrites({ key: "next", thread: "a", text: "Never mind" });
  const labels = { ...sure, priority: label("low") };
  const message = { ...draft.message, externalId: `message:${next.messageId}` };
  // HubSpot gives them in no order that one could rely on.
  account.fake.onAfterWrite = (what) =>
    void (what === "create-note" && account.fake.ticket(ticketId).notes.reverse());
  await put(again, { ...draft, labels, message, idempotencyKey: "next" }, account.signal);
  expect(account.fake.ticket(ticketId).properties.hs_ticket_priority).toBe("LOW");
});

test("a choice made in the moment of our very first write is given back though the ticket does not have its note yet", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  // The ticket's associations learn of the note late.
  account.fake.onAfterWrite = (what) => {
    if (what === "create-note") account.fake.ticket(ticketId).notes.length = 0;
  };
  chooseBeforeOurs(account, ticketId);
  expect(await account.put(draft)).toMatchObject({ created: true });
  const { hs_ticket_priority, topic } = account.fake.ticket(ticketId).properties;
  expect([hs_ticket_priority, topic]).toEqual(["LOW", "BILLING"]);
});

test("no property is set while HubSpot does not tell which app we are", async () => {
  const account = await openAccount({ config: { fields } });
  const { draft, ticketId } = written(account, { labels: sure });
  account.fake.onAfterWrite = (what) => {
    if (what !== "create-note") return;
    for (const note of account.fake.store.notes.values()) note.properties.hs_object_source_id = null;
  };
  expect(await account.put(draft)).toMatchObject({ created: true });
  const { hs_ticket_priority, topic } = account.fake.ticket(ticketId).properties;
  expect([hs_ticket_priority, topic]).toEqual([undefined, undefined]);
  expect(account.journal.lines.some((line) => line.includes("which app we are"))).toBe(true);
});

test.each([[""], [null]])(
  "a person who empties a property (%j) between our look and our write finds it empty",
  async (value) => {
    const account = await openAccount({ config: { fields } });
    const { draft, ticketId } = written(account, { labels: sure });
    const empties = () => {
      const [entry] = account.fake.ticket(ticketId).history.hs_ticket_priority ?? [];
      if (entry) entry.value = value;
    };
    let patches = 0;
    account.fake.onBeforeWrite = (what) => {
      if (what !== "patch-ticket" || ++patches > 1) return;
      account.fake.agentSets(ticketId, "hs_ticket_priority", "");
      empties();
    };
    await account.put(draft);
    const { properties } = account.fake.ticket(ticketId);
    expect([properties.hs_ticket_priority, properties.topic]).toEqual([null, "BILLING"]);
    // What we gave back is given back once.
    empties();
    await account.put(draft);
    expect(patches).toBe(2);
  },
);
