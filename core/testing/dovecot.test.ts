import { connect } from "node:net";
import { ImapFlow } from "imapflow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "./dovecot.ts";
import { describeWith } from "./system-packages.ts";

const mail = "From: a@example.com\r\nSubject: Hello\r\n\r\nText\r\n";

describeWith("dovecot", "the mail server for tests", () => {
  let dovecot: TestDovecot;
  beforeAll(async () => {
    const names = { drafts: "Entwürfe", sent: "Отправленные" };
    dovecot = await startDovecot({ names, tls: true });
    await dovecot.addUser("ann", "secret");
  });
  afterAll(() => dovecot.stop());

  const signIn = async (auth: { user: string; pass?: string; accessToken?: string }, tls = false) => {
    const client = new ImapFlow({
      host: dovecot.host,
      port: (tls ? dovecot.tlsPort : dovecot.port) ?? 0,
      secure: tls,
      ...(tls ? {} : { doSTARTTLS: false }),
      auth,
      logger: false,
      ...(dovecot.certificate ? { tls: { ca: dovecot.certificate } } : {}),
    });
    client.on("error", () => undefined);
    await client.connect();
    const folders = await client.list();
    await client.logout();
    return folders;
  };

  test("keeps mails, with flags and dates", async () => {
    const date = new Date("2026-03-01T10:00:00Z");
    const { uid } = await dovecot.append("ann", "INBOX", mail, { date, flags: ["\\Flagged"] });
    await dovecot.deliver("ann", "INBOX", [mail, mail]);
    const mails = await dovecot.list("ann", "INBOX");
    expect(mails.map(({ raw }) => raw.toString())).toEqual([mail, mail, mail]);
    expect(mails[0]).toMatchObject({ uid, flags: ["\\Flagged"] });
    await dovecot.remove("ann", "INBOX", [uid]);
    expect(await dovecot.list("ann", "INBOX")).toHaveLength(2);
  });

  test("has special folders under names of any language", async () => {
    const folders = await signIn({ user: "ann", pass: "secret" });
    expect(folders.find(({ specialUse }) => specialUse === "\\Drafts")?.path).toBe("Entwürfe");
    expect(folders.find(({ specialUse }) => specialUse === "\\Sent")?.path).toBe("Отправленные");
    await dovecot.append("ann", "Отправленные", mail);
    await dovecot.deliver("ann", "Отправленные", [mail]);
    expect(await dovecot.list("ann", "Отправленные")).toHaveLength(2);
  });

  test("takes passwords and access tokens, over TLS too, and refuses wrong ones", async () => {
    dovecot.allowToken("ann", "token-1");
    await signIn({ user: "ann", accessToken: "token-1" });
    await signIn({ user: "ann", pass: "secret" }, true);
    dovecot.revokeToken("token-1");
    await expect(signIn({ user: "ann", accessToken: "token-1" })).rejects.toThrow();
    await expect(signIn({ user: "ann", pass: "wrong" })).rejects.toThrow();
    await expect(signIn({ user: "bob", pass: "secret" })).rejects.toMatchObject({
      response: /Authentication failed/,
    });
    await dovecot.addUser("bob", "secret");
    await signIn({ user: "bob", pass: "secret" });
  });

  test("numbers a folder anew", async () => {
    await dovecot.createFolder("ann", "Old");
    const first = await dovecot.append("ann", "Old", mail);
    await dovecot.remove("ann", "Old", [first.uid]);
    const before = await dovecot.append("ann", "Old", mail);
    await dovecot.changeUidValidity("ann", "Old");
    const after = await dovecot.append("ann", "Old", mail);
    expect(before.uid).toBe(2);
    expect(after.uid).toBe(2);
    expect(after.uidValidity).not.toBe(before.uidValidity);
    expect((await dovecot.list("ann", "Old")).map(({ uid }) => uid)).toEqual([1, 2]);
  });

  test("keeps its mails and ports over a restart and a kill", async () => {
    const before = await dovecot.list("ann", "INBOX");
    await dovecot.restart();
    await dovecot.kill();
    const refused = await new Promise((resolve) =>
      connect(dovecot.port, dovecot.host).on("error", resolve).on("connect", resolve),
    );
    expect(refused).toMatchObject({ code: "ECONNREFUSED" });
    await dovecot.start();
    expect(await dovecot.list("ann", "INBOX")).toEqual(before);
  });
});

describeWith("dovecot", "a mail server that cannot start", () => {
  test("shows the end of its log", async () => {
    await expect(startDovecot({ settings: "no_such_setting = 1" })).rejects.toThrow(/no_such_setting/);
  });
});
