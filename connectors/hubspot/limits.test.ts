/** The account's limits: kept by all nodes together, learnt from answers, heeded where HubSpot refuses. */
import { expect, onTestFinished, test } from "vitest";
import { createConnectorFetch } from "../../core/hosting/fetch.ts";
import { createQuotaKeeper } from "../../core/hosting/quota.ts";
import { openTestStore } from "../../core/testing/store.ts";
import { openClient } from "./client.ts";
import { hubspotConfig, quotaOf } from "./config.ts";
import { hubspot } from "./index.ts";
import { startFakeHubspot } from "./testing/fake-hubspot.ts";
import { configOf } from "./testing/hubspot-world.ts";
import { openAccount } from "./testing/test-account.ts";

const search = { filters: [], sort: "hs_lastmodifieddate", properties: ["subject"], limit: 1 };
const config = (fields: Record<string, unknown> = {}) =>
  hubspotConfig.parse({ accessToken: "a token", ...fields });

test("an account is named by its credentials, which its name does not tell", () => {
  const { account } = quotaOf(config());
  expect(account).toBe(quotaOf(config({ pollSeconds: 30 })).account);
  expect(account).toMatch(/^hubspot:api\.hubapi\.com:[0-9a-f]{16}$/);
  const oauth = { clientId: "a", clientSecret: "b", refreshToken: "c" };
  expect(quotaOf(hubspotConfig.parse({ oauth })).account).not.toBe(account);
  expect(quotaOf(config({ accessToken: "another" })).account).not.toBe(account);
});

test("searches count against a limit of their own; tokens and files against none", () => {
  const quota = quotaOf(config());
  const of = (method: string, address: string) => quota.of({ method, url: new URL(address) });
  expect(of("POST", "https://api.hubapi.com/crm/objects/2026-09/tickets/search")).toEqual([
    "burst",
    "daily",
    "search",
  ]);
  expect(of("GET", "https://api.hubapi.com/crm/objects/2026-09/tickets/1")).toEqual(["burst", "daily"]);
  expect(of("POST", "https://api.hubapi.com/oauth/2026-09/token")).toEqual([]);
  expect(of("GET", "https://files.example/a")).toEqual([]);
});

test("what answers tell of the limits is learnt, for whatever period they tell it", () => {
  const quota = quotaOf(config());
  const headers = new Headers({
    "x-hubspot-ratelimit-max": "19",
    "x-hubspot-ratelimit-remaining": "18",
    "x-hubspot-ratelimit-interval-milliseconds": "1000",
    "x-hubspot-ratelimit-daily": "1000000",
    "x-hubspot-ratelimit-daily-remaining": "7",
  });
  expect(quota.read?.(headers, ["burst", "daily"])).toEqual([
    { name: "burst", requests: 190, remaining: 180 },
    { name: "daily", requests: 1_000_000, remaining: 7, resetMs: 2_000 },
  ]);
  const none = new Headers({ "x-hubspot-ratelimit-daily": "9", "x-hubspot-ratelimit-daily-remaining": "0" });
  expect(quota.read?.(none, ["daily"])).toMatchObject([{ remaining: 0, resetMs: 60_000 }]);
  const broken = new Headers({ "x-hubspot-ratelimit-max": "many", "x-hubspot-ratelimit-daily": "-1" });
  expect(quota.read?.(broken, ["burst"])).toEqual([]);
});

test("two nodes that search at once stay within the account's limit", async () => {
  const fake = await startFakeHubspot({ search: { requests: 5, perMs: 1_000 } });
  onTestFinished(() => fake.close());
  const { db, another } = await openTestStore();
  const parsed = hubspotConfig.parse(configOf(fake));
  const { client } = await openAccount();
  const clients = [db, another()].map((database) => {
    const fetch = createConnectorFetch(hubspot.limits, createQuotaKeeper(database, quotaOf(parsed)));
    return openClient({ ...client.ctx, config: parsed, fetch }, new AbortController().signal);
  });
  const signal = AbortSignal.timeout(20_000);
  const searches = Array.from({ length: 8 }, (_, i) => clients[i % 2]?.vendor.searchTickets(search, signal));
  await Promise.all(searches);
  expect(fake.requests).toHaveLength(8);
  expect(fake.most().search).toBeLessThanOrEqual(5);
});

test("a request to slow down is waited for where it is short, and passed on where it is long", async () => {
  const { fake, client, signal } = await openAccount();
  const fetch = createConnectorFetch(hubspot.limits);
  const { vendor } = openClient({ ...client.ctx, fetch }, signal);
  fake.refuse(1, 1);
  const start = performance.now();
  await vendor.searchTickets(search, signal);
  expect(performance.now() - start).toBeGreaterThan(990);
  fake.refuse(1, 60);
  await expect(vendor.searchTickets(search, signal)).rejects.toMatchObject({
    kind: "rate_limited",
    retryAfterMs: 60_000,
  });
});
