import { type ParsedMail, simpleParser } from "mailparser";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import type { OutgoingReply } from "../../../plugins/contract/connector.ts";
import { putDraft } from "./drafts.ts";
import { type NotifyParts, notifyAgents } from "./notify.ts";
import { createOnce } from "./once.ts";
import { type SendParts, sendReply } from "./send.ts";
import { createSmtp } from "./smtp.ts";
import { testDraft, testLog, testMailbox, testOrigin, testSender } from "./test-delivery.ts";
import { startTestSmtp, type TestSmtp } from "./test-smtp.ts";

const never = new AbortController().signal;

function replyTo(externalId: string, changes: Partial<OutgoingReply> = {}): OutgoingReply {
  const { ticket, message } = testDraft();
  return { externalId, text: "It is on its way.", agent: { name: "Ann" }, ticket, message, ...changes };
}

describeWith("dovecot", "sending by SMTP", () => {
  let dovecot: TestDovecot;
  let smtp: TestSmtp;
  let users = 0;
  const cleanups: Array<() => Promise<void>> = [];
  beforeAll(async () => {
    dovecot = await startDovecot();
    // All before the first login: Dovecot reads the list again only when its time has changed, in seconds.
    for (let i = 1; i <= 20; i++) await dovecot.addUser(`user${i}`, "secret");
    smtp = await startTestSmtp();
  });
  afterEach(() => smtp.reset());
  afterAll(async () => {
    for (const cleanup of cleanups) await cleanup();
    await smtp.stop();
    await dovecot.stop();
  });

  function setUp(changes: Partial<NotifyParts> = {}) {
    users += 1;
    const user = `user${users}`;
    const log = testLog();
    const open = (): NotifyParts => {
      const mailbox = testMailbox({ port: dovecot.port, user, password: "secret" });
      cleanups.push(() => mailbox.close());
      return {
        sender: testSender(),
        mailbox,
        log,
        now: () => new Date(),
        smtp: createSmtp({ host: "127.0.0.1", port: smtp.port, security: "none", auth: null }),
        once: createOnce(),
        saveSent: "auto",
        agentsAddress: "team@agents.example",
        ...changes,
      };
    };
    const list = async (folder: string) => {
      await dovecot.inFolder(user, folder, (client) => client.noop());
      return dovecot.list(user, folder);
    };
    return { parts: open(), open, user, log, sent: () => list("Sent"), drafts: () => list("Drafts") };
  }
  const parsed = async (i = 0): Promise<ParsedMail> => simpleParser(smtp.mails[i]?.raw ?? "");

  test("an approved reply goes to all in its thread, lies in Sent, and takes the ticket's draft with it", async () => {
    const { parts, sent, drafts } = setUp();
    const origin = testOrigin({
      references: ["first@customer.example"],
      cc: [{ name: null, address: "partner@other.example" }],
    });
    await putDraft(parts, testDraft({ origin }), never);
    expect(await drafts()).toHaveLength(1);
    const { message } = testDraft({ origin });
    await sendReply(parts, replyTo("reply-1", { message }), never);
    expect(smtp.mails[0]).toMatchObject({
      from: "support@shop.example",
      to: ["jane@customer.example", "partner@other.example"],
    });
    const mail = await parsed();
    expect(mail.inReplyTo).toBe("<question-1@customer.example>");
    expect(mail.references).toEqual(["<first@customer.example>", "<question-1@customer.example>"]);
    expect(mail.headers.get("x-deskwire-reply")).toBe("reply-1");
    const copies = await sent();
    expect(copies).toHaveLength(1);
    expect(copies[0]?.flags).toEqual(["\\Seen"]);
    expect((await simpleParser(copies[0]?.raw ?? "")).messageId).toBe(mail.messageId);
    expect(await drafts()).toEqual([]);
  });

  test("a reply goes out once, however often it is asked for, in this process or after a restart", async () => {
    const { parts, open, sent } = setUp();
    await Promise.all([1, 2, 3].map(() => sendReply(parts, replyTo("reply-1"), never)));
    await sendReply(parts, replyTo("reply-1"), never);
    await sendReply(open(), replyTo("reply-1"), never);
    expect(smtp.mails).toHaveLength(1);
    expect(await sent()).toHaveLength(1);
    await sendReply(parts, replyTo("reply-2"), never);
    expect(smtp.mails).toHaveLength(2);
  });

  test("what goes wrong after the server has accepted a reply does not send it again", async () => {
    const { parts, log } = setUp();
    const { mailbox } = parts;
    let calls = 0;
    const failing: SendParts = {
      ...parts,
      mailbox: {
        ...mailbox,
        use: (what, signal, work) => {
          calls += 1;
          return calls > 1 ? Promise.reject(new Error("connection lost")) : mailbox.use(what, signal, work);
        },
      },
    };
    await sendReply(failing, replyTo("reply-1"), never);
    expect(log.lines.filter((line) => line.includes("a reply was sent, but"))).toHaveLength(2);
    await sendReply(failing, replyTo("reply-1"), never);
    expect(smtp.mails).toHaveLength(1);
  });

  test("a reply that the server refuses for now is tried again, and then sent", async () => {
    const { parts, sent } = setUp();
    smtp.refuseMail = { code: 451, text: "4.3.0 try later" };
    await expect(sendReply(parts, replyTo("reply-1"), never)).rejects.toMatchObject({ kind: "transient" });
    expect(await sent()).toEqual([]);
    smtp.refuseMail = null;
    await sendReply(parts, replyTo("reply-1"), never);
    expect(smtp.mails).toHaveLength(1);
  });

  test("a refused copy does not hold up the requester's mail; a refused requester is said", async () => {
    const { parts, log } = setUp();
    const { message } = testDraft({
      origin: testOrigin({ cc: [{ name: null, address: "partner@other.example" }] }),
    });
    smtp.refuseRecipients.set("partner@other.example", { code: 550, text: "5.1.1 no such user" });
    await sendReply(parts, replyTo("reply-1", { message }), never);
    expect(smtp.mails[0]?.to).toEqual(["jane@customer.example"]);
    expect(log.lines.join()).toContain("partner@other.example");
    smtp.refuseRecipients.clear();
    smtp.refuseRecipients.set("jane@customer.example", { code: 550, text: "5.1.1 no such user" });
    await expect(sendReply(parts, replyTo("reply-2", { message }), never)).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("no such user"),
    });
  });

  test("a copy is saved or not, as the config says", async () => {
    const none = setUp({ saveSent: "never" });
    await sendReply(none.parts, replyTo("reply-1"), never);
    expect(await none.sent()).toEqual([]);
    const { parts } = setUp();
    const gmail = setUp({ smtp: { ...parts.smtp, host: "smtp.gmail.com" } });
    await sendReply(gmail.parts, replyTo("reply-2"), never);
    expect(await gmail.sent()).toEqual([]);
    const always = setUp({ smtp: { ...parts.smtp, host: "smtp.gmail.com" }, saveSent: "always" });
    await sendReply(always.parts, replyTo("reply-3"), never);
    expect(await always.sent()).toHaveLength(1);
  });

  test("an attribution is in the language of the reply", async () => {
    const { parts } = setUp();
    await sendReply(parts, replyTo("r1", { text: "Здравствуйте! Посылка уже в пути." }), never);
    await sendReply(
      parts,
      replyTo("r2", { text: "Hallo, Ihr Paket ist unterwegs und wir melden uns." }),
      never,
    );
    expect((await parsed(0)).text).toContain(
      "пт, 20 нояб. 2026 г. в 10:12, Jane Roe <jane@customer.example> пишет:",
    );
    expect((await parsed(1)).text).toContain("Am Fr., 20. Nov. 2026 um 10:12 Uhr schrieb Jane Roe");
  });

  test("a draft is mailed to the agents alone, with a reply that they can open", async () => {
    const { parts } = setUp();
    const delivered = await notifyAgents(parts, testDraft(), never);
    expect(smtp.mails).toHaveLength(1);
    expect(smtp.mails[0]?.to).toEqual(["team@agents.example"]);
    const mail = await parsed();
    expect(delivered).toEqual({ externalId: mail.messageId?.slice(1, -1), created: true });
    const all = JSON.stringify([mail.to, mail.cc, mail.replyTo, mail.from]);
    expect(all).not.toContain("customer.example");
    expect(mail.subject).toBe("Draft for: Where is my parcel?");
    expect(mail.inReplyTo).toBeUndefined();
    expect(mail.headers.get("auto-submitted")).toBe("auto-generated");
    expect(mail.headers.get("x-auto-response-suppress")).toBe("All");
    expect(mail.headers.get("x-deskwire-notice")).toBe("message-1");
    expect(mail.text?.startsWith("It is on its way.\n")).toBe(true);
    for (const part of ["Type: question (90 %)", "Delivery times (https://", "> where is my parcel?"])
      expect(mail.text).toContain(part);
    const link = /<(mailto:[^>]+)>/.exec(mail.text ?? "")?.[1] ?? "";
    expect(new URL(link).searchParams.get("in-reply-to")).toBe("<question-1@customer.example>");
    expect(new URL(link).searchParams.get("body")).toBe("It is on its way.");
    const [file] = mail.attachments;
    expect(file).toMatchObject({ filename: "reply.eml", contentType: "message/rfc822" });
    const reply = await simpleParser(file?.content ?? "");
    expect(reply.headers.get("x-unsent")).toBe("1");
    expect(reply.inReplyTo).toBe("<question-1@customer.example>");
  });

  test("the agents get a draft once, and none for what was answered", async () => {
    const { parts, user } = setUp();
    const first = await notifyAgents(parts, testDraft(), never);
    expect(await notifyAgents(parts, testDraft(), never)).toEqual({ ...first, created: false });
    expect(smtp.mails).toHaveLength(1);
    await dovecot.append(user, "Sent", "In-Reply-To: <question-1@customer.example>\r\n\r\nDone\r\n");
    expect(await notifyAgents(parts, testDraft({ key: "message-2" }), never)).toEqual({
      skipped: "answered",
    });
  });
});
