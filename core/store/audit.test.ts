import { expect, test } from "vitest";
import { openTestStore } from "../testing/store.ts";
import { audit } from "./audit.ts";

test("entries are written, and the database refuses to change, delete or empty them", async () => {
  const { db } = await openTestStore();
  const entry = { company: "acme", actor: "operator", action: "message.replayed", subject: "1" } as const;
  await audit(db, [entry, { ...entry, subject: "2", detail: { stage: "drafted" } }]);
  for (const statement of [
    "UPDATE audit_log SET actor = 'nobody'",
    "UPDATE audit_log SET actor = 'nobody' WHERE false",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "TRUNCATE audit_log CASCADE",
  ]) {
    await expect(db.query(statement, statement, []), statement).rejects.toThrow("append-only");
  }
  const rows = await db.query("entries", "SELECT subject, detail FROM audit_log ORDER BY id", []);
  expect(rows).toEqual([
    { subject: "1", detail: {} },
    { subject: "2", detail: { stage: "drafted" } },
  ]);
});
