import { expect, test } from "vitest";
import { newMessage, openTestStore } from "../testing/store.ts";
import type { Database } from "./database.ts";
import { insertMessages } from "./messages.ts";

const count = async (db: Database, what: string) =>
  (
    await db.query<{ n: number }>(`count ${what.slice(0, 40)}`, `SELECT count(*)::int AS n FROM ${what}`, [])
  )[0]?.n;
const emptyTickets = "tickets t WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.ticket_id = t.id)";

test("a batch of companies and connectors is stored, each result in its place", async () => {
  const { db } = await openTestStore();
  const batch = ["acme", "globex"].flatMap((company) =>
    ["api", "widget"].map((connector) => newMessage({ company, connector, externalId: "same" })),
  );
  const results = await insertMessages(db, batch, 1_000);
  expect(results.map(({ messageId }) => messageId)).toEqual(batch.map(({ id }) => id));
  expect(results.every(({ duplicate }) => !duplicate)).toBe(true);
  expect(await count(db, "messages")).toBe(4);
  expect(await insertMessages(db, [], 1_000)).toEqual([]);
});

test("a message that is twice in a batch is stored once, and leaves no ticket without a message", async () => {
  const { db } = await openTestStore();
  const batch = [
    newMessage({ externalId: "m", threadId: "t" }),
    newMessage({ externalId: "m", threadId: "another" }),
    newMessage({ externalId: "m", threadId: "t" }),
  ];
  const results = await insertMessages(db, batch, 1_000);
  expect(results.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
  expect(new Set(results.map(({ messageId }) => messageId)).size).toBe(1);
  expect(await count(db, "messages")).toBe(1);
  expect(await count(db, "tickets")).toBe(1);
  expect(await count(db, emptyTickets)).toBe(0);
});

test("messages of a thread join one ticket, whose subject is the first that is not empty", async () => {
  const { db } = await openTestStore();
  const thread = (subject: string | null) => newMessage({ threadId: "t", subject });
  const results = [
    ...(await insertMessages(db, [thread(null), thread(null)], 1_000)),
    ...(await insertMessages(db, [thread("Parcel")], 1_000)),
    ...(await insertMessages(db, [thread("Other")], 1_000)),
  ];
  expect(new Set(results.map(({ ticketId }) => ticketId)).size).toBe(1);
  const tickets = await db.query("subjects", "SELECT subject FROM tickets", []);
  expect(tickets).toEqual([{ subject: "Parcel" }]);
});

test("20 batches at once with the same messages and threads store each once, without a deadlock", async () => {
  const { db } = await openTestStore(20);
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, round) => {
      const batch = Array.from({ length: 60 }, (_, i) => {
        const n = (i * 7 + round * 13) % 90;
        return newMessage({ externalId: `m${n}`, threadId: `t${n % 17}` });
      });
      return insertMessages(db, round % 2 ? batch : batch.reverse(), 1_000);
    }),
  );
  const fresh = results.flat().filter(({ duplicate }) => !duplicate);
  expect(fresh).toHaveLength(90);
  expect(await count(db, "messages")).toBe(90);
  expect(await count(db, "progress")).toBe(90);
  expect(await count(db, "tickets")).toBe(17);
  expect(await count(db, emptyTickets)).toBe(0);
  const idsOf = new Set(results.flat().map(({ messageId }) => messageId));
  expect(idsOf.size).toBe(90);
});

test("files are stored with their message, and not those of a duplicate", async () => {
  const { db } = await openTestStore();
  const file = () => ({
    id: newMessage().id,
    name: "a.txt",
    mediaType: "text/plain",
    bytes: 3,
    blob: "acme/1",
    contentId: null,
  });
  await insertMessages(db, [newMessage({ externalId: "m", attachments: [file(), file()] })], 1_000);
  await insertMessages(db, [newMessage({ externalId: "m", attachments: [file()] })], 1_000);
  expect(await count(db, "attachments")).toBe(2);
});

test("the longest texts and every script are kept as they are", async () => {
  const { db } = await openTestStore();
  const texts = [
    "Где мой заказ? 👋🏽\u200d",
    "\t\r\n \u0001",
    "語".repeat(200_000),
    `${"w".repeat(5_000)} end`,
  ];
  await insertMessages(
    db,
    texts.map((text) => newMessage({ text })),
    1_000,
  );
  const rows = await db.query<{ text: string }>("texts", "SELECT text FROM messages ORDER BY id", []);
  expect(rows.map(({ text }) => text)).toEqual(texts);
});
