import { expect, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { newId } from "../lib/ids.ts";
import { insertQuarantined, listQuarantined } from "../store/quarantine.ts";
import { hostConnector } from "../testing/hosting.ts";
import { openTestStore } from "../testing/store.ts";
import { type Reread, rereadQuarantine } from "./reread.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const everything = { company: null, connector: null, ids: null };

/** A connector whose raw items are JSON: the events that they become, or what is thrown. */
async function openQuarantine(canReread = true) {
  const { db } = await openTestStore();
  const spec = defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    limits: { requests: 1_000, perMs: 1_000, concurrency: 10 },
    open: async () => ({}),
    check: async () => ({ ok: true }),
    close: async () => undefined,
    pull: {
      async *pages() {
        // Nothing comes in by itself.
      },
      ...(canReread && {
        async reread(_: unknown, raw: Uint8Array) {
          const text = new TextDecoder().decode(raw);
          if (text === "throws") throw new ConnectorError("transient", "not now");
          return (JSON.parse(text) as Array<ConnectorEventInput & { sentAt?: string }>).map((event) => ({
            ...event,
            ...(event.sentAt && { sentAt: new Date(event.sentAt) }),
          })) as ConnectorEventInput[];
        },
      }),
    },
  });
  const host = hostConnector(db, spec as AnyConnector);
  const keep = async (externalId: string, raw: unknown, connector = "desk") => {
    const text = typeof raw === "string" ? raw : JSON.stringify(raw);
    const blob = raw === null ? null : await host.blobs.put("acme", bytes(text));
    await insertQuarantined(db, [{ company: "acme", connector, externalId, reason: "at first", blob }]);
  };
  const reread = async (ids: string[] | null = null) => {
    const told: Record<string, Reread> = {};
    const signal = new AbortController().signal;
    await rereadQuarantine(host, { ...everything, ids }, signal, (item, result) => {
      told[item.externalId] = result;
    });
    return told;
  };
  const left = async () =>
    Object.fromEntries(
      (await listQuarantined(db, everything, null, 100)).map(({ externalId, reason }) => [
        externalId,
        reason,
      ]),
    );
  const messages = () =>
    db.query(
      "messages",
      "SELECT m.external_id AS id, p.reason FROM messages m JOIN progress p ON p.message_id = m.id",
      [],
    );
  return { ...host, keep, reread, left, messages };
}

const message = (externalId: string, fields = {}) => ({
  kind: "message",
  externalId,
  text: "Hello",
  ...fields,
});

test("an item that can be read now is taken in and leaves the quarantine, with an audit entry", async () => {
  const { db, keep, reread, left, messages } = await openQuarantine();
  await keep("a", [message("a")]);
  const [item] = await listQuarantined(db, everything, null, 1);
  expect(await reread()).toEqual({ a: { result: "taken" } });
  expect(await left()).toEqual({});
  expect(await messages()).toEqual([{ id: "a", reason: null }]);
  expect(
    await db.query("audit-of-test", "SELECT company, action, actor, subject, detail FROM audit_log", []),
  ).toEqual([
    {
      company: "acme",
      action: "quarantine.replayed",
      actor: "operator",
      subject: item?.id,
      detail: { connector: "desk", externalId: "a", events: ["message"] },
    },
  ]);
  expect(await reread()).toEqual({});
});

test("an item that still cannot be read stays, with its reason of today", async () => {
  const { keep, reread, left, messages } = await openQuarantine();
  await keep("rejected", [
    message("x"),
    { kind: "rejected", externalId: "rejected", reason: "a new reason" },
  ]);
  await keep("nothing", []);
  await keep("invalid", [message("invalid", { text: "" })]);
  await keep("throws", "throws");
  expect(await reread()).toMatchObject({
    rejected: { result: "kept", reason: "a new reason" },
    nothing: { result: "kept" },
    invalid: { result: "kept", reason: expect.stringContaining("breaks the contract") },
    throws: { result: "failed", reason: "not now" },
  });
  expect(await left()).toEqual({
    rejected: "a new reason",
    nothing: expect.stringContaining("nothing to take in"),
    invalid: expect.stringContaining("breaks the contract"),
    throws: "at first",
  });
  expect(await messages()).toEqual([]);
});

test("what PostgreSQL refuses stays whole in quarantine", async () => {
  const { db, keep, reread, left, messages } = await openQuarantine();
  await db.query("refuse", "ALTER TABLE messages ADD CHECK (text <> 'refused')", []);
  await keep("two", [message("fine"), message("other", { text: "refused" })]);
  expect(await reread()).toMatchObject({ two: { result: "kept" } });
  expect(await left()).toEqual({ two: expect.stringContaining("the database refused it") });
  expect(await messages()).toEqual([]);
});

test("items without raw bytes, of a connector that cannot read again, or of one that is gone, are told apart", async () => {
  const first = await openQuarantine();
  await first.keep("no-raw", null);
  await insertQuarantined(first.db, [
    {
      company: "acme",
      connector: "desk",
      externalId: "lost",
      reason: "at first",
      blob: `acme/${"0".repeat(64)}`,
    },
  ]);
  await first.keep("gone", [message("gone")], "old-desk");
  expect(await first.reread()).toEqual({
    "no-raw": { result: "no-raw" },
    lost: { result: "no-raw" },
    gone: { result: "failed", reason: expect.stringContaining('no connector "old-desk"') },
  });
  const second = await openQuarantine(false);
  await second.keep("a", [message("a")]);
  expect(await second.reread()).toEqual({ a: { result: "no-reread" } });
});

test("more than a page of items is read, each once, and those that are named alone", async () => {
  const { db, keep, reread, left, messages } = await openQuarantine();
  for (let i = 0; i < 120; i++) await keep(`m-${i}`, i % 2 ? [message(`m-${i}`)] : []);
  const [named] = await listQuarantined(db, everything, null, 1);
  expect(Object.keys(await reread([named?.id ?? ""]))).toEqual(["m-119"]);
  expect(await reread([newId()])).toEqual({});
  expect(Object.keys(await reread())).toHaveLength(119);
  expect(Object.keys(await left())).toHaveLength(60);
  expect(await messages()).toHaveLength(60);
});

test("what was old when it came into quarantine gets no draft", async () => {
  const { keep, reread, messages } = await openQuarantine();
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  await keep("old", [message("old", { sentAt: ago(30) })]);
  await keep("late", [message("late", { sentAt: ago(3) })]);
  await reread();
  expect(await messages()).toEqual(
    expect.arrayContaining([
      { id: "old", reason: "imported" },
      { id: "late", reason: null },
    ]),
  );
});
