/** A real SMTP server for tests: it keeps what it is sent, and refuses on demand. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { makeCertificate } from "./certificate.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface SmtpSinkOptions {
  /** Asks for this user and password; without it everybody may send. */
  auth?: { user: string; password: string };
  /** TLS from the first byte, or STARTTLS; with a certificate that nobody trusts. Default: none. */
  security?: "none" | "tls" | "starttls";
}

export interface SunkMail {
  readonly from: string;
  /** Of the envelope, in its order. */
  readonly to: string[];
  readonly raw: Buffer;
}

export interface SmtpSink {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** As PEM, to be trusted by who wants to. Undefined without TLS. */
  readonly certificate: string | undefined;
  /** The mails that were taken. */
  readonly mails: SunkMail[];
  /** Mails that were refused by `reject`. */
  readonly refused: () => number;
  /** From now on refuses mails with this code (451 passes, 550 does not), until null. `when` says at which command. */
  reject(code: number | null, when?: "recipient" | "data"): void;
  /** Also breaks the connections that are open. */
  stop(): Promise<void>;
}

/** Starts an SMTP server on a free port of the loopback. */
export async function startSmtpSink({ auth, security = "none" }: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const mails: SunkMail[] = [];
  let refusal: { code: number; when: "recipient" | "data" } | null = null;
  let refused = 0;
  const failure = (when: "recipient" | "data"): Error | null => {
    if (refusal?.when !== when) return null;
    refused += 1;
    return Object.assign(new Error("refused by the test"), { responseCode: refusal.code });
  };
  const certificate = security === "none" ? undefined : await newCertificate();
  const options: SMTPServerOptions = {
    secure: security === "tls",
    authOptional: !auth,
    allowInsecureAuth: security === "none",
    disabledCommands: [...(security === "starttls" ? [] : ["STARTTLS"]), ...(auth ? [] : ["AUTH"])],
    ...(certificate ? { key: certificate.key, cert: certificate.cert } : {}),
    logger: false,
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      if (username === auth?.user && password === auth?.password) done(null, { user: username });
      else done(Object.assign(new Error("wrong user or password"), { responseCode: 535 }));
    },
    onRcptTo: (_address, _session, done) => done(failure("recipient")),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const error = failure("data");
        if (error) return done(error);
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom ? mailFrom.address : "";
        mails.push({ from, to: rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks) });
        done();
      });
    },
  };
  const server = new SMTPServer(options);
  // Clients that hang up, or do not trust the certificate, are what tests are about.
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("the SMTP server has no port");
  return {
    host: "127.0.0.1",
    port: address.port,
    certificate: certificate?.cert,
    mails,
    refused: () => refused,
    reject(code, when = "data") {
      refusal = code === null ? null : { code, when };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of server.connections) {
          (connection as unknown as { close(): void }).close();
        }
      }),
  };
}

async function newCertificate(): Promise<{ key: string; cert: string }> {
  const dir = await makeTempFolder("smtp");
  try {
    const cert = await makeCertificate(dir);
    return { cert, key: await readFile(join(dir, "key.pem"), "utf8") };
  } finally {
    await rm(dir, { recursive: true });
  }
}
