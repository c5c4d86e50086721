/** What is taken in long after it was written finds its place before what came meanwhile. */
import { expect, onTestFinished, test } from "vitest";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import { saveClassifications } from "../store/classifications.ts";
import { loadToDeliver, loadToDraft, saveDeliveries, saveDrafts } from "../store/drafts.ts";
import { readTicket } from "../store/tickets.ts";
import { noClaim, openTestStore, quietLog } from "../testing/store.ts";
import { createIntake } from "./intake.ts";

const source = { company: "acme", connector: "mail" };
const at = (hour: number) => new Date(Date.UTC(2026, 0, 5, hour));
const message = (externalId: string, sentAt: Date, fields = {}): ConnectorEventInput => ({
  kind: "message",
  externalId,
  threadId: "t",
  text: `This is ${externalId}`,
  sentAt,
  ...fields,
});
const reply = (externalId: string, sentAt: Date, text = "On its way."): ConnectorEventInput => ({
  kind: "agent-reply",
  externalId,
  threadId: "t",
  text,
  sentAt,
});

async function openIntake() {
  const { db } = await openTestStore();
  const queue = createMemoryQueue();
  onTestFinished(() => queue.close());
  const metrics = { count: () => undefined, time: () => undefined, set: () => undefined };
  const blobs = { put: async () => "blob", get: async () => new Uint8Array() };
  const intake = createIntake({ db, blobs, queue, metrics, log: quietLog, stalledMs: 60_000 });
  const live = async (...events: ConnectorEventInput[]) => (await intake.acceptPage(source, { events }))[0];
  const old = (...events: ConnectorEventInput[]) => intake.acceptPage(source, { events }, "writing");
  /** Brings a message to its draft. @returns the draft's id */
  const draft = async (messageId: string, text: string) => {
    const labels = {
      type: "a",
      priority: "b",
      department: "c",
      detail: {},
      language: null,
      outOfScope: null,
    };
    await saveClassifications(db, [{ messageId, ...labels, model: "test" }], noClaim);
    const id = newId();
    const rest = { language: null, writtenBy: "test", sources: [], notes: [], usage: null };
    await saveDrafts(db, [{ id, messageId, text, ...rest }], noClaim);
    return id;
  };
  return { db, intake, live, old, draft };
}

test("old messages and replies do not take a waiting draft away, and stand before it in the conversation", async () => {
  const { db, live, old, draft } = await openIntake();
  const waiting = await live(message("new", at(12)));
  const id = waiting?.messageId ?? "";
  await draft(id, "Hello");
  await old(message("first", at(1)), reply("answer", at(2)), message("second", at(3), { skip: "imported" }));
  expect(await loadToDeliver(db, [id])).toMatchObject([{ overtakenBy: null }]);
  const [{ conversation } = { conversation: [] }] = await loadToDraft(db, [id]);
  expect(conversation.map(({ text }) => text)).toEqual([
    "This is first",
    "On its way.",
    "This is second",
    "This is new",
  ]);
  const ticket = await readTicket(db, "acme", waiting?.ticketId ?? "");
  expect(ticket?.messages).toMatchObject([
    { externalId: "first" },
    { externalId: "answer" },
    { externalId: "second" },
    { externalId: "new" },
  ]);
});

test("an old message that wants a draft is overtaken by what was written after it, and by nothing else", async () => {
  const { db, live, old } = await openIntake();
  await live(message("new", at(12)));
  const [before] = await old(message("before", at(1)));
  expect(await loadToDraft(db, [before?.messageId ?? ""])).toMatchObject([{ overtakenBy: "superseded" }]);
  const [alone] = await old(message("alone", at(1), { threadId: "u" }));
  expect(await loadToDraft(db, [alone?.messageId ?? ""])).toMatchObject([{ overtakenBy: null }]);
  await old({ ...reply("late", at(2)), threadId: "u" } as ConnectorEventInput);
  expect(await loadToDraft(db, [alone?.messageId ?? ""])).toMatchObject([{ overtakenBy: "answered" }]);
});

test("an old reply is not what became of a newer message's draft; a reply of today is", async () => {
  const { db, live, old, draft } = await openIntake();
  const { messageId = "" } = (await live(message("new", at(12)))) ?? {};
  await draft(messageId, "On its way.");
  await saveDeliveries(db, [
    { messageId, auditId: newId(), connector: "mail", externalId: "d", created: true },
  ]);
  await old(reply("answer", at(2)));
  expect(await db.query("outcomes", "SELECT 1 FROM outcomes", [])).toEqual([]);
  await live(reply("now", new Date()));
  expect(await db.query("kinds", "SELECT kind FROM outcomes", [])).toEqual([{ kind: "sent-unchanged" }]);
});

test("what is taken whole is stored with the work beside it, or not at all", async () => {
  const { db, intake } = await openIntake();
  const event = { kind: "message" as const, externalId: "m", text: "Hi", requester: {} };
  const failing = intake.acceptWhole(source, [event], () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect(await db.query("messages", "SELECT 1 FROM messages", [])).toEqual([]);
  const done: string[] = [];
  await intake.acceptWhole(source, [event], async () => void done.push("also"));
  expect(await db.query("messages", "SELECT 1 FROM messages", [])).toHaveLength(1);
  expect(done).toEqual(["also"]);
});
