/** Notes on tickets that other people work on at the same time: one for each draft, and none over an agent's head. */
import { expect, test } from "vitest";
import { draftOf, openZendesk } from "./testing/harness.ts";

test("two nodes that deliver the same draft at the same time leave one note, and both tell its id", async () => {
  const { account, newHost, host, fake } = await openZendesk();
  const draft = draftOf(account.customerWrites({ text: "Where is it?" }));
  // Both have looked before either writes.
  let looking = 0;
  const both = Promise.withResolvers<void>();
  fake.delay = async ({ method }) => {
    if (method !== "PUT" || ++looking > 2) return;
    if (looking === 2) both.resolve();
    await both.promise;
  };
  const [one, other] = await Promise.all([host.put(draft), newHost().put(draft)]);
  expect(account.notes()).toHaveLength(1);
  const id = `comment:${account.notes()[0]?.id}`;
  expect([one, other].map((result) => "externalId" in result && result.externalId)).toEqual([id, id]);
  expect([one, other].filter((result) => "created" in result && result.created)).toHaveLength(1);
});

test("the same holds within the second in which the customer wrote, which the ticket's time cannot tell apart", async () => {
  const { account, newHost, host } = await openZendesk({ ageMs: 0 });
  const draft = draftOf(account.customerWrites({ text: "Where is it?" }));
  await Promise.all([host.put(draft), newHost().put(draft), newHost().put(draft)]);
  expect(account.notes()).toHaveLength(1);
});

test.each([0, 2_000])(
  "an agent who answers between our look and our write finds no note below the answer (%i ms)",
  async (ageMs) => {
    const { fake, account, host } = await openZendesk({ ageMs });
    const written = account.customerWrites({ text: "Where is it?" });
    fake.onBeforeWrite = (ticketId) => {
      fake.onBeforeWrite = null;
      // Now, whatever the age of the rest.
      account.update(
        account.find(ticketId),
        { author: account.agent, channel: "web" },
        { comment: { public: true, body: "It is on its way." } },
        Date.now(),
      );
    };
    expect(await host.put(draftOf(written))).toEqual({ skipped: "answered" });
    expect(account.notes()).toHaveLength(0);
  },
);

test("where the customer has written again meanwhile, the older draft is left out", async () => {
  const { fake, account, host } = await openZendesk();
  const first = account.customerWrites({ text: "Where is it?" });
  fake.onBeforeWrite = (ticketId) => {
    fake.onBeforeWrite = null;
    account.update(
      account.find(ticketId),
      { author: account.users.get(account.find(ticketId).requester_id) ?? account.agent, channel: "email" },
      { comment: { public: true, body: "It has come!" } },
      Date.now(),
    );
  };
  expect(await host.put(draftOf(first))).toEqual({ skipped: "superseded" });
});

test("a note between agents, or a changed field, is no reason to leave the draft out", async () => {
  const { fake, account, host } = await openZendesk();
  const written = account.customerWrites({ text: "Where is it?" });
  account.agentNotes(written.ticketId, "Who takes this?");
  fake.onBeforeWrite = (ticketId) => {
    fake.onBeforeWrite = null;
    const hand = { author: account.agent, channel: "web" };
    account.update(account.find(ticketId), hand, { fields: { priority: "high" } }, Date.now());
  };
  expect(await host.put(draftOf(written))).toMatchObject({ created: true });
  expect(account.notes()).toHaveLength(1);
});

test("a solved, closed or deleted ticket gets no note", async () => {
  const { account, host } = await openZendesk();
  for (const status of ["solved", "closed"]) {
    const written = account.customerWrites({ text: "Where is it?" });
    account.agentSets(written.ticketId, { status });
    expect(await host.put(draftOf(written))).toEqual({ skipped: "closed" });
  }
  const gone = account.customerWrites({ text: "Where is it?" });
  account.tickets.delete(gone.ticketId);
  expect(await host.put(draftOf(gone))).toEqual({ skipped: "closed" });
  expect(account.notes()).toHaveLength(0);
});

test("a ticket that this user may not see fails by itself, and the connector goes on", async () => {
  const { fake, account, host } = await openZendesk();
  const written = account.customerWrites({ text: "Where is it?" });
  await host.put(draftOf(account.customerWrites({ text: "Another" })));
  fake.fault = ({ path }) => (path.startsWith(`/api/v2/tickets/${written.ticketId}`) ? 403 : null);
  await expect(host.put(draftOf(written))).rejects.toMatchObject({ kind: "permanent", status: 403 });
});

test("an answer that gets lost leaves one note: the next attempt finds it", async () => {
  const { fake, account, host, newHost } = await openZendesk();
  const draft = draftOf(account.customerWrites({ text: "Where is it?" }));
  fake.fault = ({ method }) => (method === "PUT" ? "drop" : null);
  await expect(host.put(draft)).rejects.toMatchObject({ kind: "transient" });
  fake.fault = null;
  expect(await newHost().put(draft)).toMatchObject({ created: false });
  expect(account.notes()).toHaveLength(1);
});

test("a ticket that never stands still is left for later", async () => {
  const { fake, account, host } = await openZendesk();
  const written = account.customerWrites({ text: "Where is it?" });
  let priority = 0;
  fake.onBeforeWrite = (ticketId) => {
    const hand = { author: account.agent, channel: "web" };
    const at = Date.now() - 500_000 + ++priority * 1_000;
    account.update(account.find(ticketId), hand, { fields: { priority: "high" } }, at);
  };
  await expect(host.put(draftOf(written))).rejects.toMatchObject({ kind: "transient" });
  expect(account.notes()).toHaveLength(0);
});

test("a draft that is too long for a note is attached to it, whole", async () => {
  const { account, host } = await openZendesk();
  const text = "Длинный ответ & <подробности>. ".repeat(4_000);
  const draft = draftOf(account.customerWrites({ text: "Tell me all." }), { text });
  await host.put(draft);
  const [note] = account.notes();
  expect(Buffer.byteLength(note?.comment.html_body ?? "")).toBeLessThan(65_535);
  expect(note?.text).toContain("all of it is in the attached file");
  expect(Buffer.from(note?.comment.files[0]?.content ?? []).toString()).toBe(text);
});

test("labels, sources and the model stand below the draft, and what they say is text", async () => {
  const { account, host } = await openZendesk();
  const draft = draftOf(account.customerWrites({ text: "Where is it?" }), {
    labels: {
      type: { value: "<b>question</b>", confidence: 0.914 },
      priority: { value: "high", confidence: 0.8 },
      department: { value: "shipping", confidence: 0.99 },
    },
    sources: [
      { title: "Delivery <times>", path: "delivery.md", url: "https://acme.example/delivery?a=1&b=2" },
      { title: "Tracking", path: "tracking.md", url: "javascript:alert(1)" },
    ],
    writtenBy: "a-model",
  });
  await host.put(draft);
  const { comment, text } = account.notes()[0] ?? {};
  expect(comment?.html_body).toContain(
    '<a href="https://acme.example/delivery?a=1&amp;b=2">Delivery &lt;times&gt;</a>',
  );
  expect(comment?.html_body).not.toContain("javascript:");
  expect(text).toContain(
    "Type: <b>question</b> (91 %) · Priority: high (80 %) · Department: shipping (99 %)",
  );
  expect(text).toContain("a-model");
});
