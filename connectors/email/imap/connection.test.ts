import { createServer } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { startFaultProxy } from "../../../core/testing/fault-proxy.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { connect, type ImapSettings } from "./connection.ts";
import { listFolders } from "./folders.ts";

const never = new AbortController().signal;

/** Signs in, lists the folders, signs out. */
async function visit(settings: ImapSettings): Promise<number> {
  const connection = await connect(settings, never);
  try {
    return (await listFolders(connection)).length;
  } finally {
    await connection.close();
  }
}

/** The ConnectorError that a visit ends with. */
async function failureOf(settings: ImapSettings): Promise<ConnectorError> {
  const error = await visit(settings).catch((thrown: unknown) => thrown);
  if (!(error instanceof ConnectorError)) throw new Error(`no ConnectorError: ${error}`);
  return error;
}

describeWith("dovecot", "signing in", () => {
  let dovecot: TestDovecot;
  beforeAll(async () => {
    dovecot = await startDovecot({ tls: true });
    await dovecot.addUser("ann", "correct horse");
  });
  afterAll(() => dovecot.stop());

  const settings = (changes: Partial<ImapSettings> = {}): ImapSettings => ({
    host: dovecot.host,
    port: dovecot.port,
    security: "none",
    user: "ann",
    credentials: { password: "correct horse" },
    timeoutMs: 1_000,
    ...changes,
  });
  const tls = (changes: Partial<ImapSettings> = {}) =>
    settings({ port: dovecot.tlsPort ?? 0, security: "tls", ...changes });

  test("works by TLS and STARTTLS where the certificate is trusted", async () => {
    const ca = dovecot.certificate ?? "";
    expect(await visit(tls({ ca }))).toBe(5);
    expect(await visit(settings({ security: "starttls", ca }))).toBe(5);
    expect(await visit(settings())).toBe(5);
  });

  test("refuses a certificate that nobody vouches for, with advice", async () => {
    for (const wanted of [tls(), settings({ security: "starttls" })]) {
      const error = await failureOf(wanted);
      expect(error.kind).toBe("config");
      expect(error.message).toMatch(/certificate is self-signed.*NODE_EXTRA_CA_CERTS/);
    }
  });

  test("says where a port speaks no TLS, or no STARTTLS is offered: never signs in in the open", async () => {
    const plain = await startDovecot();
    onTestFinished(() => plain.stop());
    await plain.addUser("ann", "correct horse");
    const starttls = await failureOf(settings({ port: plain.port, security: "starttls" }));
    expect([starttls.kind, starttls.message]).toEqual([
      "config",
      expect.stringContaining("does not offer STARTTLS"),
    ]);
    const implicit = await failureOf(settings({ port: plain.port, security: "tls" }));
    expect([implicit.kind, implicit.message]).toEqual([
      "config",
      expect.stringContaining("does not speak TLS"),
    ]);
  });

  test("a wrong password is refused for good, and appears nowhere", async () => {
    const error = await failureOf(settings({ credentials: { password: "wrong-pa55word" } }));
    expect(error.kind).toBe("auth");
    expect(error.message).toMatch(/refused to sign in ann/);
    expect(JSON.stringify([error.message, error.stack, error.cause ?? null])).not.toContain("pa55word");
  });

  test("an access token that was refused is asked for anew, once", async () => {
    const asked: Array<string | undefined> = [];
    const tokens = (...given: string[]) => ({
      accessToken: async (refused?: string) => {
        asked.push(refused);
        return given[Math.min(asked.length, given.length) - 1] ?? "";
      },
    });
    dovecot.allowToken("ann", "good");
    expect(await visit(settings({ credentials: tokens("good") }))).toBe(5);
    expect(asked.splice(0)).toEqual([undefined]);
    expect(await visit(settings({ credentials: tokens("expired", "good") }))).toBe(5);
    expect(asked.splice(0)).toEqual([undefined, "expired"]);
    const error = await failureOf(settings({ credentials: tokens("expired", "expired-too", "good") }));
    expect([error.kind, asked.length]).toEqual(["auth", 2]);
    expect(error.message).not.toContain("expired-too");
  });

  test("a server that has too many connections is busy, and not a refused password", async () => {
    const busy = await startDovecot({ settings: "protocol imap {\n  mail_max_userip_connections = 1\n}" });
    onTestFinished(() => busy.stop());
    await busy.addUser("ann", "correct horse");
    const first = await connect(settings({ port: busy.port }), never);
    const error = await failureOf(settings({ port: busy.port }));
    expect(error.message).toMatch(/Maximum number of connections/);
    expect(error.kind).toBe("rate_limited");
    await first.close();
  });

  test("a time-out, a refused connection and an unknown host are transient", async () => {
    const proxy = await startFaultProxy({ port: dovecot.port });
    onTestFinished(() => proxy.stop());
    proxy.hold();
    const silent = await failureOf(settings({ port: proxy.port }));
    expect([silent.kind, silent.message]).toEqual(["transient", expect.stringContaining("did not greet")]);
    const silentTls = await failureOf(tls({ port: proxy.port }));
    expect([silentTls.kind, silentTls.message]).toEqual([
      "transient",
      expect.stringContaining("time allowed"),
    ]);
    await proxy.refuse();
    const refused = await failureOf(settings({ port: proxy.port }));
    expect([refused.kind, refused.message]).toEqual([
      "transient",
      expect.stringContaining("nothing listens there"),
    ]);
    const unknown = await failureOf(settings({ host: "no-such-host.invalid" }));
    expect(unknown.kind).toBe("transient");
  });

  test("an abort ends it at once, also while a token is awaited", async () => {
    const abort = new AbortController();
    const endless = { accessToken: () => new Promise<string>(() => undefined) };
    const waiting = connect(settings({ credentials: endless }), abort.signal);
    abort.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
    const later = new AbortController();
    const connection = await connect(settings(), later.signal);
    later.abort(new Error("stop"));
    expect(connection.closed.aborted || connection.client.usable === false).toBe(true);
    await expect(connection.run("could not look", (client) => client.noop())).rejects.toThrow("stop");
  });
});

/** Answers of real servers to a login, and what they mean. */
const answers: Array<[answer: string, kind: string]> = [
  ["NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "auth"],
  ["NO [ALERT] Application-specific password required: https://support.google.com (Failure)", "auth"],
  ["NO [WEBALERT https://accounts.google.com/] Web login required.", "auth"],
  ["NO LOGIN failed.", "auth"],
  ["NO [EXPIRED] Your password has expired", "auth"],
  ["NO [UNAVAILABLE] Temporary authentication failure. [mx1:2026-11-23]", "transient"],
  ["NO [ALERT] Too many simultaneous connections. (Failure)", "rate_limited"],
  ["NO [LIMIT] Rate limit hit", "rate_limited"],
  ["NO [INUSE] Mailbox is locked", "transient"],
  ["NO Server is busy, try again later", "transient"],
  ["BAD User is authenticated but not connected.", "transient"],
  ["NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.", "config"],
  ["BAD Request is throttled. Suggested Backoff Time: 300 milliseconds", "rate_limited"],
];

test.each(answers)("the answer %j to a login means %s", async (answer, kind) => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("* OK [CAPABILITY IMAP4rev1] ready\r\n");
    socket.on("data", (bytes) => {
      for (const [, tag, command] of String(bytes).matchAll(/^(\S+) (\S+).*$/gm)) {
        if (command === "CAPABILITY") socket.write(`* CAPABILITY IMAP4rev1\r\n${tag} OK done\r\n`);
        else socket.write(`${tag} ${answer} s3cret\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const credentials = { password: "s3cret" };
  const error = await failureOf({
    host: "127.0.0.1",
    port,
    security: "none",
    user: "ann",
    credentials,
    timeoutMs: 2_000,
  });
  expect(error.kind).toBe(kind);
  expect(error.message).not.toContain("s3cret");
});
