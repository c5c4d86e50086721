/** Odd things among the ordinary ones: each is a matter of its own, and all the rest is read. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../../plugins/kit/waiting.ts";
import { rawRequest } from "../../plugins/kit/world.ts";
import type { Client } from "./client.ts";
import { draftOf, labelsOf, openZendesk } from "./testing/harness.ts";

const odd = (value: unknown) => value as never;

test("an odd user, ticket, audit or suspended ticket holds up nothing", async () => {
  const fields = [{ field: "priority", from: "priority" }];
  const { account, host, events } = await openZendesk({}, { fields, suspended: true });
  account.suspend("Buy now!").created_at = "yesterday";
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  account.agentReplies(ticketId, "What is it?");
  account.agent.name = odd(7);
  account.users.delete(account.find(ticketId).requester_id);
  const ticket = account.find(account.customerWrites({ text: "Hello?", email: "b@x.example" }).ticketId);
  ticket.subject = odd({ text: "A question" });
  for (const audit of ticket.audits) audit.events.push(odd(null));
  account.tickets.set(1, { ...ticket, id: odd("1") });
  const texts = (await events("message", 3)).map(({ text }) => text);
  expect(texts.toSorted()).toEqual(["Buy now!", "Hello", "Hello?"]);
  await events("agent-reply", 1);
});

test("a ticket that cannot be read holds up no other, and is read once it can be", async () => {
  const { fake, account, host, events } = await openZendesk();
  const reading = host.read();
  await sleep(200);
  const { ticketId } = account.customerWrites({ text: "Hello" });
  account.find(ticketId).subject = odd(7);
  fake.fault = ({ path }) => (path === `/api/v2/tickets/${ticketId}/comments` ? 500 : null);
  account.customerWrites({ text: "Hello?", email: "b@x.example" });
  expect((await events("message", 1))[0]?.text).toBe("Hello?");
  expect(reading.errors.length).toBeGreaterThan(0);
  fake.fault = null;
  const body = fake.webhookBody("ticket.comment_added", ticketId);
  await host.receive(rawRequest({ body, headers: fake.sign(body) }));
  await events("message", 2);
});

test("several that can never be read, each since another time, hold up nothing", async () => {
  const { fake, account, host, events } = await openZendesk();
  const reading = host.read();
  await sleep(200);
  const broken = new Set<number>();
  fake.fault = ({ path }) => (broken.has(Number(path.split("/")[4])) ? 400 : null);
  const breakOne = (email: string) =>
    broken.add(account.customerWrites({ text: "Lost", email }).ticketId) && sleep(500);
  await breakOne("a@x.example");
  await breakOne("b@x.example");
  account.customerWrites({ text: "Hello", email: "c@x.example" });
  await events("message", 1);
  const failed = reading.errors.length;
  expect(failed).toBeGreaterThan(0);
  await sleep(1_500);
  account.customerWrites({ text: "Hello?", email: "d@x.example" });
  await events("message", 2);
  // Both are passed over, and the cursor moves on.
  await sleep(500);
  const after = reading.errors.length;
  await sleep(1_000);
  expect(reading.errors.length - after).toBeLessThanOrEqual(1);
});

test("while no ticket can be read none is passed over", async () => {
  const { fake, account, host, events } = await openZendesk();
  const reading = host.read();
  await sleep(200);
  fake.fault = ({ path }) => (path.endsWith("/comments") ? 503 : null);
  for (const one of "abc") account.customerWrites({ text: one, email: `${one}@x.example` });
  await sleep(2_500);
  expect(reading.errors.length).toBeGreaterThan(3);
  fake.fault = null;
  expect((await events("message", 3)).map(({ text }) => text).toSorted()).toEqual(["a", "b", "c"]);
});

test("what a person chose stays, though the audit that tells of it cannot be read", async () => {
  const { account, host } = await openZendesk({}, { fields: [{ field: "priority", from: "priority" }] });
  const { ticketId, commentId } = account.customerWrites({ text: "Hello" });
  await host.put(draftOf({ ticketId, commentId }, { labels: labelsOf("question", "high", "billing") }));
  account.agentSets(ticketId, { priority: "low" });
  const [audit] = account.find(ticketId).audits.slice(-1);
  Object.assign(audit ?? {}, { created_at: "2026-11-28 10:00:00" });
  const again = account.customerWrites({ text: "Hello?", ticketId });
  await host.put(draftOf(again, { labels: labelsOf("question", "urgent", "billing") }));
  Object.assign(audit ?? {}, { created_at: new Date().toISOString() });
  for (const event of audit?.events ?? []) Object.assign(event, { type: odd(7) });
  const third = account.customerWrites({ text: "Hello??", ticketId });
  await host.put(draftOf(third, { labels: labelsOf("question", "urgent", "billing") }));
  expect(account.find(ticketId).priority).toBe("low");
  expect(account.notes()).toHaveLength(3);
});

test("an answer of a time that cannot be read is an answer", async () => {
  const { account, host } = await openZendesk();
  const written = account.customerWrites({ text: "Hello" });
  account.agentReplies(written.ticketId, "Hello Ada");
  Object.assign(account.find(written.ticketId).comments.at(-1) ?? {}, { created_at: "2026-11-28 10:00:00" });
  expect(await host.put(draftOf(written))).toEqual({ skipped: "answered" });
});

test("an odd attachment leaves its message as it is", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const file = account.fileOf("photo.png", "image/png", new Uint8Array(9));
  const files = [{ ...file, token: "" }, { ...file, file_name: odd(7) }, file];
  account.customerWrites({ text: "See the photo", files });
  const [message] = await events("message", 1);
  expect(message?.attachments?.map(({ name }) => name)).toEqual([`file-${file.id}`, "photo.png"]);
  expect(message?.sourceData).toEqual({ missingFiles: ["photo.png: it has no address"] });
});

test("signs that cannot be stored are taken out of a text", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  account.customerWrites({ text: "It\u0000 is \ud83d broken" });
  expect((await events("message", 1))[0]?.text).toBe("It is \ufffd broken");
});

test("a hundred long mails of one ticket are read", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  for (let i = 1; i < 100; i++) account.customerWrites({ text: `${i}${" quoted".repeat(8_000)}`, ticketId });
  await events("message", 100);
});

test("notes of agents who have left are no customers' messages, whatever they are now", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  account.agentNotes(ticketId, "Difficult customer.");
  const other = account.addUser("Lee Agent", "lee@acme.example", "agent");
  const note = { public: false, body: "Very difficult." };
  account.update(account.find(ticketId), { author: other, channel: "web" }, { comment: note }, Date.now());
  account.users.delete(other.id);
  account.agent.role = "end-user";
  await events("message", 1);
  expect(JSON.stringify(host.memory.events)).not.toContain("ifficult");
});

test("agents of an account with which tickets are shared are agents", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const { ticketId } = account.customerWrites({ text: "Hello" });
  const partner = account.addUser("Pat", "pat@partner.example", "end-user");
  Object.assign(partner, { shared_agent: true });
  account.agentReplies(ticketId, "We have it in stock.", "pending", partner);
  expect((await events("agent-reply", 1))[0]?.text).toBe("We have it in stock.");
  expect(host.memory.events).toHaveLength(2);
});

test("an automatic mail gets no draft, and is no reason to leave the draft for a person out", async () => {
  const { account, host, events } = await openZendesk();
  await host.read();
  const written = account.customerWrites({ text: "Where is it?" });
  account.customerWrites({ text: "I am out of the office.", ticketId: written.ticketId });
  Object.assign(account.find(written.ticketId).comments.at(-1) ?? {}, { metadata: { flags: [2, 4] } });
  const messages = await events("message", 2);
  expect(messages.map(({ skip }) => skip)).toEqual([undefined, "automatic mail"]);
  expect(await host.put(draftOf(written))).toMatchObject({ created: true });
});

test("a long page that breaks off again and again is read to its end", async () => {
  const { fake, account, host, events } = await openZendesk();
  await host.read();
  await sleep(200);
  let asked = 0;
  // Twenty tickets are read, and then nothing for a while.
  fake.fault = ({ path }) => (path.endsWith("/comments") && ++asked % 30 >= 20 ? 503 : null);
  for (let i = 0; i < 100; i++) {
    const { ticketId } = account.customerWrites({ text: `message ${i}`, email: `c${i}@x.example` });
    account.find(ticketId).changedAt -= 60_000;
  }
  await events("message", 100);
});

test("of a flood of suspended tickets the newest are read, and where they are refused all else is", async () => {
  const { fake, account, host, events } = await openZendesk({}, { suspended: true });
  for (let i = 0; i < 1_150; i++) account.suspend(`spam ${i}`);
  await host.read();
  const messages = await events("message", 1_000);
  expect(messages).toHaveLength(1_000);
  expect(messages.at(-1)?.text).toBe("spam 1149");
  await host.close(1_000);
  fake.fault = ({ path }) => (path.endsWith("/suspended_tickets") ? 403 : null);
  account.customerWrites({ text: "Hello" });
  await eventually("the message", 5_000, () =>
    host.memory.events.some((event) => event.kind === "message" && event.text === "Hello"),
  );
});

test("of more users than are remembered none is left out", async () => {
  const { account, host } = await openZendesk();
  const client = (await host.client()) as Client;
  const ids = Array.from({ length: 5_300 }, (_, i) => account.addUser(`c${i}`, "c@x.example", "end-user").id);
  await client.users(ids.slice(0, 4_990));
  expect((await client.users(ids)).size).toBe(5_300);
});
