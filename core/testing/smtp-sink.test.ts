import { createTransport } from "nodemailer";
import { expect, onTestFinished, test } from "vitest";
import { type SmtpSinkOptions, startSmtpSink } from "./smtp-sink.ts";

const message = {
  from: "shop@example.com",
  to: ["ann@example.com", "bob@example.com"],
  subject: "Hello",
  text: "Hi",
};

async function open(options: SmtpSinkOptions, pass?: string) {
  const sink = await startSmtpSink(options);
  onTestFinished(() => sink.stop());
  const send = (trusted = true) => {
    const transport = createTransport({
      host: sink.host,
      port: sink.port,
      secure: options.security === "tls",
      requireTLS: options.security === "starttls",
      ...(pass ? { auth: { user: "shop", pass } } : {}),
      ...(trusted && sink.certificate ? { tls: { ca: sink.certificate } } : {}),
    });
    return transport.sendMail(message).finally(() => transport.close());
  };
  return { sink, send };
}

test("keeps what it is sent, with the envelope", async () => {
  const { sink, send } = await open({});
  await send();
  expect(sink.mails).toHaveLength(1);
  expect(sink.mails[0]).toMatchObject({ from: "shop@example.com", to: message.to });
  expect(sink.mails[0]?.raw.toString()).toContain("Subject: Hello");
});

test("refuses with the code that it is told, until it is told otherwise", async () => {
  const { sink, send } = await open({});
  sink.reject(451);
  await expect(send()).rejects.toMatchObject({ responseCode: 451 });
  sink.reject(550, "recipient");
  await expect(send()).rejects.toMatchObject({ responseCode: 550 });
  sink.reject(null);
  await send();
  expect(sink.mails).toHaveLength(1);
  // Both recipients were refused.
  expect(sink.refused()).toBe(3);
});

test.each(["none", "tls", "starttls"] as const)("asks for a password (security: %s)", async (security) => {
  const auth = { user: "shop", password: "secret" };
  const right = await open({ auth, security }, "secret");
  await right.send();
  expect(right.sink.mails).toHaveLength(1);
  const wrong = await open({ auth, security }, "wrong");
  await expect(wrong.send()).rejects.toMatchObject({ responseCode: 535 });
});

test("has a certificate that nobody trusts", async () => {
  const { send } = await open({ security: "tls" });
  await expect(send(false)).rejects.toThrow(/self.signed/);
});
