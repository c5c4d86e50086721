/** The completeness ledger from the command line, beside a running hub and without one. */
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../store/database.ts";
import { takeLease } from "../store/leases.ts";
import { migrate } from "../store/migrate.ts";
import {
  databaseUrl,
  makeHubProject,
  request,
  runDeskwire,
  startTestHub,
  testKey,
  until,
} from "../testing/hub.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { quietLog } from "../testing/store.ts";

const plugin = fileURLToPath(new URL("../testing/archive-connector.ts", import.meta.url));
const key = testKey("acme");
const item = (id: string, by: string, hoursAgo: number, thread = id) => ({
  id,
  by,
  thread,
  at: new Date(Date.now() - hoursAgo * 3_600_000).toISOString(),
  text: `This is ${id}. Where is my order?`,
});
const items = [
  item("too-old", "customer", 60),
  item("missed", "customer", 6),
  item("answered", "customer", 5),
  item("answer", "agent", 4, "answered"),
  item("broken", "nobody", 3),
  item("outside", "agent", 2),
];
const mail = JSON.stringify({ plugin, items });
const companies = { acme: `connectors:\n  api: {}\n  mail: ${mail}\n` };

/** As if the source had been read for ten days. */
const longRead = `INSERT INTO cursors (company, connector, cursor, created_at)
  VALUES ('acme', 'mail', '{}', now() - interval '10 days')`;
const accounting = /^acme\/mail: (\d+) listed from .* to .* UTC: (.*)$/m;

test("it fetches what was missed beside a hub, which drafts for it, and shows the accounting", {
  timeout: 60_000,
}, async () => {
  const hub = await startTestHub(companies);
  onTestFinished(() => hub.stop());
  const { dir } = hub.project;
  const run = async () => {
    const { output, code } = await runDeskwire(dir, ["ledger"]);
    return { code, figures: accounting.exec(output)?.slice(1) ?? output };
  };
  expect(await runDeskwire(dir, ["ledger"])).toEqual({
    code: 0,
    output: "acme/mail: it has not been read for ten minutes yet, so there is nothing to compare\n",
  });
  await hub.node.db.query("long-read", longRead, []);
  expect(await run()).toEqual({
    code: 0,
    figures: ["5", "0 known, 1 of no ticket, 4 missed and fetched now, 0 still missing"],
  });
  expect(await run()).toEqual({
    code: 0,
    figures: ["5", "4 known, 1 of no ticket, 0 missed and fetched now, 0 still missing"],
  });
  const drafted = await until("the draft", async () => {
    const { body } = await request(hub.url, "/v1/drafts", { key });
    const { drafts } = body as { drafts: Array<{ messageExternalId: string }> };
    return drafts.length > 0 ? drafts : undefined;
  });
  // Nobody drafts for what an agent has answered.
  expect(drafted.map(({ messageExternalId }) => messageExternalId)).toEqual(["missed"]);
  const { body } = await request(hub.url, "/v1/connectors", { key });
  expect(body).toMatchObject({
    connectors: [
      { name: "api", ledger: null, overdue: 0 },
      {
        name: "mail",
        ledger: { listed: 5, known: 4, passedOver: 1, healed: 0, stillMissing: 0, error: null },
      },
    ],
  });
});

test("what cannot be meant is told, and a source that is being compared already", {
  timeout: 60_000,
}, async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  await migrate(database.connection);
  const db = openDatabase(database.connection, 2, quietLog);
  onTestFinished(() => db.close());
  await db.query("long-read", longRead, []);
  const project = await makeHubProject(companies, { database: { url: databaseUrl(database.connection) } });
  onTestFinished(() => project.remove());
  expect(await runDeskwire(project.dir, ["ledger", "acme/api"])).toEqual({
    code: 2,
    output: expect.stringContaining("those that can be: acme/mail"),
  });
  await takeLease(db, "ledger:acme/mail", "another", 60_000);
  expect(await runDeskwire(project.dir, ["ledger", "acme"])).toEqual({
    code: 1,
    output: expect.stringContaining("acme/mail: it is being compared at this moment"),
  });
});
