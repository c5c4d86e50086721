import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { eventually, openTestStore } from "../testing/store.ts";
import { isDataError, retryDeadlocks } from "./database.ts";

const put = "INSERT INTO leases (name, holder, until) VALUES ($1, 'x', now())";

test("a transaction that throws leaves nothing behind", async () => {
  const { db } = await openTestStore();
  const failed = db.transaction(async (runner) => {
    await runner.query("put", put, ["a"]);
    throw new Error("on purpose");
  });
  await expect(failed).rejects.toThrow("on purpose");
  expect(await db.query("all", "SELECT name FROM leases", [])).toEqual([]);
});

test("a transaction whose failed statement was passed over does not claim to be committed", async () => {
  const { db } = await openTestStore();
  const passedOver = db.transaction(async (runner) => {
    await runner.query("put", put, ["a"]);
    await runner.query("put", put, ["a"]).catch(() => undefined);
  });
  await expect(passedOver).rejects.toThrow("rolled back");
  expect(await db.query("all", "SELECT name FROM leases", [])).toEqual([]);
});

test("connections that the server cuts, in use or not, fail their work alone and are replaced", async () => {
  const { db, connection } = await openTestStore(2);
  const admin = new pg.Client(connection);
  await admin.connect();
  onTestFinished(() => admin.end());
  const cut = () =>
    admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
  await db.query("one", "SELECT 1 AS n", []);
  await cut();
  await eventually(
    () =>
      db
        .query("one", "SELECT 1 AS n", [])
        .then(() => true)
        .catch(() => false),
    "a new connection",
  );

  // Between two statements of a transaction nobody waits for an answer: the loss must not end the process.
  const broken = db.transaction(async (runner) => {
    await runner.query("put", put, ["a"]);
    await cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await runner.query("put", put, ["b"]);
  });
  await expect(broken).rejects.toThrow();
  expect(await db.query("all", "SELECT name FROM leases", [])).toEqual([]);
});

test("work that lost a deadlock is done again", async () => {
  const { db } = await openTestStore();
  for (const name of ["a", "b"]) await db.query("put", put, [name]);
  const touch = "UPDATE leases SET until = now() WHERE name = $1";
  let runs = 0;
  let held = 0;
  const both = (first: string, second: string) =>
    retryDeadlocks(() =>
      db.transaction(async (runner) => {
        runs++;
        await runner.query("touch", touch, [first]);
        held++;
        await eventually(() => held >= 2, "both hold their first row");
        await runner.query("touch", touch, [second]);
      }),
    );
  await Promise.all([both("a", "b"), both("b", "a")]);
  // Two runs, and one or more again: the loser may lose once more.
  expect(runs).toBeGreaterThan(2);
});

test("errors of the data are told from errors of the connection", async () => {
  const { db } = await openTestStore();
  const errorOf = (text: string, values: unknown[]) => db.query(text, text, values).catch((error) => error);
  expect(isDataError(await errorOf("SELECT $1::text", ["a\u0000b"]))).toBe(true);
  expect(isDataError(await errorOf("SELECT $1::int", ["x"]))).toBe(true);
  expect(isDataError(await errorOf("SELECT nonsense", []))).toBe(false);
  expect(isDataError(new Error("connection lost"))).toBe(false);
  expect(isDataError(null)).toBe(false);
});

test("a ping ends within its time", async () => {
  const { db } = await openTestStore(1);
  await db.ping(2_000);
  let free: () => void = () => undefined;
  const busy = db.transaction(() => new Promise<void>((resolve) => (free = resolve)));
  await expect(db.ping(50)).rejects.toThrow("did not answer within 50 ms");
  free();
  await busy;
});
