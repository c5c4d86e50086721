/** Limits of an account: kept by several nodes together, learnt from answers, and left alone where others need the rest. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Quota } from "../../plugins/contract/connector.ts";
import { eventually, makeTestStore, type TestStore } from "../testing/store.ts";
import { createConnectorFetch } from "./fetch.ts";
import { createLocalQuotaKeeper, createQuotaKeeper } from "./quota.ts";

let store: TestStore;
let url = "";
let times: number[] = [];
let headers: Record<string, string> = {};
let status = 200;
const server = createServer((_, response) => {
  times.push(performance.now());
  response.writeHead(status, headers).end("{}");
});

beforeAll(async () => {
  store = await makeTestStore();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await store.close();
});
beforeEach(() => {
  times = [];
  headers = {};
  status = 200;
});

let accounts = 0;
const quotaOf = (fields: Partial<Quota> = {}): Quota => ({
  account: `desk:acme-${accounts++}`,
  limits: { all: { requests: 50, perMs: 1_000 }, slow: { requests: 5, perMs: 1_000 } },
  of: ({ url: { pathname } }) => (pathname === "/search" ? ["all", "slow"] : ["all"]),
  read: (given) => {
    const remaining = given.get("x-left");
    const requests = given.get("x-most");
    return [
      {
        name: "all",
        ...(requests !== null && { requests: Number(requests) }),
        ...(remaining !== null && { remaining: Number(remaining), resetMs: 600 }),
      },
    ];
  },
  ...fields,
});
/** A node's own `ctx.fetch`, whose gate would let everything through. */
const node = (quota: Quota) =>
  createConnectorFetch(
    { requests: 10_000, perMs: 1_000, concurrency: 100 },
    createQuotaKeeper(store.db, quota),
  );

/** The most requests within any stretch of time. */
function mostWithin(ms: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((from) => sorted.filter((at) => at >= from && at < from + ms).length));
}

test("two nodes together stay under the account's limit, however a period is laid", async () => {
  const quota = quotaOf();
  const nodes = [node(quota), node(quota)];
  const work = Array.from({ length: 130 }, (_, i) => nodes[i % 2]?.(`${url}/tickets`));
  await Promise.all(work);
  expect(times).toHaveLength(130);
  expect(mostWithin(1_000)).toBeLessThanOrEqual(50);
});

test("a request counts against each limit that it falls under, and other requests are not held up by it", async () => {
  const fetch = node(quotaOf());
  const searches = Array.from({ length: 8 }, () => fetch(`${url}/search`));
  await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/tickets`)));
  expect(times.length).toBeLessThan(16);
  await Promise.all(searches);
  expect(mostWithin(1_000)).toBeLessThanOrEqual(8 + 5);
});

test("a limit that is larger or smaller than was thought is learnt, by all nodes", async () => {
  const quota = quotaOf();
  const [one, other] = [node(quota), node(quota)];
  headers = { "x-most": "10" };
  await one(`${url}/tickets`);
  times = [];
  await Promise.all(Array.from({ length: 12 }, () => other(`${url}/tickets`)));
  expect(mostWithin(1_000)).toBeLessThanOrEqual(10);
});

test("where others have used the limit up, all nodes wait until it is whole again", async () => {
  const quota = quotaOf();
  const [one, other] = [node(quota), node(quota)];
  headers = { "x-left": "2" };
  await one(`${url}/tickets`);
  headers = {};
  const began = performance.now();
  await other(`${url}/tickets`);
  expect(performance.now() - began).toBeGreaterThan(500);
});

test("what a 429 asks for holds on the other nodes too; a long wait is an error that tells how long", async () => {
  const quota = quotaOf({ limits: { all: { requests: 50, perMs: 60_000 } } });
  const [one, other] = [node(quota), node(quota)];
  status = 429;
  headers = { "retry-after": "600" };
  await expect(one(`${url}/tickets`)).rejects.toMatchObject({ kind: "rate_limited", status: 429 });
  status = 200;
  times = [];
  const refused = other(`${url}/tickets`).catch((error) => error);
  expect(await refused).toMatchObject({ kind: "rate_limited" });
  // Not for longer than a period: it may be a limit of this one address alone.
  expect((await refused).retryAfterMs).toBeGreaterThan(55_000);
  expect((await refused).retryAfterMs).toBeLessThan(61_000);
  expect(times).toHaveLength(0);
});

test("the end of a hold is not the beginning of a burst", async () => {
  const quota = quotaOf();
  const nodes = [node(quota), node(quota)];
  headers = { "x-left": "0" };
  await nodes[0]?.(`${url}/tickets`);
  headers = {};
  times = [];
  await Promise.all(Array.from({ length: 100 }, (_, i) => nodes[i % 2]?.(`${url}/tickets`)));
  expect(mostWithin(1_000)).toBeLessThanOrEqual(50);
  // A quarter of our share may go at once.
  expect(mostWithin(20)).toBeLessThanOrEqual(15);
});

test("a refusal holds those up as well that wait already", async () => {
  const quota = quotaOf({ limits: { all: { requests: 20, perMs: 4_000 } } });
  const nodes = [node(quota), node(quota)];
  const waiting = Promise.all(Array.from({ length: 12 }, (_, i) => nodes[i % 2]?.(`${url}/tickets`)));
  await eventually(() => times.length >= 4, "the first requests");
  status = 429;
  headers = { "retry-after": "3" };
  await eventually(() => times.length >= 5, "the refusal");
  status = 200;
  headers = {};
  const since = performance.now();
  times = [];
  await waiting;
  // One may have been on its way.
  expect(times.filter((at) => at < since + 2_500).length).toBeLessThanOrEqual(1);
});

test("a 429 that does not tell for how long is over soon, though it may have been the day's limit", async () => {
  const day = { requests: 50_000, perMs: 86_400_000 };
  const quota = quotaOf({ limits: { all: { requests: 50, perMs: 1_000 }, day }, of: () => ["all", "day"] });
  const [one, other] = [node(quota), node(quota)];
  status = 429;
  await expect(one(`${url}/tickets`, { attempts: 1 })).rejects.toMatchObject({ kind: "rate_limited" });
  status = 200;
  const began = performance.now();
  await other(`${url}/tickets`);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("an account of its own has limits of its own, and an abort ends the wait", async () => {
  const held = quotaOf();
  const first = node(held);
  headers = { "x-left": "0" };
  await first(`${url}/tickets`);
  headers = {};
  await node(quotaOf())(`${url}/tickets`);
  const abort = new AbortController();
  const waiting = first(`${url}/tickets`, { signal: abort.signal }).catch((error) => error);
  abort.abort(new Error("the node stops"));
  expect(await waiting).toMatchObject({ message: "the node stops" });
});

test("without the hub's database a process keeps to the limits by itself", async () => {
  const limits = { requests: 10_000, perMs: 1_000, concurrency: 100 };
  const fetch = createConnectorFetch(limits, createLocalQuotaKeeper(quotaOf({ share: 1 })));
  await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/search`)));
  expect(mostWithin(950)).toBeLessThanOrEqual(5);
});
