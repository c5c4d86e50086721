import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, defineConnector } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { newId } from "../lib/ids.ts";
import { testCompany, testDirectory, testInstance } from "../testing/company.ts";
import { eventually, openTestStore, quietLog } from "../testing/store.ts";
import { putDraft, unwrap } from "./deliver.ts";
import { createInstances } from "./instances.ts";

type Overrides = Partial<Pick<AnyConnector, "open" | "close" | "deliver" | "limits">>;

function makeSpec(overrides: Overrides = {}) {
  const log: string[] = [];
  let made = 0;
  const spec = defineConnector({
    name: "desk",
    core: "^1",
    config: z.looseObject({}),
    limits: overrides.limits ?? { requests: 1_000, perMs: 1_000, concurrency: 10 },
    async open(ctx, signal) {
      log.push(`open ${made}`);
      await sleep(5);
      if (overrides.open) return overrides.open(ctx, signal);
      return made++;
    },
    check: async () => ({ ok: true }),
    async close(client) {
      log.push(`close ${client}`);
      await overrides.close?.(client);
    },
    ...(overrides.deliver && { deliver: overrides.deliver }),
  });
  return { spec: spec as AnyConnector, log };
}

async function openTestInstances(overrides: Overrides = {}) {
  const { db } = await openTestStore();
  const { spec, log } = makeSpec(overrides);
  const company = (digest: string) => testCompany("acme", [testInstance("desk", spec, { digest }, digest)]);
  const directory = testDirectory(company("1"));
  const blobs = { put: async () => "", get: async () => new Uint8Array() };
  const instances = createInstances({ directory, db, blobs, logFor: () => quietLog });
  onTestFinished(() => instances.close());
  const change = (digest: string | null) =>
    directory.replace("acme", digest === null ? null : company(digest));
  return { db, instances, log, change };
}

test("callers that come at once share one opening", async () => {
  const { instances, log } = await openTestInstances();
  expect(instances.status()).toMatchObject([{ state: "closed" }]);
  const open = await Promise.all(Array.from({ length: 10 }, () => instances.open("acme", "desk")));
  expect(new Set(open.map(({ client }) => client))).toEqual(new Set([0]));
  expect(log).toEqual(["open 0"]);
  expect(instances.status()).toMatchObject([{ company: "acme", instance: "desk", state: "open" }]);
});

test("a changed config closes the connector and opens it anew; the old one's signal aborts", async () => {
  const { instances, log, change } = await openTestInstances();
  const before = await instances.open("acme", "desk");
  change("2");
  expect(before.signal.aborted).toBe(true);
  const after = await instances.open("acme", "desk");
  expect(after.config).toEqual({ digest: "2" });
  await eventually(() => log.length === 3, "closed");
  expect([...log].sort()).toEqual(["close 0", "open 0", "open 1"]);
});

test("a connector whose config changes while it opens is closed as well", async () => {
  const { instances, log, change } = await openTestInstances();
  const opening = instances.open("acme", "desk").catch((error) => error);
  await sleep(1);
  change("2");
  expect(await opening).toBeInstanceOf(ConnectorError);
  await instances.open("acme", "desk");
  await eventually(() => log.includes("close 0"), "closed");
});

test("a connector that is not configured, or not any more, is a config error", async () => {
  const { instances, change } = await openTestInstances();
  await expect(instances.open("acme", "other")).rejects.toMatchObject({ kind: "config" });
  await instances.open("acme", "desk");
  change(null);
  await expect(instances.open("acme", "desk")).rejects.toMatchObject({ kind: "config" });
});

test("an opening that failed is tried again by the next caller", async () => {
  let broken = true;
  const { instances } = await openTestInstances({
    open: async () => {
      if (broken) throw new Error("no route");
      return "client";
    },
  });
  const results = await Promise.allSettled([1, 2, 3].map(() => instances.open("acme", "desk")));
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  broken = false;
  expect(await instances.open("acme", "desk")).toMatchObject({ client: "client" });
});

test("refused credentials pause the connector, once in the audit log; a changed config tries at once", async () => {
  let refused = true;
  const { db, instances, log, change } = await openTestInstances({
    open: async () => {
      if (refused) throw new ConnectorError("auth", "the key was refused\u0000");
      return "client";
    },
  });
  const auth = { kind: "auth" };
  await expect(instances.open("acme", "desk")).rejects.toMatchObject(auth);
  refused = false;
  const paused = await instances.open("acme", "desk").catch((error) => error);
  expect(paused).toMatchObject(auth);
  expect(paused.retryAfterMs).toBeGreaterThan(60_000);
  await instances.report("acme", "desk", paused);
  expect(log).toEqual(["open 0"]);
  expect(instances.status()).toMatchObject([{ state: "paused" }]);
  const entries = await db.query("read-audit", "SELECT action, subject, company FROM audit_log", []);
  expect(entries).toEqual([{ action: "connector.paused", subject: "desk", company: "acme" }]);
  change("2");
  expect(instances.status()).toMatchObject([{ state: "closed" }]);
  await instances.open("acme", "desk");
  await instances.report("acme", "desk", new ConnectorError("auth", "refused in a call"));
  expect(instances.status()).toMatchObject([{ state: "paused", detail: "refused in a call" }]);
  // What customers send is still taken in.
  expect(await instances.open("acme", "desk", "incoming")).toMatchObject({ client: "client" });
  await expect(instances.open("acme", "desk")).rejects.toMatchObject(auth);
  change("3");
  await instances.open("acme", "desk");
  await eventually(() => log.includes("close client"), "the refused one is closed");
});

test("a report never rejects, also where the database is away", async () => {
  const { db, instances } = await openTestInstances();
  await instances.open("acme", "desk");
  await db.close();
  await instances.report("acme", "desk", new ConnectorError("auth", "refused"));
  expect(instances.status()).toMatchObject([{ state: "paused" }]);
});

test("a close ends all, waits for their closing, and opens nothing after it", async () => {
  const { instances, log } = await openTestInstances({
    close: () => sleep(20).then(() => void log.push("ended")),
  });
  await instances.open("acme", "desk");
  await instances.close();
  expect(log.at(-1)).toBe("ended");
  await expect(instances.open("acme", "desk")).rejects.toMatchObject({ kind: "transient" });
});

const draft = (key = newId()) => ({
  id: newId(),
  idempotencyKey: key,
  ticket: { id: newId(), code: "0123456789", threadId: "t", subject: null, requester: {} },
  message: { id: key, externalId: "m", text: "?", quoted: null, sentAt: new Date(), sourceData: null },
  text: "Hello",
  language: "en",
  labels: null,
  sources: [],
  writtenBy: "test",
});

test("two attempts at one delivery at once are one call of the connector", async () => {
  let calls = 0;
  const put = async () => {
    calls++;
    await sleep(30);
    return { externalId: "note", created: true };
  };
  const { instances } = await openTestInstances({ deliver: { as: "internal-note", put } });
  const one = draft();
  const results = await Promise.all([1, 2].map(() => putDraft(instances, "acme", "desk", one)));
  expect(results).toEqual([1, 2].map(() => ({ externalId: "note", created: true })));
  expect(calls).toBe(1);
  await putDraft(instances, "acme", "desk", one);
  expect(calls).toBe(2);
});

test("deliveries keep to the connector's limits", async () => {
  let running = 0;
  let most = 0;
  const put = async () => {
    most = Math.max(most, ++running);
    await sleep(5);
    running--;
    return { externalId: "note", created: true };
  };
  const limits = { requests: 1_000, perMs: 1_000, concurrency: 3 };
  const { instances } = await openTestInstances({ limits, deliver: { as: "draft", put } });
  await Promise.all(Array.from({ length: 20 }, () => putDraft(instances, "acme", "desk", draft())));
  expect(most).toBe(3);
});

test("a failed delivery keeps its kind on the way between nodes", async () => {
  const put = async () => {
    throw new ConnectorError("rate_limited", "slow down", { retryAfterMs: 5_000 });
  };
  const { instances } = await openTestInstances({ deliver: { as: "draft", put } });
  const result = JSON.parse(JSON.stringify(await putDraft(instances, "acme", "desk", draft())));
  expect(() => unwrap(result)).toThrow(
    expect.objectContaining({ kind: "rate_limited", message: "slow down", retryAfterMs: 5_000 }),
  );
});

test("a delivery under way is left behind when its connector is closed", async () => {
  const put = () => new Promise<never>(() => undefined);
  const { instances, change } = await openTestInstances({ deliver: { as: "draft", put } });
  const result = putDraft(instances, "acme", "desk", draft());
  await eventually(() => instances.status()[0]?.state === "open", "open");
  change("2");
  expect(await result).toMatchObject({ failed: { kind: "transient" } });
});

test("a connector that delivers nothing leaves the draft in the history", async () => {
  const { instances } = await openTestInstances();
  const one = draft();
  expect(await putDraft(instances, "acme", "desk", one)).toEqual({ externalId: one.id, created: true });
});
