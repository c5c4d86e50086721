import { expect, test } from "vitest";
import { newId } from "../lib/ids.ts";
import { saveClassifications } from "../store/classifications.ts";
import type { Database, Runner } from "../store/database.ts";
import { saveDeliveries, saveDrafts } from "../store/drafts.ts";
import { newMessage, noClaim, openTestStore, storeMessages } from "../testing/store.ts";
import { compareReply, NoOpenDraft, recordLateOutcomes, recordReply } from "./replies.ts";

const source = { company: "acme", connector: "api" };
const draftText = "Hello Ann,\n\nyour parcel is on its way.\n\nKind regards";
type Fields = { text?: string; draftId?: string; externalId?: string; threadId?: string };
const recordIn = (runner: Runner, fields: Fields) =>
  recordReply(
    runner,
    source,
    { kind: "agent-reply", externalId: newId(), threadId: "t", text: draftText, agent: {}, ...fields },
    "agent:Ann",
  );
const record = (db: Database, fields: Fields) => db.transaction((runner) => recordIn(runner, fields));

/** A message in thread "t" with a draft. @returns the draft's id */
async function makeDraft(db: Database, delivered = true): Promise<string> {
  const [messageId] = (await storeMessages(db, [newMessage({ threadId: "t" })])) as [string];
  const labels = { type: "a", priority: "b", department: "c", detail: {}, language: null, outOfScope: null };
  await saveClassifications(db, [{ messageId, ...labels, model: "test" }], noClaim);
  const id = newId();
  const rest = { language: null, writtenBy: "test", sources: [], notes: [], usage: null };
  await saveDrafts(db, [{ id, messageId, text: draftText, ...rest }], noClaim);
  const delivery = { messageId, auditId: newId(), connector: "api", externalId: "note", created: true };
  if (delivered) await saveDeliveries(db, [delivery]);
  return id;
}

test("a reply is compared with its draft by its words, not by its white space", () => {
  expect(compareReply("Hello\n\nyou", { text: "  Hello you\n" }, false)).toEqual({
    kind: "sent-unchanged",
    editDistance: 0,
  });
  expect(compareReply("Hello you", { text: "Hello You!" }, false)).toEqual({
    kind: "edited",
    editDistance: 2,
  });
  expect(compareReply("Hello you", { text: "Zzz" }, false).kind).toBe("not-used");
  expect(compareReply("Hello you", { text: "Zzz" }, true).kind).toBe("edited");
  expect(compareReply("", { text: "" }, false)).toEqual({ kind: "sent-unchanged", editDistance: 0 });
});

test("a closing of the draft that was taken for a signature, and what stands below it, changes nothing", () => {
  const draft = "It is on its way.\n\nBest regards\nAcme, +49 30 1234567";
  const quoted = "Best regards\nAcme, +49 30 1234567\n\nAm 20.11.26 um 10:12 schrieb Ann:\n> Where is it?";
  expect(compareReply(draft, { text: "It is on its way.", quoted }, false).kind).toBe("sent-unchanged");
  const longer = { text: "It is on its way. Sorry again!", quoted };
  expect(compareReply(draft, longer, false).kind).toBe("edited");
  expect(compareReply(draft, { text: "It is on its way.", quoted: "> Where is it?" }, false).kind).toBe(
    "edited",
  );
  expect(compareReply("It is on its way.", { text: "No.", quoted: "> It is on its way." }, false).kind).toBe(
    "not-used",
  );
});

test("the longest texts are compared within a moment", () => {
  const started = performance.now();
  compareReply("ab ".repeat(60_000), { text: "ba ".repeat(60_000) }, false);
  expect(performance.now() - started).toBeLessThan(2_000);
});

test("a reply sent as drafted is the draft's outcome, once", async () => {
  const { db } = await openTestStore();
  const draftId = await makeDraft(db);
  const externalId = newId();
  const first = await record(db, { externalId });
  expect(first?.outcome).toEqual({ draftId, kind: "sent-unchanged", editDistance: 0 });
  const again = await record(db, { externalId });
  expect(again).toMatchObject({ messageId: first?.messageId, duplicate: true, outcome: null });
  expect((await record(db, {}))?.outcome).toBeNull();
  expect(await db.query("o", "SELECT kind FROM outcomes", [])).toEqual([{ kind: "sent-unchanged" }]);
  expect(
    await db.query("a", "SELECT 1 AS n FROM audit_log WHERE action = 'reply.recorded'", []),
  ).toHaveLength(2);
});

test("a changed reply keeps how many characters were changed; a different one did not use the draft", async () => {
  const { db } = await openTestStore();
  await makeDraft(db);
  expect((await record(db, { text: draftText.replace("Ann", "Bob") }))?.outcome).toMatchObject({
    kind: "edited",
    editDistance: 3,
  });
  await makeDraft(db);
  expect((await record(db, { text: "0123456789 ".repeat(20) }))?.outcome?.kind).toBe("not-used");
});

test("a reply that names a draft which is not open is refused, and leaves nothing behind", async () => {
  const { db } = await openTestStore();
  await makeDraft(db);
  await expect(record(db, { draftId: newId() })).rejects.toThrow(NoOpenDraft);
  expect(await db.query("r", "SELECT 1 FROM messages WHERE sender = 'agent'", [])).toEqual([]);
  expect(await db.query("a", "SELECT 1 FROM audit_log WHERE action = 'reply.recorded'", [])).toEqual([]);
});

test("a draft that is not known to have arrived is what a reply was made from only where its words say so", async () => {
  const { db } = await openTestStore();
  const delivered = await makeDraft(db);
  const draftId = await makeDraft(db, false);
  const other = await record(db, { text: "0123456789 ".repeat(20) });
  expect(other?.outcome).toMatchObject({ draftId: delivered, kind: "not-used" });
  expect((await record(db, { text: "0123456789 ".repeat(20) }))?.outcome).toBeNull();
  expect((await record(db, {}))?.outcome).toMatchObject({ draftId, kind: "sent-unchanged" });
});

test("an agent who was faster than the record of the delivery has their reply matched once that is there", async () => {
  const { db } = await openTestStore();
  const draftId = await makeDraft(db, false);
  const text = "0123456789 ".repeat(20);
  expect((await record(db, { text }))?.outcome).toBeNull();
  const [row] = await db.query<{ id: string }>("m", "SELECT message_id AS id FROM drafts", []);
  const messageId = row?.id ?? "";
  const delivery = { messageId, auditId: newId(), connector: "api", externalId: "note", created: true };
  expect(await saveDeliveries(db, [delivery])).toEqual([{ id: messageId, replied: true }]);
  await recordLateOutcomes(db, [messageId]);
  await recordLateOutcomes(db, [messageId]);
  const outcomes = await db.query("o", "SELECT draft_id AS id, kind FROM outcomes", []);
  expect(outcomes).toEqual([{ id: draftId, kind: "not-used" }]);
});

test("where the reply and the record of the delivery are committed at the same time, the reply is matched all the same", async () => {
  const { db } = await openTestStore();
  const draftId = await makeDraft(db, false);
  const [row] = await db.query<{ id: string }>("m", "SELECT message_id AS id FROM drafts", []);
  const messageId = row?.id ?? "";
  const delivery = { messageId, auditId: newId(), connector: "api", externalId: "note", created: true };
  const recorded = await db.transaction(async (runner) => {
    const reply = await recordIn(runner, { text: "0123456789 ".repeat(20) });
    // Another node, which cannot see the reply yet.
    expect(await saveDeliveries(db, [delivery])).toEqual([{ id: messageId, replied: false }]);
    return reply;
  });
  expect(recorded).toMatchObject({ outcome: null, undecided: [messageId] });
  await recordLateOutcomes(db, recorded?.undecided ?? []);
  expect(await db.query("o", "SELECT draft_id AS id, reply_id AS reply FROM outcomes", [])).toEqual([
    { id: draftId, reply: recorded?.messageId },
  ]);
});

test("a reply that names its draft came from it, wherever that draft is", async () => {
  const { db } = await openTestStore();
  const draftId = await makeDraft(db, false);
  const named = await record(db, { draftId, text: "0123456789 ".repeat(20) });
  expect(named?.outcome).toMatchObject({ draftId, kind: "edited" });
});

test("a reply in a thread that is not known is nothing to record", async () => {
  const { db } = await openTestStore();
  expect(await record(db, { threadId: "unknown" })).toBeNull();
});

test("the same reply told twice at once is stored once, and both are told so", async () => {
  const { db } = await openTestStore();
  await makeDraft(db);
  const externalId = newId();
  const results = await Promise.all([1, 2, 3, 4].map(() => record(db, { externalId })));
  expect(new Set(results.map((result) => result?.messageId)).size).toBe(1);
  expect(results.filter((result) => result?.duplicate)).toHaveLength(3);
  expect(results.filter((result) => result?.outcome)).toHaveLength(1);
});
