import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { startFaultProxy } from "../../../core/testing/fault-proxy.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import type { ImapCursor } from "./cursor.ts";
import { kindIn, mail, startPulling, subjectOf, testParts } from "./pull-testing.ts";

describeWith("dovecot", "reading a mailbox", () => {
  let dovecot: TestDovecot;
  let users = 0;
  beforeAll(async () => {
    dovecot = await startDovecot({ names: { sent: "Gesendet", drafts: "Entwürfe" } });
  });
  afterAll(() => dovecot.stop());

  /** A user of the test's own. */
  const newUser = async (changes: Parameters<typeof testParts>[1] = {}) => {
    users += 1;
    const user = `user${users}`;
    await dovecot.addUser(user, "secret");
    const { host, port } = dovecot;
    return { user, parts: testParts({ host, port, user, password: "secret" }, changes) };
  };

  test("begins at the end: what lies there is left, what comes is read", async () => {
    const { user, parts } = await newUser();
    await dovecot.append(user, "INBOX", mail("old"));
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    expect(pulling.pages[0]?.mails).toEqual([]);
    expect(pulling.pages[0]?.cursor.folders.INBOX?.uid).toBe(1);
    await dovecot.append(user, "INBOX", mail("new"));
    await pulling.until(() => pulling.mails().length > 0);
    await pulling.stop();
    expect(pulling.subjects()).toEqual(["new"]);
    expect(pulling.mails()[0]).toMatchObject({
      folder: "INBOX",
      role: "inbox",
      uid: 2,
      size: mail("new").length,
    });
  });

  test("reads on from the cursor, whatever happened meanwhile", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await first.stop();
    for (let i = 0; i < 120; i++)
      await dovecot.append(user, "INBOX", mail(`mail ${i}`), { flags: ["\\Seen"] });
    const second = startPulling(parts, first.cursor());
    await second.until(() => second.mails().length >= 50);
    await second.stop();
    expect(second.pages.map(({ mails }) => mails.length)).toContain(50);
    const afterOnePage = second.pages.find(({ mails }) => mails.length === 50)?.cursor ?? null;
    const third = startPulling(parts, afterOnePage);
    await third.until(() => third.mails().length >= 70);
    await third.stop();
    expect(third.subjects()).toEqual(Array.from({ length: 70 }, (_, i) => `mail ${i + 50}`));
  });

  test("sees a new mail at once, by IDLE", async () => {
    const { user, parts } = await newUser({ pollSeconds: 600 });
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const took: number[] = [];
    for (let i = 0; i < 10; i++) {
      const start = performance.now();
      await dovecot.append(user, "INBOX", mail(`mail ${i}`));
      await pulling.until(() => pulling.mails().length > i);
      took.push(performance.now() - start);
    }
    await pulling.stop();
    const sorted = took.toSorted((a, b) => a - b);
    console.log(`a mail is read by IDLE after ${took.map(Math.round).join(", ")} ms`);
    expect(sorted[5]).toBeLessThan(1_000);
  });

  test("puts a customer's mail and the agent's answer in the order in which they happened", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await first.stop();
    const at = (minute: number) => new Date(Date.UTC(2026, 5, 1, 12, minute));
    await dovecot.append(user, "INBOX", mail("question 1"), { date: at(1) });
    await dovecot.append(user, "INBOX", mail("question 2"), { date: at(3) });
    await dovecot.append(user, "INBOX", mail("late, with an early date"), { date: at(0) });
    await dovecot.append(user, "Gesendet", mail("answer 1"), { date: at(2) });
    await dovecot.append(user, "Gesendet", mail("answer 2"), { date: at(4) });
    const second = startPulling(parts, first.cursor());
    await second.until(() => second.mails().length >= 5);
    await second.stop();
    expect(second.subjects()).toEqual([
      "question 1",
      "answer 1",
      "question 2",
      "late, with an early date",
      "answer 2",
    ]);
    expect(second.mails().map(({ role }) => role)).toEqual(["inbox", "sent", "inbox", "inbox", "sent"]);
  });

  test("changes no flag, and leaves no mail as recent for nobody", async () => {
    const { user, parts } = await newUser();
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    await dovecot.append(user, "INBOX", mail("unread"));
    await dovecot.append(user, "INBOX", mail("seen"), { flags: ["\\Seen"] });
    await dovecot.append(user, "INBOX", mail("large", "x".repeat(1_100_000)));
    await pulling.until(() => pulling.mails().length === 3);
    await pulling.stop();
    const flags = await dovecot.list(user, "INBOX");
    expect(flags.map((found) => found.flags)).toEqual([[], ["\\Seen"], []]);
  });

  test("reads the header alone of a mail that is too large", async () => {
    const { user, parts } = await newUser({ maxBytes: 2_000 });
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    await dovecot.append(user, "INBOX", mail("large", "x".repeat(2_000)));
    await dovecot.append(user, "INBOX", mail("small"));
    await pulling.until(() => pulling.mails().length === 2);
    await pulling.stop();
    const [large, small] = pulling.mails();
    expect(large).toMatchObject({ raw: null, size: mail("large", "x".repeat(2_000)).length });
    expect(Buffer.from(large?.header ?? []).toString()).toMatch(/^From: Ann.*Subject: large\r\n$/s);
    expect(small && subjectOf(small)).toBe("small");
  });

  test("reads a folder again that was numbered anew, with a warning", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await dovecot.append(user, "INBOX", mail("a"));
    await dovecot.append(user, "INBOX", mail("ancient"), { date: new Date("2020-01-01") });
    await dovecot.append(user, "INBOX", mail("b"));
    await first.until(() => first.mails().length === 3);
    await first.stop();
    await dovecot.changeUidValidity(user, "INBOX");
    await dovecot.append(user, "INBOX", mail("c"));
    const second = startPulling(parts, first.cursor());
    await second.until(() => second.mails().length >= 3);
    await dovecot.append(user, "INBOX", mail("d"), { date: new Date("2020-01-01") });
    await second.until(() => second.mails().length >= 4);
    await second.stop();
    expect(second.subjects()).toEqual(["a", "b", "c", "d"]);
    expect(parts.warnings).toEqual([expect.stringContaining("numbered the folder INBOX anew")]);
    expect(second.cursor().folders.INBOX).not.toHaveProperty("resync");
    expect(second.cursor().folders.INBOX?.uidValidity).not.toBe(first.cursor().folders.INBOX?.uidValidity);
  });

  test("reads on where a folder is numbered anew under its eyes", async () => {
    const { user, parts } = await newUser({ pollSeconds: 0.3 });
    let cursor: ImapCursor | null = null;
    const read: string[] = [];
    const pull = () =>
      startPulling(parts, cursor, (page) => {
        cursor = page.cursor;
        read.push(...page.mails.map(subjectOf));
      });
    let pulling = pull();
    await pulling.until(() => pulling.pages.length > 0);
    for (let i = 0; i < 5; i++) await dovecot.append(user, "INBOX", mail(`mail ${i}`));
    await pulling.until(() => read.length === 5);
    await dovecot.changeUidValidity(user, "INBOX");
    await dovecot.append(user, "INBOX", mail("mail 5"));
    // The server may end the connection; then the pull is begun again, as the core does.
    for (const end = Date.now() + 10_000; !read.includes("mail 5") && Date.now() < end; ) {
      const error = await Promise.race([
        pulling.ended,
        new Promise((resolve) => setTimeout(resolve, 50, "running")),
      ]);
      if (error === "running") continue;
      expect(kindIn(error)).toBe("transient");
      pulling = pull();
    }
    await pulling.stop();
    expect(new Set(read)).toEqual(new Set(Array.from({ length: 6 }, (_, i) => `mail ${i}`)));
    expect(parts.warnings).toEqual([expect.stringContaining("numbered the folder INBOX anew")]);
  });

  test("fails at once where the server goes away while nothing happens", async () => {
    const { parts } = await newUser({ pollSeconds: 600 });
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const start = performance.now();
    await dovecot.restart();
    expect(kindIn(await pulling.ended)).toBe("transient");
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  test("goes on with a look-back that was cut short, without the mails that are too old", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    for (let i = 0; i < 60; i++) await dovecot.append(user, "INBOX", mail(`mail ${i}`));
    await dovecot.append(user, "INBOX", mail("ancient"), { date: new Date("2020-01-01") });
    await dovecot.append(user, "INBOX", mail("last"));
    await first.until(() => first.mails().length === 62);
    await first.stop();
    await dovecot.changeUidValidity(user, "INBOX");
    const second = startPulling(parts, first.cursor());
    await second.until(() => second.mails().length >= 50);
    await second.stop();
    const third = startPulling(parts, second.pages.find(({ mails }) => mails.length === 50)?.cursor ?? null);
    await third.until(() => third.subjects().includes("last"));
    await third.stop();
    expect(third.subjects()).toEqual([...Array.from({ length: 10 }, (_, i) => `mail ${i + 50}`), "last"]);
  });

  test("takes a folder that was deleted and made again for a new one", async () => {
    const { user, parts } = await newUser({ folders: { read: ["INBOX", "Work"] } });
    await dovecot.createFolder(user, "Work");
    await dovecot.append(user, "Work", mail("before"));
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await dovecot.deleteFolder(user, "Work");
    await first.until(() => parts.warnings.length > 0);
    await dovecot.append(user, "INBOX", mail("meanwhile"));
    await first.until(() => first.mails().length === 1);
    await dovecot.createFolder(user, "Work");
    await dovecot.append(user, "Work", mail("after"));
    await first.until(() => first.mails().length === 2);
    await first.stop();
    expect(first.subjects()).toEqual(["meanwhile", "after"]);
    expect(parts.warnings[0]).toContain("The folder Work is gone");
  });

  test("reads folders with names in any script, and those that appear", async () => {
    const { user, parts } = await newUser({ folders: { read: ["*"] } });
    await dovecot.createFolder(user, "Кундендienst/Größe & Maß");
    await dovecot.append(user, "Entwürfe", mail("a draft"));
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    await dovecot.append(user, "Кундендienst/Größe & Maß", mail("umlauts"));
    await dovecot.append(user, "Entwürfe", mail("another draft"));
    await dovecot.append(user, "Junk", mail("junk"));
    await pulling.until(() => pulling.mails().length === 1);
    await dovecot.createFolder(user, "Новая");
    await dovecot.append(user, "Новая", mail("moved here"), { date: new Date("2024-01-01") });
    await dovecot.append(user, "Новая", mail("filtered here"));
    await pulling.until(() => pulling.mails().length === 2);
    await pulling.stop();
    expect(pulling.subjects()).toEqual(["umlauts", "filtered here"]);
    expect(pulling.mails()[0]?.folder).toBe("Кундендienst/Größe & Maß");
  });

  test("reads all folders while one of them never rests", async () => {
    const { user, parts } = await newUser({ pollSeconds: 0.5, folders: { read: ["INBOX", "Work"] } });
    await dovecot.createFolder(user, "Work");
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length > 0);
    await dovecot.append(user, "Work", mail("at work"));
    for (const end = Date.now() + 5_000; !pulling.subjects().includes("at work") && Date.now() < end; ) {
      await dovecot.append(user, "INBOX", mail("and another"));
    }
    expect(pulling.subjects()).toContain("at work");
    await pulling.stop();
  });

  test("refuses a folder that is not there, and names those that are", async () => {
    const { parts } = await newUser({ folders: { read: ["INBOX", "Suport"] } });
    const error = await startPulling(parts, null).ended;
    expect(kindIn(error)).toBe("config");
    expect(String(error)).toMatch(/no folder "Suport".*Gesendet.*INBOX/);
  });

  test("leaves out a mail that was deleted after it was listed", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await first.stop();
    for (let i = 1; i <= 60; i++) await dovecot.append(user, "INBOX", mail(`mail ${i}`));
    const second = startPulling(parts, first.cursor(), async ({ mails }) => {
      if (mails.length === 50) await dovecot.remove(user, "INBOX", [55, 56]);
    });
    await second.until(() => second.mails().length === 58);
    await second.stop();
    expect(second.subjects()).not.toContain("mail 55");
    expect(second.cursor().folders.INBOX?.uid).toBe(60);
  });

  test("passes on a mail that the server cannot read, after some attempts, and goes on", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await first.stop();
    await dovecot.deliver(user, "INBOX", [mail("before"), mail("broken"), mail("after")]);
    await dovecot.list(user, "INBOX");
    await dovecot.breakMail(user, "INBOX", "Subject: broken");
    let cursor = first.cursor();
    const read: string[] = [];
    let attempts = 0;
    for (; read.length < 3 && attempts < 20; attempts++) {
      const pulling = startPulling(parts, cursor, (page) => {
        cursor = page.cursor;
        read.push(...page.mails.map((found) => found.problem ?? subjectOf(found)));
      });
      await Promise.race([pulling.ended, pulling.until(() => read.length === 3).catch(() => undefined)]);
      await pulling.stop().catch(() => undefined);
    }
    console.log(`a mail that cannot be read is passed on after ${attempts} attempts`);
    expect(read.toSorted()).toEqual(["after", "before", expect.stringMatching(/lists mail \d of INBOX/)]);
  });

  test("loses and repeats nothing where the server is killed in the middle of a sweep", async () => {
    const { user, parts } = await newUser();
    const first = startPulling(parts, null);
    await first.until(() => first.pages.length > 0);
    await first.stop();
    const expected = Array.from({ length: 200 }, (_, i) => `mail ${i}`);
    await dovecot.deliver(
      user,
      "INBOX",
      expected.map((subject) => mail(subject, "x".repeat(10_000))),
    );
    const read: string[] = [];
    let cursor = first.cursor();
    for (const end of ["kill", "shutDown", "kill"] as const) {
      const cut = startPulling(parts, cursor, async (page) => {
        read.push(...page.mails.map(subjectOf));
        cursor = page.cursor;
        await dovecot[end]();
      });
      expect(kindIn(await cut.ended)).toBe("transient");
      await dovecot.start();
    }
    const last = startPulling(parts, cursor);
    await last.until(() => read.length + last.mails().length >= 200);
    await last.stop();
    expect([...read, ...last.subjects()].sort()).toEqual(expected.sort());
  });

  test("notices a connection that died without a word", async () => {
    const { user, parts } = await newUser();
    const proxy = await startFaultProxy({ port: dovecot.port });
    const settings = { ...parts.settings, port: proxy.port, timeoutMs: 500 };
    const pulling = startPulling({ ...parts, settings }, null);
    await pulling.until(() => pulling.pages.length > 0);
    const start = performance.now();
    proxy.hold();
    const error = await pulling.ended;
    console.log(
      `a half-open connection is noticed after ${Math.round(performance.now() - start)} ms (poll 1 s, limit 0.5 s)`,
    );
    expect(kindIn(error)).toBe("transient");
    expect(String(error)).toContain("sent nothing");
    await dovecot.append(user, "INBOX", mail("meanwhile"));
    await proxy.release();
    const next = startPulling({ ...parts, settings }, pulling.cursor());
    await next.until(() => next.mails().length === 1);
    proxy.cut();
    expect(kindIn(await next.ended)).toBe("transient");
    await proxy.stop();
  });

  test("ends at once when it is told to, wherever it is", async () => {
    const { user, parts } = await newUser({ pollSeconds: 600 });
    const idle = startPulling(parts, null);
    await idle.until(() => idle.pages.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const start = performance.now();
    await idle.stop();
    expect(performance.now() - start).toBeLessThan(500);

    const proxy = await startFaultProxy({ port: dovecot.port });
    proxy.hold();
    const held = startPulling({ ...parts, settings: { ...parts.settings, port: proxy.port } }, idle.cursor());
    await new Promise((resolve) => setTimeout(resolve, 100));
    const then = performance.now();
    await held.stop();
    expect(performance.now() - then).toBeLessThan(500);
    await proxy.stop();
    await dovecot.append(user, "INBOX", mail("later"));
  });

  test("yields an empty page at every poll, with the same cursor", async () => {
    const { parts } = await newUser({ pollSeconds: 0.2 });
    const pulling = startPulling(parts, null);
    await pulling.until(() => pulling.pages.length >= 4);
    await pulling.stop();
    expect(pulling.mails()).toEqual([]);
    expect(pulling.pages.at(-1)?.cursor).toEqual(pulling.pages[1]?.cursor);
  });
});

describeWith("dovecot", "a mail server without IDLE and CONDSTORE", () => {
  test("is polled", async () => {
    const dovecot = await startDovecot({
      storage: "sdbox",
      specialUse: false,
      settings: "imap_capability = IMAP4rev1 LITERAL+",
    });
    try {
      await dovecot.addUser("ann", "secret");
      const { host, port } = dovecot;
      const parts = testParts({ host, port, user: "ann", password: "secret" }, { pollSeconds: 0.3 });
      const pulling = startPulling(parts, null);
      await pulling.until(() => pulling.pages.length > 0);
      await dovecot.append("ann", "INBOX", mail("question"));
      await pulling.until(() => pulling.mails().length === 1);
      await dovecot.append("ann", "Sent", mail("answer"));
      await pulling.until(() => pulling.mails().length === 2);
      await pulling.stop();
      expect(pulling.mails().map(({ folder, role }) => [folder, role])).toEqual([
        ["INBOX", "inbox"],
        ["Sent", "sent"],
      ]);
      expect(pulling.cursor().folders.INBOX).not.toHaveProperty("modseq");
    } finally {
      await dovecot.stop();
    }
  });
});
