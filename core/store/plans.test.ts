/** Plans of the queries that are asked all the time, on a table large enough that a scan would be felt. */
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { newId } from "../lib/ids.ts";
import {
  eventually,
  makeTestStore,
  newMessage,
  quietLog,
  storeMessages,
  type TestStore,
} from "../testing/store.ts";
import { loadUnclassified, saveClassifications } from "./classifications.ts";
import { readConversation } from "./conversations.ts";
import { type Database, openDatabase, plannerSettings } from "./database.ts";
import { loadToDeliver, loadToDraft, saveDeliveries, saveDrafts } from "./drafts.ts";
import { learnt, listUnlearnt, readLessons } from "./lessons.ts";
import { claim, takeDue } from "./progress.ts";
import { listDrafts, listTickets, readTicket } from "./tickets.ts";
import { listDueTrainings } from "./trainings.ts";

let store: TestStore;
let ids: string[] = [];
let ticketId = "";

beforeAll(async () => {
  store = await makeTestStore();
  const { db } = store;
  let filled = 0;
  const fill = (text: string) => db.query(`fill-${filled++}`, text, []);
  await fill(`INSERT INTO tickets (id, company, connector, thread_id, subject)
    SELECT uuidv7(), 'company-' || n % 10, 'api', 't' || n, 'Subject ' || n FROM generate_series(1, 10000) n`);
  await fill(`INSERT INTO messages (id, ticket_id, company, connector, external_id, sender, text, sent_at)
    SELECT uuidv7(), t.id, t.company, t.connector, t.thread_id || '-' || n, 'requester', 'words of ' || t.thread_id, now()
    FROM tickets t, generate_series(1, 2) n`);
  await fill(`INSERT INTO progress (message_id, ticket_id, company, due_at, stage, outcome, ended_at)
    SELECT id, ticket_id, company, now() + interval '1 hour', 'delivered', 'delivered', now() FROM messages`);
  await fill(`UPDATE progress SET stage = 'drafted', outcome = NULL, due_at = now() - interval '1 minute'
    WHERE message_id IN (SELECT id FROM messages ORDER BY id LIMIT 50)`);
  await fill(`INSERT INTO drafts (id, message_id, ticket_id, company, text, written_by, sources, notes)
    SELECT uuidv7(), message_id, ticket_id, company, 'x', 'test', '[]', '[]' FROM progress`);
  await fill(`INSERT INTO corrections (id, company, connector, external_id, ticket_id, labels, at, learnt)
    SELECT uuidv7(), t.company, t.connector, t.thread_id || '-' || n, t.id, '{"type":"question"}', now(), n FROM tickets t, generate_series(1, 2) n`);
  await fill("VACUUM ANALYZE");
  const rows = await db.query<{ id: string; ticket: string }>(
    "some",
    "SELECT id, ticket_id AS ticket FROM messages ORDER BY id LIMIT 20",
    [],
  );
  ids = rows.map(({ id }) => id);
  ticketId = rows[0]?.ticket ?? "";
});
afterAll(() => store.close());

/** Runs `work` on statements that are explained instead of answered. @returns their plans */
async function plansOf(work: (db: Database) => Promise<unknown>, mode: "auto" | "force_generic_plan") {
  const client = new pg.Client(store.connection);
  await client.connect();
  const plans: string[] = [];
  const explain = async (text: string, values: unknown[], settings: string) => {
    await client.query("BEGIN");
    try {
      await client.query(settings.replaceAll("SET ", "SET LOCAL "));
      await client.query(`SET LOCAL plan_cache_mode = ${mode}`);
      await client.query({ name: `s${plans.length}`, text, values });
      const { rows } = await client.query(
        `EXPLAIN EXECUTE s${plans.length}${values.length ? `(${values.map(literal).join(", ")})` : ""}`,
      );
      plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
    } finally {
      await client.query("ROLLBACK");
    }
    return [];
  };
  const real = openDatabase(store.connection, 1, quietLog);
  try {
    await work({
      ...real,
      query: (_name, text, values) => explain(text, values, plannerSettings),
      run: (query) => {
        const { sql, bindings } = query.toSQL().toNative();
        return explain(sql, [...bindings], "");
      },
    });
  } finally {
    await real.close();
    await client.end();
  }
  return plans.join("\n");
}

function literal(value: unknown): string {
  if (value === null) return "NULL";
  // It takes the type of its parameter.
  if (Array.isArray(value)) return pg.escapeLiteral(`{${value.join(",")}}`);
  return typeof value === "number" ? String(value) : pg.escapeLiteral(String(value));
}

const queries: Record<string, (db: Database) => Promise<unknown>> = {
  "what is due": (db) => takeDue(db, 60_000, 2_000),
  "a claim": (db) => claim(db, "drafted", ids, { node: ids[0] as string, ms: 9_000 }),
  "messages to draft": (db) => loadToDraft(db, ids),
  "messages to deliver": (db) => loadToDeliver(db, ids),
  "the newest tickets": (db) => listTickets(db, "company-3", {}, { limit: 50 }),
  "a later page of tickets": (db) => listTickets(db, "company-3", {}, { limit: 50, before: ticketId }),
  "one ticket": (db) => readTicket(db, "company-3", ticketId),
  "a conversation": (db) => readConversation(db, "company-3", "api", "t3", null),
  "what is new in a conversation": (db) => readConversation(db, "company-3", "api", "t3", ids[0] ?? ""),
  "a page of lessons": (db) => readLessons(db, "company-3").next(),
  "the newest lessons": (db) => readLessons(db, "company-3", 2).next(),
  "what is not learnt yet": (db) => listUnlearnt(db, "company-3", learnt.anew),
  "whose training is due": (db) =>
    listDueTrainings(db, [{ company: "company-3", night: ids[0] ?? "", labels: "a" }], 20),
  "a page of drafts": (db) => listDrafts(db, "company-3", "api", ids[0] ?? "", 50),
};

test.each(Object.keys(queries))("%s: found by index, whatever the plan", async (name) => {
  for (const mode of ["auto", "force_generic_plan"] as const) {
    const plan = await plansOf(queries[name] as (db: Database) => Promise<unknown>, mode);
    expect(plan).toContain("Index");
    expect(plan, mode).not.toMatch(/Seq Scan on (progress|messages|tickets|drafts|corrections)/);
  }
});

test("a search for words uses the words' indexes", async () => {
  const plan = await plansOf(
    (db) => listTickets(db, "company-3", { text: "t4711 words" }, { limit: 50 }),
    "auto",
  );
  expect(plan).toContain("messages_words");
  expect(plan).toContain("tickets_words");
});

test.each(["empty", "analysed with a single row"])(
  "what was prepared while the tables were %s reads none of them whole when they have grown",
  async (how) => {
    const { db, connection, close } = await makeTestStore(4);
    onTestFinished(close);
    if (how !== "empty") {
      await storeMessages(db, [newMessage()]);
      const client = new pg.Client(connection);
      await client.connect();
      await client.query("VACUUM ANALYZE");
      await client.end();
    }
    const claimant = { node: newId(), ms: 60_000 };
    const label = { label: "x", confidence: 1 };
    const labels = {
      type: "x",
      priority: "x",
      department: "x",
      language: "en",
      outOfScope: 0,
      model: "test",
    };
    const detail = { type: label, priority: label, department: label };
    const draft = { text: "x", language: "en", writtenBy: "test", sources: [], notes: [], usage: null };
    for (let round = 0; round < 60; round++) {
      const stored = await storeMessages(
        db,
        Array.from({ length: 50 }, () => newMessage()),
      );
      await loadUnclassified(db, stored);
      await saveClassifications(
        db,
        stored.map((messageId) => ({ messageId, ...labels, detail })),
        claimant,
      );
      await loadToDraft(db, stored);
      await saveDrafts(
        db,
        stored.map((messageId) => ({ id: newId(), messageId, ...draft })),
        claimant,
      );
      await saveDeliveries(
        db,
        stored.map((messageId) => ({
          messageId,
          auditId: newId(),
          connector: "api",
          externalId: messageId,
          created: true,
        })),
      );
    }
    type Read = { table: string; stored: number; read: number; found: number };
    // What connections have counted is told a while after their last statements.
    const reads = () =>
      db.query<Read>(
        "reads",
        `SELECT relname AS table, n_tup_ins::int AS stored, seq_tup_read::int AS read, (
         SELECT sum(idx_tup_read)::int FROM pg_stat_user_indexes i WHERE i.relid = t.relid) AS found
       FROM pg_stat_user_tables t
       WHERE relname IN ('tickets', 'messages', 'progress', 'classifications', 'drafts') AND n_tup_ins >= 3000`,
        [],
      );
    await eventually(async () => (await reads()).length === 5, "all is counted", 30_000);
    // A message is looked up some times on its way. Plans that read whole tables, or whole indexes, read thousands of rows for each.
    const most = 3_000 * 40;
    expect((await reads()).filter(({ read, found }) => read > most || found > most)).toEqual([]);
  },
);
