import { expect, test } from "vitest";
import { newMessage, openTestStore, storeMessages } from "../testing/store.ts";
import { countOverdue, findUnknown, listDue, saveFailedRun, saveItems } from "./ledger.ts";

const source = { company: "acme", connector: "api" };
const hour = 3_600_000;

test("what is stored under the same connector of the same company, or in quarantine, is known", async () => {
  const { db } = await openTestStore();
  await storeMessages(db, [
    newMessage({ externalId: "stored" }),
    newMessage({ externalId: "theirs", company: "beta" }),
    newMessage({ externalId: "other", connector: "mail" }),
  ]);
  await db.query(
    "quarantine-one",
    `INSERT INTO quarantine (id, company, connector, external_id, reason)
     VALUES (gen_random_uuid(), 'acme', 'api', 'broken', 'x')`,
    [],
  );
  await saveItems(db, source, [{ id: "tried", state: "missing" }]);
  const unknown = await findUnknown(db, source, ["stored", "theirs", "other", "broken", "tried", "fresh"]);
  expect(Object.fromEntries(unknown.map(({ id, state }) => [id, state]))).toEqual({
    theirs: null,
    other: null,
    tried: "missing",
    fresh: null,
  });
});

test("messages that are open for longer than an hour are counted for each connector", async () => {
  const { db } = await openTestStore();
  const ids = await storeMessages(db, [
    newMessage(),
    newMessage(),
    newMessage({ connector: "mail" }),
    newMessage({ company: "beta" }),
    newMessage({ skip: "answered" }),
    newMessage(),
  ]);
  await db.query(
    "age",
    "UPDATE progress SET received_at = now() - interval '61 minutes' WHERE message_id = ANY($1)",
    [ids.slice(0, 5)],
  );
  const counts = async (company: string | null) =>
    Object.fromEntries((await countOverdue(db, company)).map(({ connector, count }) => [connector, count]));
  expect(await counts("acme")).toEqual({ api: 2, mail: 1 });
  expect(await counts(null)).toEqual({ api: 3, mail: 1 });
});

test("a source is due when it has been read for a while, and again some time after an attempt that failed too", async () => {
  const { db } = await openTestStore();
  await db.query("read", "INSERT INTO cursors (company, connector, cursor) VALUES ('acme', 'api', '{}')", []);
  expect(await listDue(db, hour, hour)).toEqual([]);
  expect(await listDue(db, hour, 0)).toEqual([source]);
  await saveFailedRun(db, source, "the line broke");
  expect(await listDue(db, hour, 0)).toEqual([]);
  await db.query("later", "UPDATE ledger_runs SET attempted_at = now() - interval '2 hours'", []);
  expect(await listDue(db, hour, 0)).toEqual([source]);
});
