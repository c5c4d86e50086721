/** Reading: nothing lost and nothing turned in circles, however many tickets share a time and however late the search is. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { idsOf, openAccount } from "./testing/test-account.ts";

const hourMs = 3_600_000;

test("tickets that changed in the same moment are all read, each once, though they are more than a search gives", async () => {
  const { fake, startReader } = await openAccount({
    searchLimit: 10,
    tuning: { searchPage: 5, overlapMs: 60_000 },
  });
  const reader = await startReader();
  const at = fake.store.tick();
  const before = fake.opensTicket({ content: "before", source_type: "FORM" }, undefined, at - 1);
  const same = fake.changesAtOnce(32, at);
  const after = fake.opensTicket({ content: "after", source_type: "FORM" }, undefined, at + 1);
  const ids = idsOf(await reader.look());
  expect(ids).toEqual([before, ...same, after].map((id) => `ticket:${id}`));
  // What is in the look-back is known by then.
  const reads = fake.requests.filter((one) => one.includes("/threads")).length;
  expect(await reader.look()).toEqual([]);
  expect(fake.requests.filter((one) => one.includes("/threads"))).toHaveLength(reads);
});

test("a page that ends amid a moment goes on behind it, and one of full pages ends", async () => {
  const { fake, startReader } = await openAccount({ tuning: { searchPage: 4, overlapMs: 60_000 } });
  const reader = await startReader();
  const at = fake.store.tick();
  const ids = [
    ...fake.changesAtOnce(3, at),
    ...fake.changesAtOnce(4, at + 1),
    ...fake.changesAtOnce(8, at + 2),
  ];
  expect(idsOf(await reader.look()).toSorted()).toEqual(ids.map((id) => `ticket:${id}`).toSorted());
});

test("a ticket that the search learns of late is found by looking back", async () => {
  const { fake, startReader } = await openAccount({ tuning: { overlapMs: 60_000, searchPage: 5 } });
  const reader = await startReader();
  fake.store.searchLagMs = 900;
  const late = fake.customerWrites({ key: "late", text: "I am found late" });
  fake.store.searchLagMs = 0;
  const soon = fake.customerWrites({ key: "soon", text: "I am found at once" });
  expect(idsOf(await reader.look())).toEqual([`message:${soon.messageId}`]);
  await sleep(950);
  expect(idsOf(await reader.look())).toEqual([`message:${late.messageId}`]);
});

test("the look-back does not read again what has not changed, and what has changed brings only what is new", async () => {
  const { fake, startReader } = await openAccount({ tuning: { overlapMs: 60_000 } });
  const reader = await startReader();
  const content = new TextEncoder().encode("a file");
  const first = fake.customerWrites({ key: "a", text: "one", files: [{ name: "a.txt", content }] });
  expect(await reader.look()).toHaveLength(1);
  expect(await reader.look()).toEqual([]);
  const second = fake.customerWrites({ key: "b", thread: "a", text: "two" });
  expect(idsOf(await reader.look())).toEqual([`message:${second.messageId}`]);
  expect(fake.fileHost.requests).toBe(1);
  expect(first.ticketId).toBe(second.ticketId);
});

test("the place moves on with HubSpot's clock, so that a quiet night is not read again in the morning", async () => {
  const { fake, startReader } = await openAccount({ tuning: { overlapMs: 0 } });
  const reader = await startReader({ at: Date.now() - 10 * hourMs });
  fake.changesAtOnce(3, Date.now() - 9 * hourMs);
  expect(await reader.look()).toHaveLength(3);
  const { cursor } = await reader.next();
  expect(Date.now() - cursor.at).toBeLessThan(5_000);
});

test("what was written before the account was first read is history, and agents' old answers are replies", async () => {
  const { fake, startReader } = await openAccount();
  const at = Date.now() - 3 * hourMs;
  const old = fake.customerWrites({ key: "old", text: "long ago", at });
  const reader = await startReader();
  const answer = fake.agentReplies(old.ticketId, "An old answer", {
    fields: { createdAt: new Date(at + 1_000).toISOString() },
  });
  const news = fake.customerWrites({ key: "new", thread: "old", text: "just now" });
  const events = await reader.look();
  expect(events).toMatchObject([
    { kind: "message", externalId: `message:${old.messageId}`, skip: "history", threadId: old.ticketId },
    { kind: "agent-reply", externalId: `message:${answer}`, agent: { name: "Kim Roe", externalId: "A-901" } },
    { kind: "message", externalId: `message:${news.messageId}`, text: "just now" },
  ]);
  expect(events[2]).not.toHaveProperty("skip");
});

test("a ticket that a form opened is a message of its own; of one by mail or chat, or by hand, the thread is", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const ada = { name: "Ada Berg", email: "ada@customer.example" };
  const form = fake.opensTicket({ subject: "Boots", content: "They leak.", source_type: "FORM" }, ada);
  const program = fake.opensTicket({ content: "By API.", hs_object_source: "INTEGRATION" });
  fake.opensTicket({ content: "Called me.", source_type: "PHONE" });
  fake.opensTicket({ content: "By hand.", hs_object_source_label: "CRM_UI" });
  fake.opensTicket({
    content: "Its mail comes later.",
    source_type: "EMAIL",
    hs_object_source: "INTEGRATION",
  });
  fake.opensTicket({ content: "  ", source_type: "FORM" });
  const [first, second, ...more] = await reader.look();
  expect(first).toMatchObject({
    externalId: `ticket:${form}`,
    threadId: form,
    subject: "Boots",
    text: "They leak.",
    requester: ada,
  });
  expect(second).toMatchObject({ externalId: `ticket:${program}`, requester: {} });
  expect(more).toEqual([]);
});

test("a new ticket waits a moment for its thread, and is read once that is there or does not come", async () => {
  const { fake, startReader } = await openAccount({ tuning: { overlapMs: 60_000, settleMs: 60_000 } });
  const reader = await startReader();
  const form = fake.opensTicket({ content: "Alone.", source_type: "FORM" });
  const mail = fake.opensTicket({ content: "Its mail comes.", source_type: "EMAIL" });
  expect(await reader.look()).toEqual([]);
  // Neither of them changes by what comes now.
  const other = fake.customerWrites({ key: "a", text: "Its mail comes." });
  fake.thread(other.ticketId).ticketId = mail;
  expect(await reader.look()).toMatchObject([{ externalId: `message:${other.messageId}`, threadId: mail }]);
  fake.ticket(form).createdAt -= 60_000;
  expect(idsOf(await reader.look())).toEqual([`ticket:${form}`]);
});

test("a ticket that is deleted before it could be read is passed over, and so is spam", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const gone = fake.customerWrites({ key: "gone", text: "gone" });
  const spam = fake.customerWrites({ key: "spam", text: "Buy!" });
  const kept = fake.customerWrites({ key: "kept", text: "kept" });
  fake.thread(spam.ticketId).spam = true;
  // The search still knows it.
  fake.store.searchLagMs = 60_000;
  fake.deletesTicket(gone.ticketId);
  expect(idsOf(await reader.look())).toEqual([`message:${kept.messageId}`]);
});

test("only tickets of the pipelines in the config are read", async () => {
  const { fake, startReader, list } = await openAccount({ config: { pipelines: ["77"] } });
  const reader = await startReader();
  fake.customerWrites({ key: "other", text: "for others" });
  const ours = fake.opensTicket({ content: "ours", source_type: "FORM", hs_pipeline: "77" });
  expect(idsOf(await reader.look())).toEqual([`ticket:${ours}`]);
  const day = { since: new Date(Date.now() - hourMs), until: new Date(Date.now() + hourMs) };
  expect(await list(day)).toEqual([`ticket:${ours}`]);
});

test("a thread that the token may not read goes to quarantine alone, and can be read once it may", async () => {
  const { fake, client, signal, startReader } = await openAccount();
  const reader = await startReader();
  const closed = fake.customerWrites({ key: "closed", text: "for other eyes" });
  const open = fake.customerWrites({ key: "open", text: "for all" });
  fake.forbidden.add(`/threads/${closed.threadId}/messages`);
  const events = await reader.look();
  expect(idsOf(events)).toEqual([`thread:${closed.threadId}`, `message:${open.messageId}`]);
  const raw = events[0]?.kind === "rejected" ? (events[0].raw ?? new Uint8Array()) : new Uint8Array();
  const { pull } = await import("./index.ts").then(({ hubspot }) => hubspot);
  await expect(pull?.reread?.(client, raw, signal)).rejects.toMatchObject({ kind: "permanent" });
  fake.forbidden.clear();
  expect(await pull?.reread?.(client, raw, signal)).toMatchObject([{ text: "for other eyes" }]);
});

test("a missing scope stops reading with an error of kind auth", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  fake.customerWrites({ key: "a", text: "a" });
  fake.scopes = fake.scopes.filter((scope) => scope !== "conversations.read");
  await expect(reader.look()).rejects.toMatchObject({ kind: "auth" });
});

test("a backfill brings older tickets whole and in order, or those that were asked for alone", async () => {
  const { fake, backfill, list } = await openAccount({ tuning: { searchPage: 2 } });
  const at = Date.now() - 30 * 24 * hourMs;
  const ids: string[] = [];
  for (let day = 0; day < 5; day++) {
    const key = `day-${day}`;
    const written = fake.customerWrites({ key, text: key, at: at + day * 24 * hourMs });
    ids.push(`message:${written.messageId}`);
  }
  const form = fake.opensTicket({ content: "a form", source_type: "FORM" }, undefined, Date.now() - hourMs);
  expect(idsOf(await backfill())).toEqual(expect.arrayContaining([...ids, `ticket:${form}`]));
  const late = await backfill({ since: new Date(at + 2.5 * 24 * hourMs) });
  expect(idsOf(late).toSorted()).toEqual([...ids.slice(3), `ticket:${form}`].toSorted());
  const only = new Set([ids[1] ?? "", `ticket:${form}`]);
  expect(new Set(idsOf(await backfill({ since: new Date(at), only })))).toEqual(only);
  const day = { since: new Date(at), until: new Date(at + 1.5 * 24 * hourMs) };
  expect(await list(day)).toEqual(ids.slice(0, 2));
  await expect(backfill({ path: "a.json" })).rejects.toMatchObject({ kind: "config" });
});

test("a form's own thread holds its text; one that an agent begins later does not", async () => {
  const { fake, startReader, backfill } = await openAccount();
  const at = Date.now() - 10 * hourMs;
  const form = fake.opensTicket({ content: "By form.", source_type: "FORM" }, undefined, at);
  fake.addThread(form, Date.now());
  fake.agentReplies(form, "Thank you");
  expect(await backfill()).toMatchObject([{ text: "By form." }, { kind: "agent-reply" }]);
  const reader = await startReader();
  const { ticketId, messageId } = fake.customerWrites({ key: "a", text: "By form too." });
  fake.agentSets(ticketId, "source_type", "FORM");
  expect(idsOf(await reader.look())).toContain(`message:${messageId}`);
  expect(idsOf(await reader.look())).not.toContain(`ticket:${ticketId}`);
});

test("a ticket that cannot be read goes to quarantine, and does not take others with it", async () => {
  const { fake, startReader } = await openAccount();
  const reader = await startReader();
  const broken = fake.customerWrites({ key: "broken", text: "broken" });
  fake.ticket(broken.ticketId).createdAt = Date.UTC(60_000, 0);
  const whole = fake.customerWrites({ key: "whole", text: "whole" });
  expect(await reader.look()).toMatchObject([
    { kind: "message", externalId: `message:${whole.messageId}` },
    {
      kind: "rejected",
      externalId: `ticket:${broken.ticketId}`,
      reason: expect.stringContaining("createdAt"),
    },
  ]);
});
