/** What comes in of an account: what is new, in its order and once; what is old as history; and what is to be had of the rest. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openZendesk } from "./testing/harness.ts";

const hourMs = 3_600_000;

test("what was there before the hub is history, and the conversation comes in its order", async () => {
  const { account, host, events } = await openZendesk();
  const old = account.customerWrites({ text: "My tent leaks.", at: Date.now() - 24 * hourMs });
  account.update(
    account.find(old.ticketId),
    { author: account.agent, channel: "web" },
    { comment: { public: true, body: "Which tent is it?" } },
    Date.now() - 23 * hourMs,
  );
  await host.read();
  await sleep(300);
  account.customerWrites({ text: "The blue one.", ticketId: old.ticketId });
  const messages = await events("message", 2);
  expect(messages.map(({ text, skip, threadId }) => [text, skip, threadId])).toEqual([
    ["My tent leaks.", "history", String(old.ticketId)],
    ["The blue one.", undefined, String(old.ticketId)],
  ]);
  const kinds = host.memory.events.map(({ kind }) => kind);
  expect(kinds).toEqual(["message", "agent-reply", "message"]);
});

test("a message has its requester, its subject and its time; a reply has its agent", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const { ticketId, commentId } = account.customerWrites({
    text: "Hello\r\n&nbsp;there",
    subject: "Tent\n1",
    name: "Ada",
    email: "ada@x.example",
  });
  const replyId = account.agentReplies(ticketId, "We look into it.");
  const [message] = await events("message", 1);
  const [reply] = await events("agent-reply", 1);
  expect(message).toMatchObject({
    externalId: `comment:${commentId}`,
    threadId: String(ticketId),
    subject: "Tent 1",
    requester: { name: "Ada", email: "ada@x.example" },
  });
  expect(reply).toMatchObject({
    externalId: `comment:${replyId}`,
    text: "We look into it.",
    agent: { name: "Kim Agent", email: "kim@acme.example" },
  });
});

test("agents' notes and ours stay with the agents; an agent who asks for help is a customer", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  account.agentNotes(ticketId, "Difficult customer.");
  account.customerWrites({
    text: "My own printer is broken",
    name: account.agent.name,
    email: account.agent.email,
  });
  const messages = await events("message", 2);
  expect(messages.map(({ text }) => text)).toEqual(["Hello", "My own printer is broken"]);
  expect(JSON.stringify(host.memory.events)).not.toContain("Difficult");
});

test("a mail from somebody who is not on the ticket is kept, and gets no draft", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  const stranger = account.addUser("Eve", "eve@x.example", "end-user");
  account.update(
    account.find(ticketId),
    { author: stranger, channel: "email" },
    { comment: { public: false, body: "Send it to me instead" } },
    Date.now(),
  );
  const messages = await events("message", 2);
  expect(messages.map(({ skip }) => skip)).toEqual([undefined, "not public"]);
});

test("pages of the export and long tickets come whole, and a restart in the middle loses nothing", async () => {
  const { account, host, events } = await openZendesk({ exportPage: 3 });
  const first = await host.read();
  await sleep(200);
  await first.stop(1_000);
  await host.close(1_000);
  const { ticketId } = account.customerWrites({ text: "message 0" });
  for (let i = 1; i < 230; i++) account.customerWrites({ text: `message ${i}`, ticketId });
  for (let i = 0; i < 30; i++) account.customerWrites({ text: `other ${i}` });
  const second = host.read();
  await events("message", 10);
  await second.stop(1_000);
  await host.close(1_000);
  host.read();
  const messages = await events("message", 260);
  expect(new Set(messages.map(({ externalId }) => externalId)).size).toBe(260);
  const long = messages.filter(({ threadId }) => threadId === String(ticketId)).map(({ text }) => text);
  expect(long).toEqual(Array.from({ length: 230 }, (_, i) => `message ${i}`));
});

test("a ticket that is deleted meanwhile, or not for this user's eyes, holds nothing up", async () => {
  const { fake, account, host, events } = await openZendesk();
  await host.read();
  const hidden = account.customerWrites({ text: "secret" });
  fake.fault = ({ path }) => (path.startsWith(`/api/v2/tickets/${hidden.ticketId}/`) ? 403 : null);
  const deleted = account.customerWrites({ text: "spam" });
  account.find(deleted.ticketId).status = "deleted";
  account.customerWrites({ text: "Hello" });
  expect((await events("message", 1))[0]?.text).toBe("Hello");
});

test("attachments come with their message, from another host and without credentials", async () => {
  const { fake, account, host, events } = await openZendesk({}, { maxFileBytes: 1_000 });
  await host.read();
  const bytes = (length: number) => new Uint8Array(length).fill(7);
  const gone = account.fileOf("gone.txt", "text/plain", bytes(5));
  const files = [
    account.fileOf("photo.png", "image/png", bytes(900)),
    account.fileOf("large.zip", "application/zip", bytes(1_001)),
    { ...gone, token: gone.token },
  ];
  fake.fault = ({ path }) => (path.includes(gone.token) ? 404 : null);
  account.customerWrites({ text: "See the photo", files });
  const [message] = await events("message", 1);
  expect(
    message?.attachments?.map(({ name, mediaType, content }) => [name, mediaType, content.length]),
  ).toEqual([["photo.png", "image/png", 900]]);
  expect(message?.sourceData).toEqual({
    missingFiles: ["large.zip: larger than 1000 bytes", expect.stringContaining("gone.txt: ")],
  });
  expect(fake.leaks).toEqual([]);
});

test("an attachment that cannot be had for the moment makes the page come again, whole", async () => {
  const { fake, account, host, events } = await openZendesk();
  await host.read();
  const file = account.fileOf("photo.png", "image/png", new Uint8Array(9));
  let failures = 0;
  fake.fault = ({ path }) => (path.includes(file.token) && ++failures <= 4 ? 503 : null);
  account.customerWrites({ text: "See the photo", files: [file] });
  const [message] = await events("message", 1);
  expect(message?.attachments).toHaveLength(1);
});

test("suspended tickets are read into the history where the config asks for them", async () => {
  const { account, host, events } = await openZendesk({}, { suspended: true });
  const { id } = account.suspend("Buy now!");
  await host.read();
  expect((await events("message", 1))[0]).toMatchObject({
    externalId: `suspended:${id}`,
    threadId: `suspended:${id}`,
    text: "Buy now!",
    skip: "suspended: Detected as spam",
    requester: { name: "Spam", email: "spam@customer.example" },
  });
});

test("an access token that is refused is renewed once, also where many requests meet the refusal", async () => {
  const { fake, account, host, events } = await openZendesk();
  await host.read();
  account.customerWrites({ text: "before" });
  await events("message", 1);
  const { issued } = fake.tokens;
  fake.tokens.expire();
  for (let i = 0; i < 8; i++) account.customerWrites({ text: `after ${i}` });
  await events("message", 9);
  expect(fake.tokens.issued - issued).toBe(1);
  expect(fake.tokens.reused).toBe(0);
});

test("a refresh token that is refused says what to do", async () => {
  const { host } = await openZendesk(
    {},
    {
      oauth: { clientId: "deskwire", clientSecret: "another secret", refreshToken: "another token" },
    },
  );
  const reading = host.read();
  await sleep(100);
  expect(reading.errors[0]).toMatchObject({
    kind: "auth",
    message: expect.stringContaining("authorise it again, and set oauth.refreshToken"),
  });
});

test("a client of its own signs in without a refresh token", async () => {
  const { account, host, events } = await openZendesk(
    {},
    {
      oauth: { clientId: "deskwire", clientSecret: "a client's secret 7781" },
    },
  );
  await host.read();
  account.customerWrites({ text: "Hello" });
  await events("message", 1);
});
