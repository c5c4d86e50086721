import { expect, test } from "vitest";
import { correct, storeTicket } from "../testing/lessons.ts";
import { openTestStore } from "../testing/store.ts";
import type { Runner } from "./database.ts";
import { freeze, type Lesson, learnt, listUnlearnt, markLearnt, readLessons } from "./lessons.ts";

async function lessonsOf(runner: Runner, company = "acme", most?: number): Promise<Lesson[]> {
  const lessons: Lesson[] = [];
  for await (const lesson of readLessons(runner, company, most)) lessons.push(lesson);
  return lessons;
}
const at = (minute: number) => new Date(Date.UTC(2026, 10, 28, 10, minute)).toISOString();

test("a ticket is one lesson: its first message, and of each head the newest choice, whatever came in first", async () => {
  const { db } = await openTestStore();
  await storeTicket(db, "t1", { subject: "Parcel", text: "Where is it?" });
  await storeTicket(db, "t1", { text: "Hello?" });
  await correct(db, "t1", { type: "incident", priority: "high" }, { at: at(5) });
  await correct(db, "t1", { type: "question", department: "shipping" }, { at: at(1) });
  await correct(db, "t1", { priority: "urgent" }, { at: at(7) });
  const [newest] = await db.query<{ id: string; ticket: string }>(
    "newest",
    "SELECT id, ticket_id AS ticket FROM corrections ORDER BY at DESC LIMIT 1",
    [],
  );
  expect(await lessonsOf(db)).toEqual([
    {
      ...newest,
      subject: "Parcel",
      text: "Where is it?",
      labels: { type: "incident", priority: "urgent", department: "shipping" },
      at: at(7),
    },
  ]);
});

test("automatic messages teach nothing; those that were passed over for another reason do", async () => {
  const { db } = await openTestStore();
  await storeTicket(db, "t1", { text: "I am out of office", skip: "auto-reply" });
  await correct(db, "t1", { type: "question" }, { at: at(1) });
  await storeTicket(db, "t2", { text: "I am out of office", skip: "auto-reply" });
  await storeTicket(db, "t2", { text: "I am back" });
  await correct(db, "t2", { type: "question" }, { at: at(2) });
  for (const [i, skip] of ["imported", "history", "answered", "superseded"].entries()) {
    await storeTicket(db, skip, { text: skip, skip });
    await correct(db, skip, { type: "question" }, { at: at(3 + i) });
  }
  expect((await lessonsOf(db)).map(({ text }) => text)).toEqual([
    "I am back",
    "imported",
    "history",
    "answered",
    "superseded",
  ]);
});

test("long texts are cut, corrections without a label are left out, and companies are kept apart", async () => {
  const { db } = await openTestStore();
  await storeTicket(db, "long", { text: "ü".repeat(8_001) });
  await correct(db, "long", { type: "question" });
  await storeTicket(db, "empty");
  await correct(db, "empty", {});
  await storeTicket(db, "theirs", { company: "beta" });
  await correct(db, "theirs", { type: "question" }, { company: "beta" });
  expect((await lessonsOf(db)).map(({ text }) => text)).toEqual(["ü".repeat(8_000)]);
  expect(await lessonsOf(db, "beta")).toHaveLength(1);
});

test("many lessons come oldest first, each once, whatever is corrected while they are read", async () => {
  const { db, another } = await openTestStore();
  await db.query(
    "tickets",
    `INSERT INTO tickets (id, company, connector, thread_id) SELECT gen_random_uuid(), 'acme', 'api', 't' || n FROM generate_series(1, 1200) n`,
    [],
  );
  await db.query(
    "messages",
    `WITH m AS (INSERT INTO messages (id, ticket_id, company, connector, external_id, sender, text, sent_at)
       SELECT gen_random_uuid(), id, company, connector, thread_id, 'requester', 'x', now() FROM tickets RETURNING id, ticket_id, company)
     INSERT INTO progress (message_id, ticket_id, company, due_at) SELECT id, ticket_id, company, now() FROM m`,
    [],
  );
  // Three at a time have the same time, with digits that a Date cannot hold.
  await db.query(
    "corrections",
    `INSERT INTO corrections (id, company, connector, external_id, ticket_id, labels, at)
     SELECT gen_random_uuid(), 'acme', 'api', thread_id, id, '{"type":"question"}',
       timestamptz '2026-11-01' + (substr(thread_id, 2)::int / 3) * interval '1.000001 s' FROM tickets`,
    [],
  );
  const lessons: Lesson[] = [];
  const others = another();
  await db.transaction(async (runner) => {
    await freeze(runner);
    for await (const lesson of readLessons(runner, "acme")) {
      lessons.push(lesson);
      if (lessons.length === 1) await correct(others, "t1", { type: "incident" });
    }
  });
  expect(lessons.map(({ at }) => at)).toEqual(lessons.map(({ at }) => at).sort());
  expect(new Set(lessons.map(({ ticket }) => ticket)).size).toBe(1_200);
  expect(lessons).toHaveLength(1_200);

  const all = await lessonsOf(db);
  for (const most of [0, 1, 700, 1_199, 1_200, 5_000])
    expect(await lessonsOf(db, "acme", most)).toEqual(all.slice(Math.max(0, 1_200 - most)));
});

test("what has been learnt from is remembered, and never less of it than before", async () => {
  const { db } = await openTestStore();
  await storeTicket(db, "t1");
  await correct(db, "t1", { type: "question" });
  const [id] = await listUnlearnt(db, "acme", learnt.quickly);
  expect(id).toBeDefined();
  await markLearnt(db, [id ?? ""], learnt.quickly);
  expect(await listUnlearnt(db, "acme", learnt.quickly)).toEqual([]);
  expect(await listUnlearnt(db, "acme", learnt.anew)).toEqual([id]);
  await markLearnt(db, [id ?? ""], learnt.anew);
  await markLearnt(db, [id ?? ""], learnt.quickly);
  expect(await listUnlearnt(db, "acme", learnt.anew)).toEqual([]);
});
