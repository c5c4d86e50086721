/** What becomes of the entries of threads: messages, replies, files, corrections, and what is left out. */
import { expect, test } from "vitest";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import type { FakeHubspot } from "./testing/fake-hubspot.ts";
import { idsOf, openAccount } from "./testing/test-account.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function readOne(fields: Record<string, unknown>, original?: { text: string; richText: string }) {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const { messageId } = fake.customerWrites({ key: "one", text: "usual text", subject: "Boots", fields });
  if (original) fake.store.originals.set(messageId, original);
  const [event] = await reader.look();
  return event as Extract<ConnectorEventInput, { kind: "message" }>;
}

test("a mail becomes a message with its sender, subject and time", async () => {
  const event = await readOne({});
  expect(event).toMatchObject({
    kind: "message",
    subject: "Boots",
    text: "usual text",
    requester: { name: "Ada Berg", email: "ada@customer.example", externalId: "E-ada@customer.example" },
  });
  expect(Math.abs(Date.now() - (event.sentAt?.getTime() ?? 0))).toBeLessThan(10_000);
});

test("a chat names its visitor, once it is asked who that is", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  fake.customerWrites({ key: "a", text: "hi", channel: "CHAT", subject: "Chat" });
  fake.customerWrites({ key: "b", text: "there", channel: "CHAT", thread: "a" });
  const requester = { name: "Ada Berg", email: "ada@customer.example", externalId: "V-4711" };
  expect(await reader.look()).toMatchObject([
    { text: "hi", subject: "Chat", requester },
    { text: "there", requester },
  ]);
  expect(fake.requests.filter((one) => one.includes("/actors/"))).toHaveLength(1);
});

test("a message without text is read from its HTML, and one without both says so", async () => {
  expect(await readOne({ text: " ", richText: "<p>One &amp; two<br>three</p>" })).toMatchObject({
    text: "One & two\nthree",
  });
  expect(await readOne({ text: "", richText: null })).toMatchObject({ text: "(no text)" });
});

test("what HubSpot has cut is read whole; of a long thread the newest reply is the text, and the rest is quoted", async () => {
  const whole = { text: "All of it, to the end.", richText: "" };
  expect(await readOne({ text: "All of", truncationStatus: "TRUNCATED" }, whole)).toMatchObject({
    text: whole.text,
  });
  const long = { text: "Thanks!\n\n> What you wrote", richText: "" };
  const cut = { text: "Thanks!", truncationStatus: "TRUNCATED_TO_MOST_RECENT_REPLY" };
  expect(await readOne(cut, long)).toMatchObject({ text: "Thanks!", quoted: "> What you wrote" });
  expect(await readOne(cut)).toMatchObject({ text: "Thanks!" });
});

test("a machine's mail is kept without a draft", async () => {
  expect(await readOne({ subject: "Automatic reply: Boots" })).toMatchObject({ skip: "auto-reply" });
  const robot = { type: "HS_EMAIL_ADDRESS", value: "no-reply@shop.example" };
  expect(await readOne({ senders: [{ actorId: "E-1", deliveryIdentifier: robot }] })).toMatchObject({
    skip: "no-reply",
  });
});

test("bots' lines, comments, changes of status and what could not be sent are neither messages nor answers", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const { ticketId, messageId } = fake.customerWrites({ key: "a", text: "hello" });
  fake.agentReplies(ticketId, "I am a bot", { actorId: "B-1" });
  fake.agentReplies(ticketId, "I am an assistant", { actorId: "L-1" });
  fake.agentReplies(ticketId, "A program in an agent's name", { fields: { createdBy: "S-hubspot" } });
  fake.agentReplies(ticketId, "It bounced", { fields: { status: { statusType: "FAILED" } } });
  fake.agentReplies(ticketId, "Taken back", { fields: { archived: true } });
  fake.addEntry(ticketId, { type: "COMMENT", text: "between us", senders: [{ actorId: "A-901" }] });
  fake.addEntry(ticketId, { type: "THREAD_STATUS_CHANGE", newStatus: "CLOSED" });
  fake.addEntry(ticketId, { type: "A_NEW_KIND" });
  const answer = fake.agentReplies(ticketId, "It is on its way");
  expect(idsOf(await reader.look())).toEqual([`message:${messageId}`, `message:${answer}`]);
});

test("entries of several threads come in the order in which they were written", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const first = fake.customerWrites({ key: "a", text: "first" });
  const other = fake.customerWrites({ key: "b", text: "third" });
  const answer = fake.agentReplies(first.ticketId, "fourth");
  const thread = fake.store.threads.get(other.threadId);
  if (thread) thread.ticketId = first.ticketId;
  const of = (await reader.look()).filter(
    (event) => "threadId" in event && event.threadId === first.ticketId,
  );
  expect(idsOf(of)).toEqual([first.messageId, other.messageId, answer].map((id) => `message:${id}`));
});

test("files are loaded from wherever they lie, and credentials stay with HubSpot's API", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const files = [
    { name: "bill.PDF", content: bytes("a bill") },
    { name: "", content: bytes("nameless") },
  ];
  fake.customerWrites({ key: "a", text: "see the files", files });
  expect(await reader.look()).toMatchObject([
    {
      attachments: [
        { name: "bill.PDF", mediaType: "application/pdf", content: bytes("a bill") },
        { name: expect.stringMatching(/^file-\d+$/), mediaType: "application/octet-stream" },
      ],
    },
  ]);
  expect(fake.fileHost).toEqual({ requests: 2, credentials: [] });
});

test("a file that cannot be had is left out with its reason; one that may come makes the page come again", async () => {
  const { fake, startReader, memory, journal } = await openAccount({ config: { maxBytes: 10_000 } });
  const files = ["gone.txt", "large.txt", "late.txt"].map((name) => ({
    name,
    content: bytes(name === "large.txt" ? "x".repeat(20_000) : "text"),
  }));
  const reader = await startReader();
  fake.customerWrites({ key: "a", text: "files", files });
  const [gone, , late] = fake.store.files.values();
  if (gone) gone.status = 404;
  if (late) late.status = 503;
  await expect(reader.look()).rejects.toMatchObject({ kind: "transient" });
  if (late) late.status = 200;
  const again = await startReader(memory.cursor as { at: number });
  const [event] = await again.look();
  expect(event).toMatchObject({
    attachments: [{ name: "late.txt" }],
    sourceData: {
      leftOut: [
        { name: "gone.txt", reason: "HubSpot answered 404" },
        { name: "large.txt", reason: expect.stringContaining("more than 10000 bytes") },
      ],
    },
  });
  expect(journal.lines.filter((line) => line.includes("a file was left out"))).toHaveLength(4);
});

test.each([
  [
    "its host breaks down",
    "transient",
    (fake: FakeHubspot) => {
      for (const file of fake.store.files.values()) file.status = 500;
    },
  ],
  [
    "HubSpot answers 429",
    "rate_limited",
    (fake: FakeHubspot) => {
      fake.fault = (operation) => (operation === "file" ? 429 : null);
    },
  ],
])(
  "a file for which %s again and again does not keep all others from being read",
  async (_, kind, breaks) => {
    const { fake, startReader, memory } = await openAccount({ lax: true });
    await startReader();
    fake.customerWrites({ key: "a", text: "files", files: [{ name: "never.txt", content: bytes("") }] });
    breaks(fake);
    const attempt = async () => (await startReader(memory.cursor as { at: number })).look();
    for (let tries = 1; tries < 4; tries++) await expect(attempt()).rejects.toMatchObject({ kind });
    expect(await attempt()).toMatchObject([
      {
        text: "files",
        sourceData: { leftOut: [{ name: "never.txt", reason: expect.stringContaining("4 times") }] },
      },
    ]);
  },
  30_000,
);

test("what people choose comes back in labels of ours, and what programs set does not", async () => {
  const fields = { priority: {}, department: { property: "topic", values: { billing: "BILLING" } } };
  const { fake, startReader } = await openAccount({ config: { fields } });
  const reader = await startReader();
  const { ticketId } = fake.customerWrites({ key: "a", text: "hello" });
  fake.agentSets(ticketId, "hs_ticket_priority", "HIGH", { sourceType: "AUTOMATION_PLATFORM" });
  fake.agentSets(ticketId, "hs_ticket_priority", "LOW", {
    sourceType: "INTEGRATION",
    sourceId: "1",
    updatedByUserId: 5,
  });
  fake.agentSets(ticketId, "hs_ticket_priority", "URGENT");
  fake.agentSets(ticketId, "hs_ticket_priority", "");
  fake.agentSets(ticketId, "topic", "BILLING", { sourceType: "MOBILE_IOS" });
  fake.agentSets(ticketId, "topic", "SHIPPING");
  fake.agentSets(ticketId, "topic", "BILLING", { sourceType: "HELP_DESK", updatedByUserId: 5 });
  const corrections = (await reader.look()).filter(({ kind }) => kind === "label-correction");
  expect(corrections).toMatchObject([
    { threadId: ticketId, labels: { priority: "urgent" }, agent: { externalId: "901" } },
    { labels: { department: "billing" }, agent: { externalId: "5" } },
    { labels: { department: "billing" } },
  ]);
  const [entry] = fake.ticket(ticketId).history.topic ?? [];
  const at = Date.parse(entry?.timestamp ?? "");
  expect(corrections[1]?.externalId).toBe(`ticket:${ticketId}:topic:${at}`);
});
