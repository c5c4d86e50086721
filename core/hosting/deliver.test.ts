import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  type AnyConnector,
  type Delivered,
  defineConnector,
  type OutgoingDraft,
} from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { newId } from "../lib/ids.ts";
import { Unavailable } from "../lib/unavailable.ts";
import { hostConnector } from "../testing/hosting.ts";
import { eventually, openTestStore } from "../testing/store.ts";
import { putDraft, unwrap } from "./deliver.ts";

type Put = (draft: OutgoingDraft) => Promise<Delivered>;

type Find = (draft: OutgoingDraft) => Promise<{ externalId: string } | null>;

async function host(put: Put, open: () => Promise<unknown> = async () => undefined, find?: Find) {
  const { db } = await openTestStore();
  let calls = 0;
  const spec = defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    limits: { requests: 1_000, perMs: 1_000, concurrency: 2 },
    open,
    check: async () => ({ ok: true }),
    close: async () => undefined,
    deliver: {
      as: "draft",
      put: (_, draft) => {
        calls++;
        return put(draft);
      },
      ...(find && { find: (_: unknown, draft: OutgoingDraft) => find(draft) }),
    },
  });
  const { instances } = hostConnector(db, spec as AnyConnector);
  return {
    instances,
    /** As on its way between nodes. */
    put: async (fields: Partial<OutgoingDraft> = {}) =>
      JSON.parse(JSON.stringify(await putDraft(instances, "acme", "desk", { ...makeDraft(), ...fields }))),
    calls: () => calls,
  };
}

function makeDraft(): OutgoingDraft {
  const id = newId();
  return {
    id,
    idempotencyKey: id,
    ticket: { id, code: "0000000000", threadId: id, subject: null, requester: {} },
    message: { id, externalId: id, text: "hello", quoted: null, sentAt: new Date(), sourceData: null },
    text: "hello",
    language: null,
    labels: null,
    sources: [],
    writtenBy: "test",
  };
}

test("a helpdesk that fails five times in a row is left alone, and what is refused is no attempt", async () => {
  const desk = await host(() => Promise.reject(new ConnectorError("transient", "away")));
  for (let i = 0; i < 5; i++) expect(await desk.put()).toMatchObject({ failed: { tried: true } });
  expect(desk.instances.breakers.open()).toEqual({ llm: 0, connector: 1 });
  const refused = await desk.put();
  expect(refused).toMatchObject({ failed: { tried: false, retryAfterMs: expect.any(Number) } });
  expect(() => unwrap(refused)).toThrow(Unavailable);
  expect(desk.calls()).toBe(5);
});

test("a helpdesk that lets nobody in is left alone as well", async () => {
  const desk = await host(
    async () => ({ externalId: "1", created: true }),
    () => Promise.reject(new ConnectorError("transient", "no route")),
  );
  for (let i = 0; i < 5; i++) await desk.put();
  expect(desk.instances.breakers.state("connector", "acme/desk")).toBe("open");
});

test("drafts that a helpdesk refuses, and refused credentials, are no trouble of it", async () => {
  const refusing = await host(() => Promise.reject(new ConnectorError("permanent", "no such ticket")));
  for (let i = 0; i < 8; i++) await refusing.put();
  expect(refusing.calls()).toBe(8);
  const locked = await host(() => Promise.reject(new ConnectorError("auth", "no")));
  for (let i = 0; i < 8; i++) expect(await locked.put()).toMatchObject({ failed: { kind: "auth" } });
  expect(locked.instances.breakers.open()).toEqual({ llm: 0, connector: 0 });
});

test("a helpdesk that asks for a long pause is left alone for a minute or so: it may speak of one ticket", async () => {
  const slowDown = new ConnectorError("rate_limited", "slow down", { retryAfterMs: 3_600_000 });
  const desk = await host(() => Promise.reject(slowDown));
  expect(await desk.put()).toMatchObject({ failed: { kind: "rate_limited", retryAfterMs: 3_600_000 } });
  const { failed } = await desk.put();
  expect(failed).toMatchObject({ tried: false });
  expect(failed.retryAfterMs).toBeGreaterThan(50_000);
  expect(failed.retryAfterMs).toBeLessThanOrEqual(90_000);
  expect(desk.calls()).toBe(1);
});

test("behind a helpdesk that hangs, nobody waits for long", async () => {
  const desk = await host(() => new Promise<never>(() => undefined));
  const hanging = [desk.put(), desk.put()];
  await eventually(() => desk.calls() === 2, "under way");
  const waiting = desk.put();
  await sleep(2_100);
  expect(await desk.put()).toMatchObject({ failed: { tried: false } });
  expect(await waiting).toMatchObject({ failed: { tried: false } });
  expect(hanging).toHaveLength(2);
});

test("a draft that has been overtaken is looked for, and never written", async () => {
  const there = new Set(["known"]);
  const find = async ({ idempotencyKey }: OutgoingDraft) =>
    there.has(idempotencyKey) ? { externalId: "note" } : null;
  const desk = await host(async () => ({ externalId: "x", created: true }), undefined, find);
  const overtakenBy = "answered" as const;
  expect(await desk.put({ idempotencyKey: "known", overtakenBy })).toEqual({
    externalId: "note",
    created: false,
  });
  expect(await desk.put({ idempotencyKey: "unknown", overtakenBy })).toEqual({ skipped: "answered" });
  expect(desk.calls()).toBe(0);
  const plain = await host(async () => ({ externalId: "x", created: true }));
  expect(await plain.put({ overtakenBy })).toEqual({ skipped: "answered" });
  expect(plain.calls()).toBe(0);
});
