/** The completeness ledger of a mailbox in a whole hub: what was lost or passed by is found, fetched and drafted for. */
import { expect, onTestFinished, test } from "vitest";
import { projectConfig } from "../../core/cli/project.ts";
import { openDatabase } from "../../core/store/database.ts";
import { startDovecot } from "../../core/testing/dovecot.ts";
import {
  databaseUrl,
  makeHubProject,
  request,
  runDeskwire,
  startTestNode,
  testKey,
  until,
} from "../../core/testing/hub.ts";
import { createTestDatabase } from "../../core/testing/postgres.ts";
import { quietLog } from "../../core/testing/store.ts";
import { describeWith } from "../../core/testing/system-packages.ts";

const key = testKey("acme");
const user = "box@acme.example";
const hour = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);

const mail = (name: string, date: Date) =>
  [
    `From: ${name} <${name}@customer.example>`,
    `To: ${user}`,
    `Subject: Parcel of ${name}`,
    `Message-ID: <${name}@customer.example>`,
    `Date: ${date.toUTCString()}`,
    "",
    "Where is my parcel? It should have come on Monday.",
    "",
  ].join("\r\n");

describeWith("dovecot", "the ledger of a mailbox", () => {
  test("finds what was lost and what reading passed by, fetches it, and counts it once", {
    timeout: 120_000,
  }, async () => {
    const dovecot = await startDovecot();
    onTestFinished(() => dovecot.stop());
    await dovecot.addUser(user, "secret");
    await dovecot.list(user, "INBOX");
    await dovecot.createFolder(user, "Sales");
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const imap = { host: "127.0.0.1", port: dovecot.port, security: "none" };
    const own = {
      plugin: "email",
      imap,
      user,
      password: "secret",
      folders: ["INBOX", "Sales"],
      pollSeconds: 5,
    };
    const project = await makeHubProject(
      { acme: `connectors: ${JSON.stringify({ support: own })}\n` },
      { database: { url: databaseUrl(database.connection) } },
    );
    onTestFinished(() => project.remove());
    const start = async () => startTestNode(await projectConfig(project.dir, true).load());
    const append = (name: string, hours: number) =>
      dovecot.append(user, "INBOX", mail(name, ago(hours * hour)), { date: ago(hours * hour) });
    const drafted = (name: string) =>
      until(`the draft for ${name}`, async () => {
        const drafts = await dovecot.list(user, "Drafts");
        return drafts.find(({ raw }) => raw.includes(`In-Reply-To: <${name}@customer.example>`));
      });
    const run = async () => {
      const { output } = await runDeskwire(project.dir, ["ledger", "acme/support"]);
      return /UTC: (.*)$/m.exec(output)?.[1] ?? output;
    };

    const first = await start();
    const stopFirst = () => first.stop();
    onTestFinished(stopFirst);
    await until("the mailbox is read", async () => {
      const found = await first.db.query("some-cursor", "SELECT 1 FROM cursors", []);
      return found.length > 0 ? true : undefined;
    });
    for (const [name, hours] of [
      ["kept", 5],
      ["lost", 4],
      ["moved", 3],
    ] as const)
      await append(name, hours);
    for (const name of ["kept", "lost", "moved"]) await drafted(name);
    await first.db.query("long-ago", "UPDATE cursors SET created_at = now() - interval '1 day'", []);
    await first.db.query("lose", "DELETE FROM tickets WHERE subject = 'Parcel of lost'", []);
    await stopFirst();

    // While the hub is down: a mail that its cursor is beyond by mistake, and an agent who tidies up.
    const { uid } = await append("passed", 2);
    const db = openDatabase(database.connection, 1, quietLog);
    const past = "UPDATE cursors SET cursor = jsonb_set(cursor, '{folders,INBOX,uid}', to_jsonb($1::int))";
    await db.query("move-past", past, [uid]);
    await db.close();
    await dovecot.inFolder(user, "INBOX", (client) =>
      client.messageMove({ header: { subject: "Parcel of moved" } }, "Sales", { uid: true }),
    );

    const drafts = await dovecot.list(user, "Drafts");
    await dovecot.remove(
      user,
      "Drafts",
      drafts.map((draft) => draft.uid),
    );
    const second = await start();
    onTestFinished(() => second.stop());

    expect(await run()).toBe("2 known, 2 missed and fetched now, 0 still missing");
    for (const name of ["lost", "passed"]) await drafted(name);
    expect(await run()).toBe("4 known, 0 missed and fetched now, 0 still missing");
    const { body } = await request(`http://127.0.0.1:${second.address?.port}`, "/v1/connectors", { key });
    expect(body).toMatchObject({
      connectors: [{ ledger: { listed: 4, known: 4, healed: 0, stillMissing: 0, error: null }, overdue: 0 }],
    });
    const gaps = await second.db.query(
      "gaps",
      "SELECT detail FROM audit_log WHERE action = 'ledger.gap'",
      [],
    );
    expect(gaps).toHaveLength(1);
  });
});
