/** The conformance suite against the `hubspot` connector, with a HubSpot account in memory on the other side. */
import { expect, test } from "vitest";
import { conformanceChecks, describeConnector } from "../../plugins/kit/conformance.ts";
import type { World } from "../../plugins/kit/world.ts";
import { openClient } from "./client.ts";
import { hubspot } from "./index.ts";
import { quick, startHubspot } from "./testing/hubspot-world.ts";

const credentials = { accessToken: "a token", clientSecret: "a secret" };

const world: World = {
  spec: { ...hubspot, open: async (ctx, signal) => openClient(ctx, signal, quick) },
  badConfigs: [
    {},
    { ...credentials, oauth: { clientId: "a", clientSecret: "b", refreshToken: "c" } },
    { ...credentials, url: "hubapi.com" },
    { ...credentials, publicUrl: "ftp://hub.example" },
    { ...credentials, pollSeconds: 0 },
    { ...credentials, fields: { type: { property: "topic", values: {} } } },
    { ...credentials, fields: { priority: { property: "Priority" } } },
  ],
  start: () => startHubspot(),
};

describeConnector(world, { test });

test("an app that a person has authorised signs in, is refused and keeps its secrets like a token of the account's own", async () => {
  const checks = conformanceChecks({ ...world, start: () => startHubspot({ oauth: true }) });
  const chosen = checks.filter(
    ({ covers, name }) => covers === "life" || name.includes("refused credentials"),
  );
  expect(chosen.length).toBeGreaterThan(6);
  for (const check of chosen) expect(await check.run()).toEqual({ covered: true });
});
