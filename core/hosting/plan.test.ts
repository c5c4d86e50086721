import { expect, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, defineConnector } from "../../plugins/contract/connector.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { countEach, type ReadOptions, readSource } from "./plan.ts";

const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * dayMs);
const since = daysAgo(10);
const source = { company: "acme", connector: "mail" };

/** Reads pages of a source that holds these. */
function read(pages: unknown[][], options: Partial<ReadOptions> = {}, signal = new AbortController().signal) {
  const spec = defineConnector({
    name: "mail",
    core: "^1",
    config: z.object({}),
    cursor: z.object({}),
    limits: { requests: 10, perMs: 1_000, concurrency: 1 },
    open: async () => ({}),
    check: async () => ({ ok: true }),
    close: async () => undefined,
    pull: {
      async *pages() {
        // Nothing new.
      },
      async *backfill() {
        for (const events of pages) yield { events: events as ConnectorEventInput[] };
      },
    },
  }) as AnyConnector;
  return readSource({ spec, client: {} }, source, { since, ...options }, signal);
}

const message = (externalId: string, days: number, fields: object = {}) => ({
  kind: "message",
  externalId,
  text: `This is ${externalId}.`,
  sentAt: daysAgo(days),
  ...fields,
});
const reply = (externalId: string, days: number, fields: object = {}) => ({
  ...message(externalId, days, fields),
  kind: "agent-reply",
});
const mail = (id: string, references: string[] = [], participants = ["ann@example.com"]) => ({
  requester: { name: "Ann", email: "ann@example.com" },
  thread: { id, references, participants },
});

test("mails find their tickets as the hub would find them, across pages", async () => {
  const { requester: _, ...answer } = mail("<b>", ["<a>"]);
  const reading = await read([
    [message("a", 5, { ...mail("<a>"), subject: "Boots" }), reply("b", 4, answer)],
    [message("c", 3, mail("<c>", ["<a>", "<b>"])), message("d", 2, mail("<d>"))],
    [reply("e", 1, { thread: { id: "<e>", references: ["<gone>"], participants: ["bob@example.com"] } })],
  ]);
  expect(reading).toMatchObject({ tickets: 2, replies: 2, strayReplies: 1, cut: false });
  expect(Math.round(reading.days)).toBe(10);
  const [, third, fourth] = reading.messages;
  expect(third).toMatchObject({
    externalId: "c",
    subject: "Boots",
    requester: { name: "Ann", email: "ann@example.com" },
    conversation: [
      { from: "requester", name: "Ann", text: "This is a." },
      { from: "agent", name: null, text: "This is b." },
      { from: "requester", name: "Ann", text: "This is c." },
    ],
  });
  expect(fourth).toMatchObject({ externalId: "d", subject: null, conversation: [{ text: "This is d." }] });
});

test("each item counts once, and what breaks the contract counts as quarantined", async () => {
  const rejected = { kind: "rejected", externalId: "broken", reason: "no header" };
  const reading = await read([
    [message("a", 2), message("a", 2), { kind: "message", externalId: "no-text" }, rejected],
    [rejected, message("auto", 1, { skip: "auto-reply" }), { kind: "label-correction" }, null],
  ]);
  expect(reading.messages.map(({ externalId, skip }) => [externalId, skip])).toEqual([
    ["a", null],
    ["auto", "auto-reply"],
  ]);
  expect(reading.rejected).toHaveLength(4);
  expect(reading.rejected).toContain("no header");
});

test("a conversation is in the order of writing, and no longer than the pipeline's", async () => {
  const many = Array.from({ length: 20 }, (_, i) => message(`m-${i}`, 5 - i / 10, { threadId: "t" }));
  const { messages, tickets } = await read([many.toReversed()]);
  expect(tickets).toBe(1);
  expect(messages.map(({ externalId }) => externalId)).toEqual(many.map(({ externalId }) => externalId));
  expect(messages.at(-1)?.conversation).toHaveLength(12);
  expect(messages.at(-1)?.conversation.at(-1)?.text).toBe("This is m-19.");
});

test("of a large source only so much is read, and the days are those that were read", async () => {
  const pages = Array.from({ length: 10 }, (_, i) => [message(`a-${i}`, 9 - i / 2), message(`b-${i}`, 9)]);
  const counts: number[] = [];
  const reading = await read(pages, { limit: 5, onRead: (items) => counts.push(items) });
  expect(reading).toMatchObject({ tickets: 5, cut: true });
  expect(reading.days).toBeCloseTo(2, 2);
  expect(reading.newest?.getTime()).toBeCloseTo(daysAgo(8).getTime(), -3);
  expect(counts).toEqual([2, 4]);
  expect(await read(pages.slice(0, 2), { limit: 4 })).toMatchObject({ tickets: 4, cut: false });
});

test("a stop ends it with its reason", async () => {
  const stop = new AbortController();
  const reading = read(
    [[message("a", 1)], [message("b", 1)]],
    { onRead: () => stop.abort("enough") },
    stop.signal,
  );
  await expect(reading).rejects.toBe("enough");
});

test("values are counted, the most frequent first", () => {
  expect(countEach(["a", "b", "b"])).toEqual([
    { value: "b", count: 2 },
    { value: "a", count: 1 },
  ]);
});
