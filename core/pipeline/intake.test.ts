import { createHash } from "node:crypto";
import { v7 } from "uuid";
import { expect, onTestFinished, test } from "vitest";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { newId } from "../lib/ids.ts";
import { createMemoryQueue } from "../queue/memory.ts";
import { loadCursor } from "../store/cursors.ts";
import { loadToDraft } from "../store/drafts.ts";
import { openTestStore, quietLog } from "../testing/store.ts";
import { createIntake } from "./intake.ts";

const source = { company: "acme", connector: "helpdesk" };
const message = (externalId: string, fields = {}): ConnectorEventInput => ({
  kind: "message",
  externalId,
  text: "Where is my parcel?",
  ...fields,
});
const reply = (externalId: string, threadId: string, fields = {}): ConnectorEventInput => ({
  kind: "agent-reply",
  externalId,
  threadId,
  text: "On its way.",
  ...fields,
});

async function openTestIntake() {
  const store = await openTestStore();
  const { db } = store;
  const kept = new Map<string, Uint8Array>();
  const blobs: Blobs = {
    async put(company, content) {
      const key = `${company}/${createHash("sha256").update(content).digest("hex")}`;
      kept.set(key, content);
      return key;
    },
    get: async (key) => kept.get(key) ?? new Uint8Array(),
  };
  const queue = createMemoryQueue();
  onTestFinished(() => queue.close());
  const counts: Record<string, number> = {};
  const metrics = {
    count: (_name: string, labels: Record<string, string> = {}, by = 1) => {
      const result = labels.result ?? "quarantined";
      counts[result] = (counts[result] ?? 0) + by;
    },
    time: () => undefined,
    set: () => undefined,
  };
  const intake = createIntake({ db, blobs, queue, metrics, log: quietLog, stalledMs: 60_000 });
  const all = <Found extends object>(sql: string) =>
    db.query<Found & Record<string, unknown>>(createHash("md5").update(sql).digest("hex"), sql, []);
  return { ...store, intake, queue, counts, kept, all };
}

test("messages that are pushed at once are each stored, queued and answered, in their order", async () => {
  const { intake, queue, counts, all } = await openTestIntake();
  const accepted = await Promise.all(
    Array.from({ length: 100 }, (_, i) => intake.accept(source, [message(`m${i}`), message(`n${i}`)])),
  );
  for (const [i, pair] of accepted.entries()) {
    expect(pair.map(({ externalId }) => externalId)).toEqual([`m${i}`, `n${i}`]);
    expect(pair.every(({ duplicate }) => !duplicate)).toBe(true);
  }
  expect(queue.depth().classify.waiting).toBe(200);
  expect(await all("SELECT count(*)::int AS n FROM messages")).toEqual([{ n: 200 }]);
  expect(counts).toEqual({ stored: 200 });
});

test("a message that comes again is told to be a duplicate, and not queued again", async () => {
  const { intake, queue, counts } = await openTestIntake();
  const [first] = await intake.accept(source, [message("m")]);
  const [second] = await intake.accept(source, [message("m", { text: "changed" })]);
  expect(second).toEqual({ ...first, duplicate: true });
  expect(queue.depth().classify.waiting).toBe(1);
  expect(counts).toEqual({ stored: 1, duplicate: 1 });
});

test("an automatic mail is stored, and neither queued nor open", async () => {
  const { intake, queue, all } = await openTestIntake();
  await intake.accept(source, [message("m", { skip: "an automatic reply" })]);
  expect(queue.depth().classify.waiting).toBe(0);
  expect(await all("SELECT outcome, reason FROM progress")).toEqual([
    { outcome: "skipped", reason: "an automatic reply" },
  ]);
});

test("a push with an event that is not valid stores nothing", async () => {
  const { intake, all } = await openTestIntake();
  const events = [message("m"), message("bad", { text: "a\u0000b" })];
  await expect(intake.accept(source, events)).rejects.toThrow("NUL");
  expect(await all("SELECT 1 FROM messages")).toEqual([]);
});

test("files are kept before the message that names them", async () => {
  const { intake, kept, all } = await openTestIntake();
  const content = new TextEncoder().encode("a file");
  await intake.accept(source, [message("m", { attachments: [{ name: "a.txt", content }] })]);
  const [file] = await all<{ blob: string; bytes: number }>("SELECT blob, bytes FROM attachments");
  expect(file?.bytes).toBe(6);
  expect(kept.get(file?.blob ?? "")).toEqual(content);
});

test("a page and its cursor are committed together, and a page that comes again changes nothing", async () => {
  const { intake, db, all } = await openTestIntake();
  const page = { events: [message("a"), message("b")], cursor: { at: 2 } };
  await intake.acceptPage(source, page);
  expect(await loadCursor(db, "acme", "helpdesk")).toEqual({ at: 2 });
  expect((await intake.acceptPage(source, page)).every(({ duplicate }) => duplicate)).toBe(true);
  expect(await all("SELECT 1 AS n FROM messages")).toHaveLength(2);

  const bad = { events: [message("c")], cursor: { at: "\u0000" } };
  await expect(intake.acceptPage(source, bad)).rejects.toThrow();
  expect(await loadCursor(db, "acme", "helpdesk")).toEqual({ at: 2 });
  expect(await all("SELECT 1 AS n FROM messages")).toHaveLength(2);
});

test("events of a page that break the contract go to quarantine with their reason, and the page goes on", async () => {
  const { intake, db, all, kept, counts } = await openTestIntake();
  const circle: Record<string, unknown> = { kind: "message", externalId: "circle", big: 1n };
  circle.self = circle;
  const strange = [
    { kind: "message", externalId: "no-text", file: new Uint8Array(100_000) },
    { kind: "message", externalId: "nul\u0000id", text: "x" },
    { kind: "unheard-of", externalId: "kind" },
    { "key\u0000": 1 },
    null,
    undefined,
    "a text",
    circle,
  ] as unknown as ConnectorEventInput[];
  await intake.acceptPage(source, { events: [message("a"), ...strange, message("b")], cursor: 1 });
  expect(await all("SELECT external_id FROM messages ORDER BY id")).toEqual([
    { external_id: "a" },
    { external_id: "b" },
  ]);
  const items = await all<{ external_id: string; reason: string }>("SELECT * FROM quarantine");
  expect(items).toHaveLength(strange.length);
  expect(items.map((item) => item.external_id)).toEqual(
    expect.arrayContaining(["no-text", "nul\ufffdid", "kind", "circle"]),
  );
  expect(items.every(({ reason }) => reason.includes("breaks the contract"))).toBe(true);
  expect(Math.max(...[...kept.values()].map((raw) => raw.length))).toBeLessThan(1_000);
  expect(await loadCursor(db, "acme", "helpdesk")).toBe(1);
  expect(counts).toEqual({ stored: 2, quarantined: strange.length });
});

test("a rejected item is kept once, with what it was", async () => {
  const { intake, all, kept } = await openTestIntake();
  const raw = new TextEncoder().encode("a broken mail");
  const page = { events: [{ kind: "rejected" as const, externalId: "r", reason: "no end", raw }], cursor: 1 };
  await intake.acceptPage(source, page);
  await intake.acceptPage(source, page);
  const items = await all<{ blob: string; reason: string }>("SELECT reason, blob FROM quarantine");
  expect(items).toHaveLength(1);
  expect(items[0]?.reason).toBe("no end");
  expect(kept.get(items[0]?.blob ?? "")).toEqual(raw);
});

test("an agent's reply that came before a message does not answer it; one that came after does", async () => {
  const { intake, db } = await openTestIntake();
  const page = {
    events: [message("m1", { threadId: "t" }), reply("r1", "t"), message("m2", { threadId: "t" })],
    cursor: 1,
  };
  const [first, second] = (await intake.acceptPage(source, page)).map(({ messageId }) => messageId);
  const overtaken = async (id: string | undefined) => (await loadToDraft(db, [id ?? ""]))[0]?.overtakenBy;
  expect(await overtaken(first)).toBe("answered");
  expect(await overtaken(second)).toBeNull();
  await intake.accept(source, [reply("r2", "t")]);
  expect(await overtaken(second)).toBe("answered");
});

test("a reply that names a draft which is not open is stored all the same, and its page goes on", async () => {
  const { intake, all } = await openTestIntake();
  await intake.acceptPage(source, {
    events: [message("m", { threadId: "t" }), reply("r", "t", { draftId: newId() }), reply("x", "unknown")],
    cursor: 1,
  });
  expect(await all("SELECT external_id FROM messages WHERE sender = 'agent'")).toEqual([
    { external_id: "r" },
  ]);
  expect(await all("SELECT 1 FROM outcomes")).toEqual([]);
});

test("a correction of labels is stored and written down once; an unknown thread is passed over", async () => {
  const { intake, all } = await openTestIntake();
  const correction = (externalId: string, threadId: string): ConnectorEventInput => ({
    kind: "label-correction",
    externalId,
    threadId,
    labels: { type: "complaint" },
    agent: { name: "Ann" },
  });
  const events = [message("m", { threadId: "t" }), correction("c", "t"), correction("d", "unknown")];
  await intake.acceptPage(source, { events, cursor: 1 });
  await intake.acceptPage(source, { events, cursor: 1 });
  expect(await all("SELECT labels, agent FROM corrections")).toEqual([
    { labels: { type: "complaint" }, agent: "Ann" },
  ]);
  expect(await all("SELECT actor, action FROM audit_log")).toEqual([
    { actor: "agent:Ann", action: "labels.corrected" },
  ]);
});

test("pages and pushes that touch the same tickets in other orders all come through", async () => {
  const { intake, all } = await openTestIntake();
  const threads = ["a", "b", "c", "d"];
  await intake.accept(
    source,
    threads.map((threadId) => message(`first-${threadId}`, { threadId })),
  );
  const work = Array.from({ length: 24 }, (_, round) => {
    const order = round % 2 ? threads : [...threads].reverse();
    const events = order.flatMap((threadId) => [
      message(`m-${round}-${threadId}`, { threadId }),
      reply(`r-${round}-${threadId}`, order[(round + 1) % 4] ?? "a"),
    ]);
    return round % 3 ? intake.acceptPage(source, { events, cursor: round }) : intake.accept(source, events);
  });
  await Promise.all(work);
  expect(await all("SELECT count(*)::int AS n FROM messages")).toEqual([{ n: 4 + 24 * 8 }]);
  expect(await all("SELECT count(*)::int AS n FROM tickets")).toEqual([{ n: 4 }]);
});

test("idle waits until pages and pushes are through", async () => {
  const { intake, all } = await openTestIntake();
  const page = intake.acceptPage(source, { events: [message("a")], cursor: 1 });
  const push = intake.accept(source, [message("b"), reply("r", "a")]);
  await intake.idle();
  expect(await all("SELECT 1 AS n FROM messages WHERE sender = 'requester'")).toHaveLength(2);
  await Promise.all([page, push]);
});

test("a reply that somebody else stored a moment ago is no answer to a message that came after it", async () => {
  const { db, intake, all } = await openTestIntake();
  await intake.acceptPage(source, { events: [message("m1", { threadId: "t" })] });
  await intake.acceptPage(source, { events: [reply("r1", "t")] });
  // As if by a node whose clock is a little ahead.
  const ahead = v7({ msecs: Date.now() + 60 });
  await db.query("ahead", "UPDATE messages SET id = $1 WHERE external_id = 'r1'", [ahead]);
  const events = [message("m1", { threadId: "t" }), reply("r1", "t"), message("m2", { threadId: "t" })];
  const accepted = await intake.accept(source, events);
  expect(accepted.map(({ duplicate }) => duplicate)).toEqual([true, false]);
  const rows = await all<{ external_id: string }>("SELECT external_id FROM messages ORDER BY id");
  expect(rows.map(({ external_id }) => external_id)).toEqual(["m1", "r1", "m2"]);
  const [toDraft] = await loadToDraft(db, [accepted[1]?.messageId ?? ""]);
  expect(toDraft?.overtakenBy).toBeNull();
});

test("the same conversation told by many at once, each with a little more, is stored in its order", async () => {
  const { intake, all } = await openTestIntake();
  const talk = Array.from({ length: 12 }, (_, i) =>
    i % 2 === 0 ? message(`c${i}`, { threadId: "t" }) : reply(`c${i}`, "t"),
  );
  await Promise.all(talk.map((_, i) => intake.accept(source, talk.slice(0, i + 1))));
  const rows = await all<{ external_id: string }>("SELECT external_id FROM messages ORDER BY id");
  expect(rows.map(({ external_id }) => external_id)).toEqual(talk.map(({ externalId }) => externalId));
});
