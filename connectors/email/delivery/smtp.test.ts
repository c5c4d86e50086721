import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startSmtpSink } from "../../../core/testing/smtp-sink.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { createSmtp, type SmtpAuth, type SmtpSettings } from "./smtp.ts";
import { startTestSmtp, type TestSmtp } from "./test-smtp.ts";

const never = new AbortController().signal;
const raw = Buffer.from("Subject: Hello\r\n\r\n.A line with a dot\r\nText\r\n");
const envelope = { from: "support@shop.example", to: ["jane@customer.example"] };

describe("sending by SMTP", () => {
  let open: TestSmtp;
  let closed: TestSmtp;
  const login = { user: "support", password: "secret", token: "token-2" };
  beforeAll(async () => {
    open = await startTestSmtp();
    closed = await startTestSmtp({ auth: login });
  });
  afterEach(() => {
    open.reset();
    closed.reset();
  });
  afterAll(async () => {
    await open.stop();
    await closed.stop();
  });

  const smtp = (changes: Partial<SmtpSettings> = {}) =>
    createSmtp({ host: "127.0.0.1", port: open.port, security: "none", auth: null, ...changes });
  const send = (changes: Partial<SmtpSettings> = {}, signal = never) =>
    smtp(changes).send(envelope, raw, signal);

  test("brings the bytes as they are", async () => {
    expect(await send()).toEqual({ accepted: envelope.to, rejected: [] });
    expect(open.mails[0]?.raw.toString()).toBe(raw.toString());
  });

  test.each([
    ["a busy server", 421, "transient"],
    ["greylisting", 451, "transient"],
    ["a full disk", 452, "transient"],
    ["a mail that is too large", 552, "permanent"],
    ["a mail taken for spam", 554, "permanent"],
  ])("maps %s (%i) to %s, with the server's words", async (_what, code, kind) => {
    open.refuseMail = { code, text: "said so" };
    await expect(send()).rejects.toMatchObject({ kind, message: expect.stringContaining("said so") });
  });

  test.each([
    [450, "transient"],
    [550, "permanent"],
    [553, "permanent"],
  ])("maps a recipient refused with %i to %s", async (code, kind) => {
    open.refuseRecipients.set("jane@customer.example", { code, text: "5.1.1 no such user" });
    await expect(send()).rejects.toMatchObject({ kind });
  });

  test("takes one of several recipients, and says who was refused", async () => {
    open.refuseRecipients.set("bob@customer.example", { code: 550, text: "no such user" });
    const to = ["jane@customer.example", "bob@customer.example"];
    expect(await smtp().send({ ...envelope, to }, raw, never)).toEqual({
      accepted: ["jane@customer.example"],
      rejected: [{ address: "bob@customer.example", reason: "550 no such user" }],
    });
  });

  test("signs in with a password, and tells a wrong one from a server that cannot check it now", async () => {
    const as = (password: string): Partial<SmtpSettings> => ({
      port: closed.port,
      auth: { user: "support", password: () => password },
    });
    await send(as("secret"));
    expect(closed.mails[0]?.user).toBe("support");
    await smtp(as("secret")).check(never);
    const wrong = send(as("wrong-word"));
    await expect(wrong).rejects.toMatchObject({ kind: "auth" });
    await expect(wrong).rejects.not.toThrow(/wrong-word/);
    closed.refuseLogin = { code: 454, text: "4.7.0 try later" };
    await expect(send(as("secret"))).rejects.toMatchObject({ kind: "transient" });
    closed.refuseLogin = { code: 534, text: "5.7.9 application password required" };
    await expect(smtp(as("secret")).check(never)).rejects.toMatchObject({ kind: "auth" });
  });

  test("signs in with a token, and asks for another where it is refused", async () => {
    const asked: Array<string | undefined> = [];
    const auth: SmtpAuth = {
      user: "support",
      accessToken: async (refused) => {
        asked.push(refused);
        return refused === undefined ? "token-1" : "token-2";
      },
    };
    await send({ port: closed.port, auth });
    expect(asked).toEqual([undefined, "token-1"]);
    expect(closed.mails).toHaveLength(1);
  });

  test("passes on why there is no token", async () => {
    const accessToken = async () => {
      throw new ConnectorError("auth", "authorise again");
    };
    await expect(send({ port: closed.port, auth: { user: "support", accessToken } })).rejects.toMatchObject({
      kind: "auth",
      message: "authorise again",
    });
  });

  test("maps a missing sign-in, and one that the server does not offer", async () => {
    await expect(send({ port: closed.port })).rejects.toMatchObject({ kind: "auth" });
    await expect(send({ auth: { user: "support", password: () => "secret" } })).rejects.toMatchObject({
      kind: "config",
      message: expect.stringContaining("smtp.port"),
    });
  });

  test("never falls back to a line in the open", async () => {
    await expect(send({ security: "starttls" })).rejects.toMatchObject({ kind: "config" });
    await expect(send({ security: "tls" })).rejects.toMatchObject({ kind: "config" });
    expect(open.mails).toEqual([]);
  });

  test.skipIf(!existsSync("/usr/bin/openssl")).each(["tls", "starttls"] as const)(
    "sends over %s where the certificate is trusted, and only there",
    async (security) => {
      const sink = await startSmtpSink({ security, auth: { user: "support", password: "secret" } });
      const settings = { port: sink.port, security, auth: { user: "support", password: () => "secret" } };
      try {
        await expect(send(settings)).rejects.toMatchObject({
          kind: "config",
          message: expect.stringContaining("certificate"),
        });
        expect(sink.mails).toEqual([]);
        await send({ ...settings, tls: { ca: sink.certificate } });
        expect(sink.mails).toHaveLength(1);
      } finally {
        await sink.stop();
      }
    },
  );

  test("a server that is not there, hangs up or stays silent is transient", async () => {
    const rude = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => rude.listen(0, "127.0.0.1", resolve));
    const { port } = rude.address() as { port: number };
    await expect(send({ port })).rejects.toMatchObject({ kind: "transient" });
    await new Promise((resolve) => rude.close(resolve));
    await expect(send({ port })).rejects.toMatchObject({ kind: "transient" });
    open.silent = true;
    await expect(send({ timeoutMs: 500 })).rejects.toMatchObject({ kind: "transient" });
  });

  test("ends at once when the caller gives up", async () => {
    open.silent = true;
    const abort = new AbortController();
    const sending = send({}, abort.signal);
    setTimeout(() => abort.abort(new Error("stopping")), 100);
    const started = Date.now();
    await expect(sending).rejects.toThrow("stopping");
    expect(Date.now() - started).toBeLessThan(1_000);
  });
});
