/** What is odd in one ticket, thread or message keeps no others from being read, and lets nothing be lost. */
import { expect, test } from "vitest";
import { reread } from "./pull.ts";
import { idsOf, openAccount } from "./testing/test-account.ts";

const hourMs = 3_600_000;
const lately = () => ({ since: new Date(Date.now() - hourMs), until: new Date(Date.now() + hourMs) });

test("a ticket whose conversation HubSpot never gives goes to quarantine after some tries, and the others are read", async () => {
  const { fake, startReader, memory, list, backfill } = await openAccount({ lax: true });
  await startReader();
  const odd = fake.customerWrites({ key: "odd", text: "never" });
  const whole = fake.customerWrites({ key: "whole", text: "whole" });
  fake.fault = (_, path) => (path.endsWith(`/threads/${odd.threadId}/messages`) ? 500 : null);
  const attempt = async () => (await startReader(memory.cursor as { at: number })).look();
  for (let tries = 1; tries < 6; tries++)
    await expect(attempt()).rejects.toMatchObject({ kind: "transient" });
  expect(await attempt()).toMatchObject([
    {
      kind: "rejected",
      externalId: `ticket-read:${odd.ticketId}`,
      reason: expect.stringContaining("6 times"),
    },
    { kind: "message", externalId: `message:${whole.messageId}` },
  ]);
  // What it lists is what it brings, also on demand.
  expect(await list(lately())).toEqual(idsOf(memory.events));
  const only = new Set([`ticket-read:${odd.ticketId}`]);
  expect(idsOf(await backfill({ only }))).toEqual([...only]);
  fake.fault = null;
  expect(await list(lately())).toEqual([`message:${odd.messageId}`, `message:${whole.messageId}`]);
});

test("a ticket that fails often within a short time is not set aside yet", async () => {
  const { fake, startReader, memory, client } = await openAccount({ lax: true, tuning: { oddMs: 60_000 } });
  await startReader();
  const odd = fake.customerWrites({ key: "odd", text: "never" });
  fake.customerWrites({ key: "whole", text: "whole" });
  fake.fault = (_, path) => (path.endsWith(`/threads/${odd.threadId}/messages`) ? 500 : null);
  const attempt = async () => (await startReader(memory.cursor as { at: number })).look();
  for (let tries = 1; tries < 9; tries++)
    await expect(attempt()).rejects.toMatchObject({ kind: "transient" });
  // As if that time had passed.
  Object.assign(client.tuning, { oddMs: 0 });
  expect(await attempt()).toMatchObject([{ kind: "rejected" }, { kind: "message" }]);
});

test("a form's ticket that was set aside still counts as missing, and is fetched later", async () => {
  const { fake, startReader, memory, client, signal, list, backfill } = await openAccount({ lax: true });
  await startReader();
  const form = fake.opensTicket({ content: "By form.", source_type: "FORM" });
  const { messageId } = fake.customerWrites({ key: "whole", text: "whole" });
  fake.fault = (_, path) => (path.endsWith(`/tickets/${form}`) ? 500 : null);
  const attempt = async () => (await startReader(memory.cursor as { at: number })).look();
  for (let tries = 1; tries < 6; tries++)
    await expect(attempt()).rejects.toMatchObject({ kind: "transient" });
  const events = await attempt();
  const only = new Set([`ticket-read:${form}`]);
  expect(idsOf(events)).toEqual([...only, `message:${messageId}`]);
  expect(idsOf(await backfill({ only }))).toEqual([...only]);
  fake.fault = null;
  expect(await list(lately())).toEqual([`message:${messageId}`, `ticket:${form}`]);
  const message = { kind: "message", externalId: `ticket:${form}`, text: "By form." };
  expect(await backfill({ only: new Set([`ticket:${form}`]) })).toMatchObject([message]);
  // From the quarantine too.
  const [kept] = events;
  const raw = kept?.kind === "rejected" ? kept.raw : undefined;
  expect(await reread(client, raw ?? new Uint8Array(), signal)).toMatchObject([message]);
});

test("while HubSpot is in trouble with all conversations, no ticket goes to quarantine", async () => {
  const { fake, startReader, memory } = await openAccount({ lax: true });
  await startReader();
  const { messageId } = fake.customerWrites({ key: "a", text: "a" });
  // This one needs none of what is in trouble.
  fake.opensTicket({ content: "By hand.", source_type: "PHONE" });
  fake.fault = (operation) => (operation === "messages" ? 503 : null);
  const attempt = async () => (await startReader(memory.cursor as { at: number })).look();
  for (let tries = 1; tries < 9; tries++)
    await expect(attempt()).rejects.toMatchObject({ kind: "transient" });
  fake.fault = null;
  expect(idsOf(await attempt())).toEqual([`message:${messageId}`]);
});

test("a thread without a time that can be read is read all the same, and is listed", async () => {
  const { fake, startReader, list } = await openAccount();
  const reader = await startReader();
  const { ticketId, threadId, messageId } = fake.customerWrites({ key: "a", text: "a" });
  fake.agentSets(ticketId, "source_type", "FORM");
  const thread = fake.store.threads.get(threadId);
  if (thread) thread.createdAt = Number.NaN;
  expect(idsOf(await reader.look())).toEqual([`message:${messageId}`]);
  expect(await list(lately())).toEqual([`message:${messageId}`]);
});

test("a thread that HubSpot gives in no form is listed as it was read, and does not end the list", async () => {
  const { fake, startReader, list } = await openAccount({ lax: true });
  const reader = await startReader();
  const odd = fake.customerWrites({ key: "odd", text: "odd" });
  const whole = fake.customerWrites({ key: "whole", text: "whole" });
  fake.fault = (_, path) => (path.endsWith(`/threads/${odd.threadId}/messages`) ? 400 : null);
  const ids = idsOf(await reader.look());
  expect(ids).toEqual([`ticket:${odd.ticketId}`, `message:${whole.messageId}`]);
  expect(await list(lately())).toEqual(ids);
});

test("what was kept in quarantine is read once it can be, when its ticket changes", async () => {
  const { fake, startReader } = await openAccount({ lax: true });
  const reader = await startReader();
  const form = fake.opensTicket({ content: "By form.", source_type: "FORM" });
  fake.fault = (operation) => (operation === "threads" ? 400 : null);
  expect(await reader.look()).toMatchObject([{ kind: "rejected", externalId: `ticket:${form}` }]);
  fake.fault = null;
  fake.agentMoves(form, "2");
  expect(await reader.look()).toMatchObject([{ kind: "message", text: "By form." }]);
});

test("a name, a contact or the whole of a cut mail that is not to be had costs no message, and does not stop the others", async () => {
  const { fake, startReader } = await openAccount({ lax: true });
  const reader = await startReader();
  const { ticketId } = fake.customerWrites({ key: "a", text: "by chat", channel: "CHAT" });
  const cut = fake.customerWrites({
    key: "b",
    text: "its beginning",
    fields: { truncationStatus: "TRUNCATED" },
  });
  const form = fake.opensTicket({ content: "By form.", source_type: "FORM" });
  fake.fault = (operation) => (operation === "actor" ? 400 : null);
  fake.forbidden.add(`/messages/${cut.messageId}/original-content`).add(`/tickets/${form}`);
  expect(await reader.look()).toMatchObject([
    { kind: "message", threadId: ticketId, text: "by chat" },
    { kind: "message", text: "its beginning" },
    { kind: "message", text: "By form." },
  ]);
});

test("a page of the search that lacks what was deleted meanwhile is not the last one", async () => {
  const { fake, startReader } = await openAccount({ tuning: { searchPage: 3, overlapMs: 60_000 } });
  const reader = await startReader();
  const tickets = ["a", "b", "c", "d", "e", "f", "g"].map((key) => fake.customerWrites({ key, text: key }));
  const left = tickets.filter((_, i) => i !== 1 && i !== 4);
  // The search still knows them.
  for (const i of [1, 4]) fake.deletesTicket(tickets[i]?.ticketId ?? "");
  expect(idsOf(await reader.look())).toEqual(left.map(({ messageId }) => `message:${messageId}`));
});

test("a form whose thread is spam, or in the trash, is no message of its own", async () => {
  const { fake, startReader, backfill, list } = await openAccount();
  const reader = await startReader();
  const spam = fake.customerWrites({ key: "spam", text: "Buy!" });
  const trash = fake.customerWrites({ key: "trash", text: "Thanks." });
  for (const { ticketId } of [spam, trash]) fake.agentSets(ticketId, "source_type", "FORM");
  fake.thread(spam.ticketId).spam = true;
  expect(idsOf(await reader.look())).toEqual([`message:${trash.messageId}`]);
  fake.thread(trash.ticketId).archived = true;
  fake.agentMoves(trash.ticketId, "2");
  expect(await reader.look()).toEqual([]);
  expect(await backfill()).toEqual([]);
  expect(await list(lately())).toEqual([]);
});

test("a file that HubSpot gives no address for is told to be missing", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const attachments = [{ type: "FILE", fileId: "7", name: "photo.png", fileUsageType: "IMAGE" }];
  fake.customerWrites({ key: "a", text: "see", fields: { attachments } });
  expect(await reader.look()).toMatchObject([
    { sourceData: { leftOut: [{ name: "photo.png", reason: expect.stringContaining("no address") }] } },
  ]);
});

test("a reply that quotes more than can be stored is read without the quote", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const fields = { truncationStatus: "TRUNCATED_TO_MOST_RECENT_REPLY" };
  const { messageId } = fake.customerWrites({ key: "a", text: "Thanks, all is well.", fields });
  const whole = `Thanks,  all is well.\n${"> and so on\n".repeat(20_000)}`;
  fake.store.originals.set(messageId, { text: whole, richText: "" });
  expect(await reader.look()).toMatchObject([{ kind: "message", text: "Thanks, all is well." }]);
});

test("many tickets that changed at once are gone through although reading breaks off again and again", async () => {
  const { fake, startReader, memory } = await openAccount({ lax: true, tuning: { overlapMs: 60_000 } });
  await startReader();
  const ids = fake.changesAtOnce(100, fake.store.tick());
  let asked = 0;
  fake.fault = (operation) => (operation === "batch-read" && ++asked % 3 === 0 ? 400 : null);
  for (let breaks = 0; breaks < 2; breaks++) {
    const reader = await startReader(memory.cursor as { at: number });
    const readOn = async () => {
      for (;;) await reader.next();
    };
    await expect(readOn()).rejects.toMatchObject({ kind: "permanent" });
  }
  await (await startReader(memory.cursor as { at: number })).look();
  expect(memory.events).toHaveLength(ids.length);
});
