import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Token } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { openTestStore } from "../testing/store.ts";
import { createTokens } from "./tokens.ts";

const seed = "the refresh token of the config";
const inMs = (ms: number) => new Date(Date.now() + ms);

/** A token service whose refresh tokens can be used once; it counts how often it was asked. */
function makeService(lifeMs = 3_600_000) {
  let valid = seed;
  const asked: (string | null)[] = [];
  return {
    asked,
    async refresh(last: Token | null): Promise<Token> {
      asked.push(last?.refreshToken ?? null);
      const given = last?.refreshToken ?? seed;
      await sleep(20);
      if (given !== valid) throw new ConnectorError("auth", "authorise again");
      valid = `refresh-${asked.length}`;
      return { accessToken: `access-${asked.length}`, refreshToken: valid, expiresAt: inMs(lifeMs) };
    },
  };
}

test("many callers on several nodes need one refresh", async () => {
  const store = await openTestStore();
  const nodes = [1, 2, 3].map(() => createTokens(store.another(), "acme", "mail"));
  const service = makeService();
  const asking = nodes.flatMap((node) => [1, 2, 3].map(() => node.accessToken({ seed, ...service })));
  expect(new Set(await Promise.all(asking))).toEqual(new Set(["access-1"]));
  expect(service.asked).toEqual([null]);
});

test("a token that is about to end, or was refused, is renewed with the last refresh token", async () => {
  const { db } = await openTestStore();
  const service = makeService(50_000);
  const tokens = createTokens(db, "acme", "mail");
  expect(await tokens.accessToken({ seed, ...service })).toBe("access-1");
  expect(await tokens.accessToken({ seed, ...service })).toBe("access-2");
  const lasting = makeService();
  const others = createTokens(db, "acme", "other");
  const first = await others.accessToken({ seed, ...lasting });
  expect(await others.accessToken({ seed, ...lasting })).toBe(first);
  expect(await others.accessToken({ seed, refused: first, ...lasting })).toBe("access-2");
  // The node that was refused late gets what another one has renewed since.
  expect(await createTokens(db, "acme", "other").accessToken({ seed, refused: first, ...lasting })).toBe(
    "access-2",
  );
  expect(lasting.asked).toEqual([null, "refresh-1"]);
});

test("a token outlives a restart, and is stored sealed", async () => {
  const { db } = await openTestStore();
  const service = makeService();
  await createTokens(db, "acme", "mail").accessToken({ seed, ...service });
  expect(await createTokens(db, "acme", "mail").accessToken({ seed, ...service })).toBe("access-1");
  const [row] = await db.query<{ sealed: Buffer }>("sealed", "SELECT sealed FROM tokens", []);
  expect(row?.sealed.toString("latin1")).not.toContain("access-1");
});

test("a new secret in the config starts afresh", async () => {
  const { db } = await openTestStore();
  const tokens = createTokens(db, "acme", "mail");
  await tokens.accessToken({ seed, ...makeService() });
  const asked: (Token | null)[] = [];
  const refresh = async (last: Token | null) => {
    asked.push(last);
    return { accessToken: "new", expiresAt: inMs(3_600_000) };
  };
  expect(await tokens.accessToken({ seed: "another one", refresh })).toBe("new");
  expect(asked).toEqual([null]);
});

test("a refresh that fails tells its caller, keeps what was there, and lets the next one try", async () => {
  const { db } = await openTestStore();
  const tokens = createTokens(db, "acme", "mail");
  const refresh = () => Promise.reject(new ConnectorError("auth", "authorise again"));
  await expect(tokens.accessToken({ seed, refresh })).rejects.toMatchObject({ kind: "auth" });
  expect(await tokens.accessToken({ seed, ...makeService() })).toBe("access-1");
});
