/** What the conformance suite does not ask of the `zammad` connector: whose draft it is, what counts as an answer, what is read. */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { OutgoingDraft } from "../../plugins/contract/connector.ts";
import type { ConnectorEvent, InboundMessage } from "../../plugins/contract/events.ts";
import { createKitHost, type KitHost } from "../../plugins/kit/host.ts";
import { createJournal } from "../../plugins/kit/journal.ts";
import { rawRequest } from "../../plugins/kit/world.ts";
import { createPatience } from "../../plugins/toolkit/patience.ts";
import { zammad } from "./index.ts";
import { type FakeZammad, startFakeZammad } from "./testing/fake-zammad.ts";

let desk: FakeZammad;
let host: KitHost;
beforeEach(async () => {
  desk = await startFakeZammad();
  const { url, token, webhookSecret } = desk;
  host = createKitHost(zammad, { url, token, webhookSecret }, createJournal());
});
afterEach(async () => {
  await host.close(1_000);
  const { violations } = desk;
  await desk.close();
  expect(violations).toEqual([]);
});

/** Reads until nothing new comes. @returns what is stored by then */
async function read(): Promise<readonly ConnectorEvent[]> {
  const reading = host.read();
  await expect.poll(() => reading.rounds + reading.errors.length, { timeout: 5_000 }).toBeGreaterThan(1);
  await reading.stop(1_000);
  expect(reading.errors).toEqual([]);
  return host.memory.events;
}

async function messageOf(article: { id: number }): Promise<InboundMessage> {
  const found = (await read()).find(({ externalId }) => externalId === `article:${article.id}`);
  if (found?.kind !== "message") throw new Error(`article ${article.id} did not come as a message`);
  return found;
}

function draftFor({ externalId, threadId = "", text, sourceData }: InboundMessage): OutgoingDraft {
  const requester = { name: "Ada Berg", email: "ada@customer.example" };
  const about = { externalId, text, quoted: null, sentAt: new Date(), sourceData: sourceData ?? null };
  return {
    id: randomUUID(),
    idempotencyKey: randomUUID(),
    ticket: { id: randomUUID(), code: "0123456789", threadId, subject: "My tent", requester },
    message: { id: randomUUID(), ...about },
    text: "Hello Ada,\n\nit is on its way.",
    language: "en",
    labels: null,
    sources: [{ title: "Parcels", path: "parcels.md" }],
    writtenBy: "offline",
  };
}

const textOf = (ticket: number) => desk.drafts.get(ticket)?.new_article.body;

test("a draft fills the form of an answer by mail, and shows nothing but its text", async () => {
  const { id } = desk.open("My tent");
  const article = desk.customerWrites(id, "Where is my tent?");
  expect(await host.put(draftFor(await messageOf(article)))).toMatchObject({ created: true });
  expect(desk.drafts.get(id)?.new_article).toEqual({
    type: "email",
    to: "ada@customer.example",
    in_reply_to: article.message_id,
    content_type: "text/html",
    internal: false,
    body: "<p>Hello Ada,</p><p>it is on its way.</p>",
    deskwire: expect.stringMatching(/^dw-[0-9a-f]{20} [0-9a-f]{20}$/),
  });
  expect(desk.drafts.get(id)?.ticket_attributes).toEqual({});
});

test("an answer goes where Reply-To says, and by its own way where there is no address", async () => {
  const form = desk.open("A form");
  const byForm = desk.customerWrites(form.id, "Hello", { reply_to: "Eve <eve@customer.example>" });
  await host.put(draftFor(await messageOf(byForm)));
  expect(desk.drafts.get(form.id)?.new_article).toMatchObject({ type: "email", to: "eve@customer.example" });
  const chat = desk.open("A chat");
  const bySms = desk.customerWrites(chat.id, "Hello", { type: "sms", from: "+49 30 1234567" });
  await host.put(draftFor(await messageOf(bySms)));
  expect(desk.drafts.get(chat.id)?.new_article).toMatchObject({ type: "sms", to: "" });
});

test("a newer draft replaces one of ours that nobody touched", async () => {
  const { id } = desk.open("My tent");
  const message = await messageOf(desk.customerWrites(id, "Where is my tent?"));
  const first = await host.put(draftFor(message));
  const second = await host.put({ ...draftFor(message), text: "A better answer" });
  expect(second).toEqual({ ...first, created: true });
  expect(textOf(id)).toBe("<p>A better answer</p>");
});

test("a draft that an agent wrote, or changed, stays as it is", async () => {
  const { id } = desk.open("My tent");
  const message = await messageOf(desk.customerWrites(id, "Where is my tent?"));
  desk.agentSavesDraft(id, "I am looking for it.");
  expect(await host.put(draftFor(message))).toEqual({ skipped: "edited" });
  expect(textOf(id)).toBe("<p>I am looking for it.</p>");

  const other = desk.open("My boots");
  const about = await messageOf(desk.customerWrites(other.id, "Where are my boots?"));
  const draft = draftFor(about);
  await host.put(draft);
  // Another program keeps our field, and changes the text.
  Object.assign(desk.drafts.get(other.id)?.new_article ?? {}, { body: "<p>Hello Ada, it is lost.</p>" });
  expect(await host.put(draft)).toEqual({ skipped: "edited" });
  expect(textOf(other.id)).toBe("<p>Hello Ada, it is lost.</p>");
});

test("answered meanwhile or closed, a ticket gets no draft; a note is no answer", async () => {
  const { id } = desk.open("My tent");
  const message = await messageOf(desk.customerWrites(id, "Where is my tent?"));
  desk.agentWrites(id, "Look into the store, please.", { type: "note", internal: true });
  desk.agentWrites(id, "For the record.", { type: "note" });
  expect(await host.put(draftFor(message))).toMatchObject({ created: true });
  desk.agentWrites(id, "It is here.", { type: "phone" });
  expect(await host.put(draftFor(message))).toEqual({ skipped: "answered" });

  const merged = desk.open("The same");
  const again = await messageOf(desk.customerWrites(merged.id, "Hello?"));
  desk.setState(merged.id, "merged");
  expect(await host.put(draftFor(again))).toEqual({ skipped: "closed" });
  expect(desk.drafts.has(merged.id)).toBe(false);
});

test("a ticket that the user may not change fails alone, and the connector goes on", async () => {
  const { id } = desk.open("My tent");
  const message = await messageOf(desk.customerWrites(id, "Where is my tent?"));
  desk.refusals.set(`/tickets/${id}/shared_draft`, 403);
  await expect(host.put(draftFor(message))).rejects.toMatchObject({ kind: "permanent" });
  desk.refusals.clear();
});

/** Reads through failures, until this one is stored. */
async function readUntil(externalId: string): Promise<readonly unknown[]> {
  const reading = host.read();
  const isStored = () => host.memory.events.some((one) => one.externalId === externalId);
  await expect.poll(isStored, { timeout: 5_000 }).toBe(true);
  await reading.stop(1_000);
  return reading.errors;
}

test.each([403, 404])("a ticket that answers %i for a moment loses nothing", async (status) => {
  const hidden = desk.open("Hidden for a moment");
  desk.customerWrites(hidden.id, "Hello?");
  desk.refusals.set(`/by_ticket/${hidden.id}`, status);
  const reading = host.read();
  await expect.poll(() => reading.errors.length, { timeout: 5_000 }).toBeGreaterThan(0);
  desk.refusals.clear();
  await expect.poll(() => host.memory.events.length, { timeout: 5_000 }).toBe(1);
  await reading.stop(1_000);
  for (const error of reading.errors) expect(error).toMatchObject({ kind: "transient" });
  expect(host.memory.events).toMatchObject([{ kind: "message", externalId: "article:1000" }]);
});

test("a ticket that alone stays hidden since it was listed ends in quarantine, and the others go on", async () => {
  Object.assign((await host.client()) as object, { patience: createPatience(100) });
  const hidden = desk.open("Hidden since it was listed");
  desk.customerWrites(hidden.id, "Hello?");
  desk.customerWrites(desk.open("Another").id, "And me?");
  desk.refusals.set(`/by_ticket/${hidden.id}`, 403);
  const errors = await readUntil("article:1001");
  expect(errors.length).toBeGreaterThanOrEqual(2);
  for (const error of errors) expect(error).toMatchObject({ kind: "transient" });
  expect(host.memory.events).toMatchObject([
    { kind: "rejected", externalId: "ticket:1", reason: expect.stringContaining("answered 403") },
    { kind: "message", externalId: "article:1001" },
  ]);
});

test("a ticket of more than 10 MB is read, and one of more than 100 MB ends in quarantine alone", async () => {
  const long = desk.open("Long");
  desk.customerWrites(long.id, "Hello?", { more: "x".repeat(11_000_000) });
  const longest = desk.open("Longest");
  desk.customerWrites(longest.id, "Hello?", { more: "x".repeat(101_000_000) });
  desk.customerWrites(desk.open("Short").id, "Hello?");
  expect(await readUntil("article:1002")).toEqual([]);
  expect(host.memory.events).toMatchObject([
    { kind: "message", externalId: "article:1000" },
    { kind: "rejected", externalId: "ticket:2", reason: expect.stringContaining("larger than 100000000") },
    { kind: "message", externalId: "article:1002" },
  ]);
});

test("a webhook brings what an agent answered before its article, too, and each once", async () => {
  await read();
  const { id } = desk.open("My tent");
  desk.customerWrites(id, "Where is my tent?");
  desk.agentWrites(id, "It is here.");
  const article = desk.customerWrites(id, "No, it is not.");
  const bytes = new TextEncoder().encode(JSON.stringify({ ticket: desk.tickets.get(id), article }));
  const send = () => host.receive(rawRequest({ body: bytes, headers: desk.signed(bytes) }));
  const ids = ["article:1000", "article:1001", "article:1002"];
  expect(await send()).toMatchObject({ status: 202, accepted: ids.map((externalId) => ({ externalId })) });
  desk.articles.pop();
  expect(await send()).toMatchObject({ status: 202, accepted: [{ externalId: "article:1002" }] });
  desk.tickets.delete(id);
  expect(await send()).toMatchObject({ status: 202, accepted: [{ externalId: "article:1002" }] });
  expect(host.memory.events.map(({ externalId }) => externalId)).toEqual(ids);
});

test("a quote, or a text, of more than 200,000 characters is cut", async () => {
  const { id } = desk.open("My tent");
  const marker = '<span class="js-signatureMarker"></span>';
  const long = "word ".repeat(50_000);
  desk.customerWrites(id, "", { body: `<p>New words</p>${marker}<p>${long}</p>${marker}<p>${long}</p>` });
  desk.customerWrites(id, "", { body: "x".repeat(250_000), content_type: "text/plain" });
  expect(await read()).toMatchObject([
    { kind: "message", text: "New words", quoted: expect.stringMatching(/^word word /) },
    { kind: "message", text: "x".repeat(200_000) },
  ]);
});

test("customers' words are messages, agents' answers are replies, and the rest is passed over", async () => {
  const { id } = desk.open("My tent");
  const marked = `<div>New words</div><span class="js-signatureMarker"></span><blockquote>Old words</blockquote>`;
  desk.customerWrites(id, "", { body: marked });
  desk.agentWrites(id, "It is here.");
  desk.agentWrites(id, "Between us.", { internal: true });
  desk.agentWrites(id, "We got your mail.", { sender: "System" });
  desk.customerWrites(id, "I am away.", { preferences: { "is-auto-response": true } });
  desk.customerWrites(id, "", {
    body: "Called about it\n<again>",
    content_type: "text/plain",
    type: "phone",
  });
  desk.customerWrites(id, "From long ago", { created_at: new Date(Date.now() - 600_000).toISOString() });
  expect(await read()).toMatchObject([
    {
      kind: "message",
      externalId: "article:1000",
      threadId: `${id}`,
      text: "New words",
      quoted: "> Old words",
    },
    {
      kind: "agent-reply",
      externalId: "article:1001",
      text: "It is here.",
      agent: { email: "desk@example.com" },
    },
    { kind: "message", externalId: "article:1004", skip: "automatic" },
    { kind: "message", externalId: "article:1005", text: "Called about it\n<again>" },
    { kind: "message", externalId: "article:1006", skip: "history" },
  ]);
  const [first] = host.memory.events;
  expect(first).toMatchObject({
    subject: "My tent",
    requester: { name: "Ada Berg", email: "ada@customer.example" },
  });
  expect(first).not.toHaveProperty("skip");
});

test("many tickets that were changed in the same millisecond all come, each once", async () => {
  await read();
  const time = new Date().toISOString();
  for (let n = 0; n < 180; n++) {
    const ticket = desk.open(`Number ${n}`);
    desk.customerWrites(ticket.id, `Text ${n}`);
    ticket.updated_at = time;
  }
  expect(await read()).toHaveLength(180);
  expect(host.memory.handedOver).toHaveLength(180);
});

test("a change that shows up after later ones is found, and what is known is not read again", async () => {
  const late = desk.open("Begun first");
  const quick = desk.open("Committed first");
  desk.customerWrites(quick.id, "Quick");
  desk.tickets.delete(late.id);
  expect(await read()).toHaveLength(1);
  desk.customerWrites(late.id, "Late");
  late.updated_at = new Date(Date.now() - 60_000).toISOString();
  desk.tickets.set(late.id, late);
  expect(await read()).toHaveLength(2);
  expect(host.memory.handedOver).toHaveLength(2);
});

test("a webhook without an article that can be read ends in quarantine, and without a secret none is taken", async () => {
  const send = (body: object) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    return host.receive(rawRequest({ body: bytes, headers: desk.signed(bytes) }));
  };
  const ticket = { id: 5, title: "My tent", updated_at: new Date().toISOString() };
  expect(await send({ ticket, article: {} })).toMatchObject({
    status: 202,
    accepted: [{ kind: "rejected" }],
  });
  const open = createKitHost(zammad, { url: desk.url, token: desk.token }, createJournal());
  const bytes = new TextEncoder().encode("{}");
  const request = rawRequest({ body: bytes, headers: desk.signed(bytes) });
  expect(await open.receive(request)).toMatchObject({ status: 401 });
});
