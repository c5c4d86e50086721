import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { type AnyConnector, type Context, defineConnector } from "../../plugins/contract/connector.ts";
import { openDatabase } from "../store/database.ts";
import { testCompany, testInstance } from "../testing/company.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { quietLog } from "../testing/store.ts";
import { checkLive } from "./check-live.ts";

const closed: string[] = [];
const look = (
  overrides: Partial<AnyConnector>,
  limitMs = 5_000,
  db: Parameters<typeof checkLive>[0]["db"] = null,
) => {
  closed.length = 0;
  const spec = {
    ...defineConnector({
      name: "desk",
      core: "^1",
      config: z.looseObject({}),
      limits: { requests: 1_000, perMs: 1_000, concurrency: 10 },
      open: async (context: Context<unknown>) => context,
      check: async () => ({ ok: true }),
      async close() {
        closed.push("closed");
      },
    }),
    ...overrides,
  } as AnyConnector;
  const instance = testInstance("desk", spec);
  return checkLive({ db, logFor: () => quietLog, limitMs }, testCompany("acme", [instance]), instance);
};
const never = () => new Promise<never>(() => undefined);

test("a connector is opened, asked and closed", async () => {
  expect(await look({ check: async () => ({ ok: true, detail: "fine" }) })).toEqual({
    ok: true,
    detail: "fine",
  });
  expect(closed).toEqual(["closed"]);
});

test("one that throws as it opens, though it is no async function, has failed", async () => {
  const open = () => {
    throw new Error("no such host");
  };
  expect(await look({ open })).toEqual({ ok: false, detail: "no such host" });
  expect(closed).toEqual([]);
});

test("one that does not answer in time has failed, and is closed all the same", async () => {
  expect(await look({ check: never }, 50)).toEqual({ ok: false, detail: "no answer within 0.05 s" });
  expect(closed).toEqual(["closed"]);
  const slow = async () => {
    await sleep(200);
    return {};
  };
  expect(await look({ open: slow }, 50)).toMatchObject({ ok: false });
  expect(closed).toEqual(["closed"]);
});

test("one that does not close is left behind", { timeout: 15_000 }, async () => {
  expect(await look({ close: never })).toEqual({ ok: true });
});

test("no token is asked for where it could not be kept", async () => {
  let asked = 0;
  const check = async ({ tokens }: Context<unknown>) => {
    const refresh = async () => ({ accessToken: `access-${++asked}`, expiresAt: new Date(0) });
    return { ok: true, detail: await tokens.accessToken({ seed: "s", refresh }) };
  };
  expect(await look({ check })).toMatchObject({
    ok: false,
    detail: expect.stringContaining("start the hub"),
  });
  const { connection, drop } = await createTestDatabase();
  const db = openDatabase(connection, 1, quietLog);
  const empty = await look({ check }, 5_000, db);
  expect(empty).toMatchObject({ ok: false, detail: expect.stringContaining("which is empty") });
  await db.close();
  await drop();
  expect(asked).toBe(0);
});
