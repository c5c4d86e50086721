/** Access tokens of an app: renewed once for all nodes, and a person is asked where HubSpot gives none. */
import { expect, onTestFinished, test } from "vitest";
import { createConnectorFetch } from "../../core/hosting/fetch.ts";
import { createTokens } from "../../core/hosting/tokens.ts";
import { openTestStore } from "../../core/testing/store.ts";
import { openClient } from "./client.ts";
import { hubspotConfig } from "./config.ts";
import { hubspot } from "./index.ts";
import { startFakeHubspot } from "./testing/fake-hubspot.ts";
import { configOf } from "./testing/hubspot-world.ts";
import { openAccount } from "./testing/test-account.ts";

const signal = AbortSignal.timeout(20_000);

/** The same account on two nodes. */
async function openNodes() {
  const fake = await startFakeHubspot();
  onTestFinished(() => fake.close());
  const { db, another } = await openTestStore();
  const { client } = await openAccount();
  const config = hubspotConfig.parse(configOf(fake, { oauth: true }));
  const fetch = createConnectorFetch(hubspot.limits);
  const nodes = [db, another()].map((database) => {
    const tokens = createTokens(database, "acme", "desk");
    return openClient({ ...client.ctx, config, fetch, tokens }, signal);
  });
  const asked = () => fake.requests.filter((one) => one.endsWith("/token")).length;
  return { fake, nodes, asked };
}

test("two nodes that need a token at once ask for one, and again for one when it is refused", async () => {
  const { fake, nodes, asked } = await openNodes();
  const all = () => Promise.all(nodes.map(({ vendor }) => vendor.pipelines(signal)));
  await all();
  expect(asked()).toBe(1);
  await all();
  expect(asked()).toBe(1);
  // HubSpot takes it back before its time is over.
  fake.oauth.accessTokens.clear();
  await all();
  expect(asked()).toBe(2);
  expect(fake.violations).toEqual([]);
});

test("a token whose time is over is renewed with the refresh token that came last", async () => {
  const { fake, nodes, asked } = await openNodes();
  // A minute is left out, so that a token holds for what is done with it.
  fake.oauth.expiresIn = 30;
  for (let round = 0; round < 3; round++) for (const { vendor } of nodes) await vendor.pipelines(signal);
  expect(asked()).toBe(6);
  expect(fake.oauth.refreshTokens.size).toBe(1);
});

test("a refresh token that is refused needs a person, and the error shows no secret", async () => {
  const { fake, nodes } = await openNodes();
  fake.oauth.refreshTokens.clear();
  const error = await nodes[0]?.vendor.pipelines(signal).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ kind: "auth", message: expect.stringContaining("set oauth.refreshToken") });
  expect(`${JSON.stringify(error)}${(error as Error).stack}`).not.toContain("refresh-by-a-person");
});

test("while HubSpot is away no token is asked for twice", async () => {
  const { fake, nodes, asked } = await openNodes();
  const held = fake.holds("/oauth/2026-09/token");
  const aborted = nodes[0]?.vendor.pipelines(AbortSignal.timeout(100)).catch((thrown: unknown) => thrown);
  const other = nodes[1]?.vendor.pipelines(signal);
  setTimeout(() => held.release(), 300);
  await aborted;
  await other;
  expect(asked()).toBe(1);
});
