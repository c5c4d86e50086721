/** Notes: one for each draft however often it is put, none over an agent's head. */
import { expect, test } from "vitest";
import { noteHtml, noteMarker } from "../../plugins/toolkit/note.ts";
import { openClient } from "./client.ts";
import { put } from "./deliver.ts";
import { type Account, openAccount } from "./testing/test-account.ts";
import { written } from "./testing/test-draft.ts";

test("a draft becomes one note, in the owner's name, and is found again", async () => {
  const account = await openAccount({ config: { ownerId: "77" } });
  const { draft, ticketId } = written(account);
  const first = await account.put(draft);
  const [note, ...more] = account.fake.notes();
  expect(first).toEqual({ externalId: note?.id, created: true });
  expect(note).toMatchObject({ ticketId, ownerId: "77", html: expect.stringContaining("It is on its way.") });
  expect(more).toEqual([]);
  expect(await account.put(draft)).toEqual({ externalId: note?.id, created: false });
});

test("a note that an agent has changed stays as it is", async () => {
  const account = await openAccount();
  const { draft } = written(account);
  await account.put(draft);
  const [note] = account.fake.notes();
  const changed = `<p>Mine now. ${noteMarker(draft)}</p>`;
  account.fake.agentEditsNote(note?.id ?? "", changed);
  expect(await account.put(draft)).toMatchObject({ created: false });
  expect(account.fake.notes()).toMatchObject([{ html: changed }]);
});

test("a note is found though it stands behind many others, and an agent's copy of it is not taken for it", async () => {
  const account = await openAccount({ associationPage: 2 });
  const { draft, ticketId } = written(account);
  await account.put(draft);
  const [first] = account.fake.notes();
  const ticket = account.fake.ticket(ticketId);
  const addNote = (html: string) => {
    const id = account.fake.store.nextId();
    const properties = { hs_note_body: html, hs_object_source: "CRM_UI" };
    account.fake.store.notes.set(id, {
      id,
      createdAt: 1,
      updatedAt: 1,
      archived: false,
      properties,
      history: {},
    });
    ticket.notes.unshift(id);
  };
  for (let n = 0; n < 7; n++) addNote(`<p>note ${n}</p>`);
  addNote(noteHtml(draft));
  expect(await account.put(draft)).toEqual({ externalId: first?.id, created: false });
  account.fake.store.notes.delete(first?.id ?? "");
  expect(await account.put(draft)).toMatchObject({ created: true });
});

test("two nodes that put the same draft at the same time leave one note, and both name it", async () => {
  const account = await openAccount();
  const { draft } = written(account);
  // Neither sees the other's note before it writes.
  let waiting = 0;
  const both = Promise.withResolvers<void>();
  account.fake.onBeforeWrite = (what) => {
    if (what !== "create-note") return undefined;
    if (++waiting === 2) both.resolve();
    return both.promise;
  };
  const other = openClient(account.client.ctx, account.signal);
  const results = await Promise.all([
    put(account.client, draft, account.signal),
    put(other, draft, account.signal),
  ]);
  const [note, ...more] = account.fake.notes();
  expect(more).toEqual([]);
  expect(results).toMatchObject([{ externalId: note?.id }, { externalId: note?.id }]);
  expect(results.filter((one) => "created" in one && one.created)).toHaveLength(1);
});

test("an agent who answers between the look and the write finds no note, and neither does one who was faster", async () => {
  const account = await openAccount();
  const slow = written(account);
  account.fake.onBeforeWrite = (what) => {
    if (what === "create-note") account.fake.agentReplies(slow.ticketId, "I was faster");
  };
  expect(await account.put(slow.draft)).toEqual({ skipped: "answered" });
  account.fake.onBeforeWrite = null;
  const late = written(account, {}, "b");
  account.fake.agentReplies(late.ticketId, "Done");
  expect(await account.put(late.draft)).toEqual({ skipped: "answered" });
  expect(account.fake.notes()).toEqual([]);
});

test("an agent who answers right after the note was written keeps it, since the answer may come from it", async () => {
  const account = await openAccount();
  const { draft, ticketId } = written(account);
  account.fake.onAfterWrite = (what) => {
    if (what === "create-note") account.fake.agentReplies(ticketId, "As the note says");
  };
  expect(await account.put(draft)).toMatchObject({ created: true });
  expect(account.fake.notes()).toHaveLength(1);
});

test("a newer message makes the draft superfluous; bots, comments and automatic answers do not", async () => {
  const account = await openAccount();
  const { draft, ticketId } = written(account);
  account.fake.agentReplies(ticketId, "We have got it", { actorId: "B-1" });
  account.fake.agentReplies(ticketId, "It bounced", { fields: { status: { statusType: "FAILED" } } });
  account.fake.addEntry(ticketId, { type: "COMMENT", text: "hm", createdBy: "A-901" });
  account.fake.customerWrites({ key: "away", thread: "a", text: "I am away", subject: "Out of office" });
  expect(await account.put(draft)).toMatchObject({ created: true });
  const other = written(account, {}, "b");
  account.fake.customerWrites({ key: "c", thread: "b", text: "One more thing" });
  expect(await account.put(other.draft)).toEqual({ skipped: "superseded" });
});

test("an earlier answer is none to a later message", async () => {
  const account = await openAccount();
  const { ticketId } = written(account);
  account.fake.agentReplies(ticketId, "Where did you order?");
  const next = account.fake.customerWrites({ key: "next", thread: "a", text: "In your shop" });
  const { draft } = written(account);
  const message = { ...draft.message, externalId: `message:${next.messageId}` };
  expect(await account.put({ ...draft, message })).toMatchObject({ created: true });
});

test.each([
  ["closed", "a", ({ fake }: Account, id: string) => fake.agentMoves(id, "4")],
  ["deleted", "a", ({ fake }: Account, id: string) => fake.deletesTicket(id)],
  ["in another pipeline", "a", ({ fake }: Account, id: string) => fake.agentSets(id, "hs_pipeline", "77")],
])("a ticket that is %s gets no note", async (_, key, change) => {
  const account = await openAccount({ config: { pipelines: ["0"] } });
  const { draft, ticketId } = written(account, {}, key);
  change(account, ticketId);
  expect(await account.put(draft)).toEqual({ skipped: "closed" });
  expect(account.fake.notes()).toEqual([]);
});

test("the stages that count as closed may be named", async () => {
  const account = await openAccount({ config: { closedStages: ["2"] } });
  const { draft, ticketId } = written(account);
  account.fake.agentMoves(ticketId, "2");
  expect(await account.put(draft)).toEqual({ skipped: "closed" });
});

test("a ticket that the token may not see fails alone, for good", async () => {
  const account = await openAccount();
  const { draft, ticketId } = written(account);
  account.fake.forbidden.add(`/tickets/${ticketId}`);
  await expect(account.put(draft)).rejects.toMatchObject({ kind: "permanent" });
  const other = written(account, {}, "b");
  expect(await account.put(other.draft)).toMatchObject({ created: true });
  account.fake.forbidden.add(`/threads/${other.threadId}/messages`);
  const again = { ...other.draft, idempotencyKey: "another" };
  await expect(account.put(again)).rejects.toMatchObject({ kind: "permanent" });
});

test("a note whose attempt broke off before its last look is taken back where an agent had been faster", async () => {
  const account = await openAccount({ lax: true });
  const { draft, ticketId } = written(account);
  let isWritten = false;
  account.fake.onBeforeWrite = (what) => {
    if (what === "create-note") account.fake.agentReplies(ticketId, "I was faster");
  };
  account.fake.onAfterWrite = () => {
    isWritten = true;
  };
  account.fake.fault = () => (isWritten ? 503 : null);
  await expect(account.put(draft)).rejects.toMatchObject({ kind: "transient" });
  expect(account.fake.notes()).toHaveLength(1);
  account.fake.fault = null;
  expect(await account.put(draft)).toEqual({ skipped: "answered" });
  expect(account.fake.notes()).toEqual([]);
});

/** Another note for the same draft, as another attempt leaves it. */
function addSecond({ fake }: Account, ticketId: string): string {
  const [note] = fake.store.notes.values();
  const id = fake.store.nextId();
  if (note) fake.store.notes.set(id, { ...structuredClone(note), id });
  fake.ticket(ticketId).notes.push(id);
  return id;
}

test("of two notes that attempts before have left, one is kept", async () => {
  const account = await openAccount();
  const { draft, ticketId } = written(account);
  await account.put(draft);
  const [note] = account.fake.notes();
  addSecond(account, ticketId);
  account.fake.ticket(ticketId).notes.reverse();
  expect(await account.put(draft)).toEqual({ externalId: note?.id, created: false });
  expect(account.fake.notes().map((one) => one.id)).toEqual([note?.id]);
});

test("a note that an agent has changed meanwhile stays where others of its draft are archived", async () => {
  const account = await openAccount();
  const { draft, ticketId } = written(account);
  await account.put(draft);
  const [first] = account.fake.notes();
  const changed = addSecond(account, ticketId);
  addSecond(account, ticketId);
  account.fake.agentEditsNote(changed, `<p>Mine now. ${noteMarker(draft)}</p>`);
  expect(await account.put(draft)).toEqual({ externalId: first?.id, created: false });
  expect(account.fake.notes().map(({ id }) => id)).toEqual([first?.id, changed]);
});

test("a note that came too late stays where an agent has changed it, and is told to be there", async () => {
  const account = await openAccount({ lax: true });
  const { draft, ticketId } = written(account);
  account.fake.onBeforeWrite = (what) => {
    if (what === "create-note") account.fake.agentReplies(ticketId, "I was faster");
  };
  let isWritten = false;
  account.fake.onAfterWrite = () => {
    isWritten = true;
  };
  account.fake.fault = () => (isWritten ? 503 : null);
  await expect(account.put(draft)).rejects.toMatchObject({ kind: "transient" });
  account.fake.fault = null;
  const changed = addSecond(account, ticketId);
  account.fake.agentEditsNote(changed, `<p>Mine now. ${noteMarker(draft)}</p>`);
  const answer = { externalId: changed, created: false };
  expect(await account.put(draft)).toEqual(answer);
  expect(account.fake.notes().map(({ id }) => id)).toEqual([changed]);
  expect(await account.put(draft)).toEqual(answer);
});

test("a draft takes seven requests, and two more where it sets properties", async () => {
  const account = await openAccount({ config: { fields: { priority: {} } } });
  const label = (value: string) => ({ value, confidence: 1 });
  const labels = { type: label("question"), priority: label("high"), department: label("billing") };
  const first = written(account, { labels });
  await account.put(first.draft);
  const count = async (fields: Partial<typeof first.draft>, key: string) => {
    const { draft } = written(account, fields, key);
    const before = account.fake.requests.length;
    await account.put(draft);
    return account.fake.requests.length - before;
  };
  expect(await count({}, "b")).toBe(7);
  expect(await count({ labels }, "c")).toBe(9);
});

test("an owner whom HubSpot does not know costs no draft", async () => {
  const account = await openAccount({ config: { ownerId: "404" }, lax: true });
  const { draft } = written(account);
  let creations = 0;
  account.fake.fault = (operation) => (operation === "create-note" && ++creations === 1 ? 400 : null);
  expect(await account.put(draft)).toMatchObject({ created: true });
  expect(account.fake.notes()).toMatchObject([{ ownerId: null }]);
  expect(account.journal.lines.some((line) => line.includes("does not take the owner"))).toBe(true);
});
