import { expect, test } from "vitest";
import { newMessage, openTestStore, storeMessages } from "../testing/store.ts";
import { findAttachment, readConversation } from "./conversations.ts";
import { loadCursor, saveCursor } from "./cursors.ts";
import { insertQuarantined } from "./quarantine.ts";
import { markSeen, wasSeen } from "./webhooks.ts";

test("a conversation is read oldest first: the newest 200, or those after an entry", async () => {
  const { db } = await openTestStore();
  const ids = await storeMessages(
    db,
    Array.from({ length: 450 }, (_, i) => newMessage({ threadId: "t", text: `${i}` })),
  );
  await storeMessages(db, [
    newMessage({ threadId: "other" }),
    newMessage({ threadId: "t", company: "globex" }),
  ]);
  const read = async (after: string | null) =>
    (await readConversation(db, "acme", "api", "t", after)).map(({ id }) => id);
  expect(await read(null)).toEqual(ids.slice(250));
  expect(await read(ids[9] ?? "")).toEqual(ids.slice(10, 210));
  expect(await read(ids[409] ?? "")).toEqual(ids.slice(410));
  expect(await read(ids[449] ?? "")).toEqual([]);
  expect(await readConversation(db, "acme", "api", "unknown", null)).toEqual([]);
});

test("a file is found in its own thread, connector and company only", async () => {
  const { db } = await openTestStore();
  const file = {
    id: newMessage().id,
    name: "a.txt",
    mediaType: "text/plain",
    bytes: 3,
    blob: "acme/1",
    contentId: null,
  };
  await storeMessages(db, [newMessage({ threadId: "t", attachments: [file] })]);
  const find = (company: string, within: { connector: string; threadId: string } | null) =>
    findAttachment(db, company, file.id, within);
  const found = { name: "a.txt", mediaType: "text/plain", blob: "acme/1" };
  expect(await find("acme", null)).toEqual(found);
  expect(await find("acme", { connector: "api", threadId: "t" })).toEqual(found);
  expect(await find("acme", { connector: "api", threadId: "other" })).toBeNull();
  expect(await find("acme", { connector: "widget", threadId: "t" })).toBeNull();
  expect(await find("globex", null)).toBeNull();
  const [entry] = await readConversation(db, "acme", "api", "t", null);
  expect(entry?.attachments).toEqual([{ id: file.id, name: "a.txt", mediaType: "text/plain", bytes: 3 }]);
});

test("a cursor is kept as it was saved, for each connector apart", async () => {
  const { db } = await openTestStore();
  expect(await loadCursor(db, "acme", "mail")).toBeNull();
  await saveCursor(db, "acme", "mail", { uid: 1 });
  await saveCursor(db, "acme", "mail", { uid: 2, nested: ["я"] });
  await saveCursor(db, "acme", "other", 7);
  expect(await loadCursor(db, "acme", "mail")).toEqual({ uid: 2, nested: ["я"] });
  expect(await loadCursor(db, "acme", "other")).toBe(7);
  expect(await loadCursor(db, "globex", "mail")).toBeNull();
});

test("a webhook is remembered for its connector, and forgotten after twice the window", async () => {
  const { db } = await openTestStore();
  await markSeen(db, "acme", "desk", "w1", 60_000);
  await markSeen(db, "acme", "desk", "w1", 60_000);
  expect(await wasSeen(db, "acme", "desk", "w1")).toBe(true);
  expect(await wasSeen(db, "acme", "other", "w1")).toBe(false);
  await db.query("age", "UPDATE webhooks_seen SET at = now() - interval '3 minutes'", []);
  await markSeen(db, "acme", "desk", "w2", 60_000);
  expect(await wasSeen(db, "acme", "desk", "w1")).toBe(false);
  expect(await wasSeen(db, "acme", "desk", "w2")).toBe(true);
});

test("an item is quarantined once", async () => {
  const { db } = await openTestStore();
  const item = { company: "acme", connector: "desk", externalId: "x", reason: "broken", blob: null };
  await insertQuarantined(db, [item, { ...item, externalId: "y" }]);
  await insertQuarantined(db, [{ ...item, reason: "again" }]);
  const rows = await db.query("all", "SELECT external_id AS id, reason FROM quarantine ORDER BY id", []);
  expect(rows).toHaveLength(2);
  expect(rows).toContainEqual({ id: "x", reason: "broken" });
});
