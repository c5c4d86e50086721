import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { eventually, openTestStore, quietLog } from "../testing/store.ts";
import { becomeSoleNode } from "./sole-node.ts";

async function openLock() {
  const { connection } = await openTestStore();
  const admin = new pg.Client(connection);
  await admin.connect();
  onTestFinished(() => admin.end());
  const holders = async () =>
    (
      await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      )
    ).rows.map(({ pid }) => pid);
  return { connection, admin, holders };
}

test("a second hub on the same database is refused while the first one runs, and let in after it", async () => {
  const { connection, holders } = await openLock();
  const first = await becomeSoleNode(connection, quietLog);
  await expect(becomeSoleNode(connection, quietLog)).rejects.toMatchObject({ kind: "config" });
  const second = becomeSoleNode(connection, quietLog);
  await first.release();
  await (await second).release();
  await eventually(async () => (await holders()).length === 0, "free");
});

test("a hub whose connection is cut takes its lock again, on one connection", async () => {
  const { connection, admin, holders } = await openLock();
  const node = await becomeSoleNode(connection, quietLog);
  for (let round = 0; round < 2; round++) {
    const [before] = await holders();
    await admin.query("SELECT pg_terminate_backend($1)", [before]);
    await eventually(async () => {
      const [now] = await holders();
      return now !== undefined && now !== before;
    }, "the lock is held again");
  }
  await node.release();
  await eventually(async () => {
    const { rows } = await admin.query(
      "SELECT 1 FROM pg_stat_activity WHERE application_name = 'deskwire lock' AND datname = current_database()",
    );
    return rows.length === 0;
  }, "no connection is left");
});

test("nodes with a common queue share a database, and no hub with a queue of its own comes in beside them", async () => {
  const { connection } = await openLock();
  const nodes = [
    await becomeSoleNode(connection, quietLog, true),
    await becomeSoleNode(connection, quietLog, true),
  ];
  await expect(becomeSoleNode(connection, quietLog)).rejects.toThrow("setting nats.url");
  for (const node of nodes) await node.release();
  const alone = await becomeSoleNode(connection, quietLog);
  await expect(becomeSoleNode(connection, quietLog, true)).rejects.toThrow("without nats.url");
  await alone.release();
});
