import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import { putDraft } from "./drafts.ts";
import { createImapMailbox, type FolderOverrides } from "./imap-mailbox.ts";
import { testDraft, testLog, testOrigin, testSender } from "./test-delivery.ts";

describeWith("dovecot", "the folders of deliveries", () => {
  let dovecot: TestDovecot;
  const cleanups: Array<() => Promise<void>> = [];
  beforeAll(async () => {
    // A server that does not say what its folders are for.
    dovecot = await startDovecot({
      specialUse: false,
      names: { drafts: "Черновики", sent: "Gesendete Objekte" },
    });
    await dovecot.addUser("ann", "secret");
    await dovecot.createFolder("ann", "Team/Answers");
  });
  afterAll(async () => {
    for (const cleanup of cleanups) await cleanup();
    await dovecot.stop();
  });

  function setUp(overrides: FolderOverrides = {}, password = "secret") {
    const log = testLog();
    const { host, port } = dovecot;
    const mailbox = createImapMailbox({
      settings: { host, port, security: "none", user: "ann", credentials: { password } },
      log,
      ...overrides,
    });
    cleanups.push(() => mailbox.close());
    return { sender: testSender(), mailbox, log, now: () => new Date() };
  }
  const ticket = (i: number) =>
    testDraft({
      key: `message-${i}`,
      ticket: { id: `ticket-${i}` },
      origin: testOrigin({ messageId: `question-${i}@customer.example` }),
    });
  const never = new AbortController().signal;

  test("are known by their names where the server does not tell", async () => {
    await putDraft(setUp(), ticket(1), never);
    expect(await dovecot.list("ann", "Черновики")).toHaveLength(1);
    await dovecot.append(
      "ann",
      "Gesendete Objekte",
      "In-Reply-To: <question-2@customer.example>\r\n\r\nDone\r\n",
    );
    expect(await putDraft(setUp(), ticket(2), never)).toEqual({ skipped: "answered" });
  });

  test("are those of the config where it names some", async () => {
    await putDraft(setUp({ draftsFolder: "Team/Answers" }), ticket(3), never);
    expect(await dovecot.list("ann", "Team/Answers")).toHaveLength(1);
    for (const field of ["draftsFolder", "sentFolder"]) {
      await expect(putDraft(setUp({ [field]: "Nowhere" }), ticket(4), never)).rejects.toMatchObject({
        kind: "config",
        message: expect.stringMatching(new RegExp(`"Nowhere": correct ${field}.*Team/Answers`)),
      });
    }
  });

  test("the connection outlives the delivery that opened it, though its signal aborts later", async () => {
    const parts = setUp();
    const abort = new AbortController();
    await putDraft(parts, ticket(5), abort.signal);
    abort.abort();
    const clients = new Set<unknown>();
    for (const signal of [never, never])
      await parts.mailbox.use("looking", signal, async ({ client }) => clients.add(client));
    expect(clients.size).toBe(1);
    expect(parts.log.lines).toEqual([]);
  });

  test("a wrong password is an error of its own kind", async () => {
    await expect(putDraft(setUp({}, "wrong"), ticket(6), never)).rejects.toMatchObject({ kind: "auth" });
  });
});
