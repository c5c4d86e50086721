/** The conformance suite against the `email` connector, with a real mail server on the other side. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../core/testing/dovecot.ts";
import { describeWith } from "../../core/testing/system-packages.ts";
import { conformanceChecks, describeConnector } from "../../plugins/kit/conformance.ts";
import { createKitHost } from "../../plugins/kit/host.ts";
import { createJournal } from "../../plugins/kit/journal.ts";
import type { World } from "../../plugins/kit/world.ts";
import { openClient } from "./client.ts";
import { email } from "./index.ts";
import { type MailboxOptions, startMailbox } from "./testing/mailbox-world.ts";

describeWith("dovecot", "a mailbox", () => {
  let server: TestDovecot;
  beforeAll(async () => {
    server = await startDovecot({ settings: "mail_max_userip_connections = 8" });
  });
  afterAll(() => server?.stop());

  // For the test's sake folders are looked at, and a silent server is given up, sooner than a config may say.
  const imap = { host: "imap.example.com" };
  const good = { imap, user: "support@acme.example", password: "a password" };
  const world = (options?: MailboxOptions): World => ({
    spec: { ...email, open: async (ctx) => openClient(ctx, { timeoutMs: 2_000, pollSeconds: 0.25 }) },
    badConfigs: [
      { imap, user: good.user },
      { ...good, user: "support" },
      { ...good, imap: { ...imap, security: "maybe" } },
      { ...good, imap: { host: "https://imap.example.com/" } },
      { ...good, drafts: "agents" },
      { ...good, pollSeconds: 0 },
    ],
    start: () => startMailbox(server, options),
  });

  describeConnector(world(), { test });

  test("what an agent has changed in a program that keeps our headers is not overwritten either", async () => {
    const checks = conformanceChecks(world({ keepsHeaders: true }));
    const check = checks.find(({ name }) => name.includes("changed is never overwritten"));
    if (!check) throw new Error("the check is missing");
    await check.run();
  });

  test("check says so where the server lists a folder that it cannot open", async () => {
    const { spec, start } = world();
    const side = await start();
    const host = createKitHost(spec, side.config, createJournal());
    try {
      await side.faults?.["server-error"]?.();
      const health = await spec.check(await host.client(), AbortSignal.timeout(5_000));
      expect(health).toMatchObject({ ok: false, detail: expect.stringContaining("could not open INBOX") });
    } finally {
      await host.close(1_000);
      await side.mend?.();
      await side.close();
    }
  });
});
