import { expect, test } from "vitest";
import { z } from "zod";
import { type Context, defineConnector } from "../../plugins/contract/connector.ts";
import { testCompany, testInstance } from "../testing/company.ts";
import { openTestStore, quietLog } from "../testing/store.ts";
import { withConnector } from "./open-alone.ts";

const spec = defineConnector({
  name: "desk",
  core: "^1",
  config: z.looseObject({}),
  limits: { requests: 1_000, perMs: 1_000, concurrency: 10 },
  open: async (context: Context<unknown>) => context,
  check: async () => ({ ok: true }),
  close: async () => undefined,
});
const instance = testInstance("desk", spec);
const { signal } = new AbortController();

test("it is told when a token was renewed, which the hub has then too", async () => {
  const { db } = await openTestStore();
  let renewals = 0;
  const onRenewal = () => renewals++;
  const parts = { db, logFor: () => quietLog, verb: "plan", onRenewal };
  const refresh = async () => ({ accessToken: "access", expiresAt: new Date(Date.now() + 3_600_000) });
  const token = () =>
    withConnector(parts, testCompany("acme", [instance]), instance, signal, (client) =>
      (client as Context<unknown>).tokens.accessToken({ seed: "s", refresh }),
    );
  expect(await token()).toBe("access");
  expect(renewals).toBe(1);
  expect(await token()).toBe("access");
  expect(renewals).toBe(1);
});

test("the connector is told since when messages are none of history", async () => {
  const since = new Date("2026-11-01");
  const parts = { db: null, logFor: () => quietLog, verb: "plan", since };
  const told = withConnector(parts, testCompany("acme", [instance]), instance, signal, (client) =>
    (client as Context<unknown>).since(),
  );
  expect(await told).toEqual(since);
});
