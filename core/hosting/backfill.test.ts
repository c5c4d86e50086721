import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  type AnyConnector,
  type BackfillRequest,
  defineConnector,
} from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { hostConnector } from "../testing/hosting.ts";
import { openTestStore, quietLog } from "../testing/store.ts";
import { type BackfillOptions, backfill, noFigures } from "./backfill.ts";

type Backfill = NonNullable<NonNullable<AnyConnector["pull"]>["backfill"]>;

const message = (externalId: string, ageMs: number, fields = {}): ConnectorEventInput => ({
  kind: "message",
  externalId,
  text: "Where is my order?",
  sentAt: new Date(Date.now() - ageMs),
  ...fields,
});
const hour = 3_600_000;

async function openBackfill(read: Backfill) {
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
      backfill: read,
    },
  });
  const host = hostConnector(db, spec as AnyConnector);
  const figures = noFigures();
  const run = (options: Partial<BackfillOptions> = {}) =>
    backfill(
      { ...host, log: quietLog },
      {
        company: "acme",
        connector: "desk",
        since: null,
        path: null,
        drafts: false,
        signal: new AbortController().signal,
        figures,
        ...options,
      },
    );
  const stored = async () => {
    const rows = await db.query<{ id: string; reason: string | null }>(
      "stored",
      "SELECT m.external_id AS id, p.reason FROM messages m LEFT JOIN progress p ON p.message_id = m.id ORDER BY m.id",
      [],
    );
    return Object.fromEntries(rows.map(({ id, reason }) => [id, reason]));
  };
  return { ...host, run, figures, stored };
}

async function* onePage(...events: ConnectorEventInput[]) {
  yield { events };
}

test("what the hub's own reading brings is left to it, so that a new message is never taken for an old one", async () => {
  const reply = {
    kind: "agent-reply" as const,
    externalId: "r",
    threadId: "old",
    text: "Hi",
    sentAt: new Date(),
  };
  const page = () =>
    onePage(message("old", hour), message("new", 0), message("auto", hour, { skip: "list" }), reply);
  const { run, figures, stored, intake } = await openBackfill(page);
  await intake.acceptPage({ company: "acme", connector: "desk" }, { events: [], cursor: {} });
  await run();
  expect(figures).toEqual({ messages: 3, replies: 1, stored: 2, quarantined: 0, left: 2 });
  expect(await stored()).toEqual({ old: "imported", auto: "list" });
  // With drafts it makes no difference who brings the message; a file is never read by the hub.
  await run({ drafts: true });
  expect(await stored()).toEqual({ old: "imported", auto: "list", new: null });
  await run({ path: "/mails" });
  expect(await stored()).toHaveProperty("r");
});

test("a source that the hub has not read yet is imported up to now", async () => {
  const { run, stored } = await openBackfill(() => onePage(message("new", 0)));
  await run();
  expect(await stored()).toEqual({ new: "imported" });
});

test("broken events are counted and kept, and a second run counts the same", async () => {
  const strange = [
    { kind: "message", externalId: "no-text" },
    null,
    "text",
    { kind: "message", text: "no id" },
  ];
  const page = () => onePage(message("good", hour), ...(strange as ConnectorEventInput[]));
  const { run, figures, db } = await openBackfill(page);
  await run();
  expect(figures).toMatchObject({ stored: 1, quarantined: 4 });
  expect(await db.query("kept", "SELECT 1 FROM quarantine", [])).toHaveLength(4);
});

test("the connector gets what was asked for, and the audit log what was done", async () => {
  const asked: BackfillRequest[] = [];
  const { run, db } = await openBackfill((_, request) => {
    asked.push(request);
    return onePage(message("m", hour));
  });
  const since = new Date("2026-01-01T00:00:00Z");
  await run({ since, path: "/a" });
  expect(asked).toEqual([{ since, path: "/a" }]);
  const entries = await db.query("entries-of-test", "SELECT actor, subject, detail FROM audit_log", []);
  expect(entries).toMatchObject([
    {
      actor: "operator",
      subject: "desk",
      detail: { since: since.toJSON(), path: "/a", drafts: false, stored: 1 },
    },
  ]);
});

test("a source that fails half-way keeps what was read, and its error is told", async () => {
  const { run, figures, stored, db } = await openBackfill(async function* () {
    yield { events: [message("m", hour)] };
    throw new ConnectorError("transient", "the line broke");
  });
  await expect(run()).rejects.toThrow("the line broke");
  expect(figures.stored).toBe(1);
  expect(await stored()).toEqual({ m: "imported" });
  expect(
    await db.query("audit-of-test", "SELECT 1 FROM audit_log WHERE action = 'history.imported'", []),
  ).toHaveLength(1);
});

test("it ends at once when it is told to, though the connector does not heed it", async () => {
  const { run, figures } = await openBackfill(async function* () {
    yield { events: [message("m", hour)] };
    await sleep(5_000);
  });
  const abort = new AbortController();
  const running = run({ signal: abort.signal });
  const ended = expect(running).rejects.toThrow("stop");
  while (figures.stored === 0) await sleep(5);
  const asked = performance.now();
  abort.abort(new Error("stop"));
  await ended;
  expect(performance.now() - asked).toBeLessThan(1_000);
});
