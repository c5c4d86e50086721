/** Sends mails by SMTP: one connection a mail, ended at once where the caller gives up. */
import type { ConnectionOptions } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import XOAuth2 from "nodemailer/lib/xoauth2";
import { ConnectorError, kindOf } from "../../../plugins/contract/errors.ts";
import { smtpError } from "./mail-errors.ts";

export type SmtpAuth =
  | { readonly user: string; readonly password: () => string }
  | {
      readonly user: string;
      /** @param refused a token that the server did not take, though its time was not over */
      readonly accessToken: (refused?: string) => Promise<string>;
    };

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** `tls` from the first byte (465), `starttls` as a must (587), or `none`: only within one machine. */
  readonly security: "tls" | "starttls" | "none";
  readonly auth: SmtpAuth | null;
  /** More for Node's TLS, such as a certificate authority of the company's own. */
  readonly tls?: ConnectionOptions;
  /** Milliseconds for one mail. Default 60,000. */
  readonly timeoutMs?: number;
}

export interface Envelope {
  /** Where bounces go. */
  readonly from: string;
  readonly to: readonly string[];
}

export interface SentMail {
  readonly accepted: readonly string[];
  /** Recipients that the server refused, with its words. The others got the mail. */
  readonly rejected: ReadonlyArray<{ readonly address: string; readonly reason: string }>;
}

export interface Smtp {
  readonly host: string;
  /**
   * Resolves when the server has taken the mail for one recipient at least. An error after the last byte was sent and before
   * the server answered leaves open whether it took it.
   *
   * @throws ConnectorError `auth`, `transient` (4xx, no connection, time-out), `permanent` (5xx), `config` (certificate)
   */
  send(envelope: Envelope, raw: Buffer, signal: AbortSignal): Promise<SentMail>;
  /** Signs in and leaves. */
  check(signal: AbortSignal): Promise<void>;
}

const what = "sending a mail";

export function createSmtp(settings: SmtpSettings): Smtp {
  const { timeoutMs = 60_000 } = settings;

  async function withConnection<T>(
    signal: AbortSignal,
    work: (connection: SMTPConnection) => Promise<T>,
  ): Promise<T> {
    const { auth } = settings;
    if (auth === null || "password" in auth) {
      return connectOnce(signal, auth && { user: auth.user, pass: auth.password() }, work);
    }
    const { user, accessToken } = auth;
    const as = (token: string) => ({
      type: "OAUTH2",
      user,
      oauth2: new XOAuth2({ user, accessToken: token }),
    });
    const token = await accessToken();
    try {
      return await connectOnce(signal, as(token), work);
    } catch (error) {
      if (kindOf(error) !== "auth") throw error;
      // Its time may have ended before it was said to.
      const next = await accessToken(token);
      if (next === token) throw error;
      return connectOnce(signal, as(next), work);
    }
  }

  async function connectOnce<T>(
    signal: AbortSignal,
    login: SMTPConnection.AuthenticationType | null,
    work: (connection: SMTPConnection) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const time = AbortSignal.timeout(timeoutMs);
    const ended = AbortSignal.any([signal, time]);
    const connection = new SMTPConnection(connectionOptions(settings));
    try {
      return await untilEnded(connection, ended, async () => {
        await call<void>((done) => connection.connect((error) => done(error ?? null, undefined)));
        if (login !== null) await signIn(connection, login);
        return await work(connection);
      });
    } catch (error) {
      signal.throwIfAborted();
      if (time.aborted) {
        const seconds = Math.round(timeoutMs / 1_000);
        throw new ConnectorError("transient", `${what}: the mail server did not answer in ${seconds} s`, {
          cause: error,
        });
      }
      throw smtpError(error, what);
    } finally {
      connection.close();
    }
  }

  return {
    host: settings.host,
    send: (envelope, raw, signal) =>
      withConnection(signal, async (connection) => {
        const size = raw.length;
        const sent = await call<SMTPConnection.SentMessageInfo>((done) =>
          connection.send({ from: envelope.from, to: [...envelope.to], size }, raw, done),
        );
        // Whether the server hears the farewell does not matter any more.
        connection.quit();
        const reasonOf = (address: string) =>
          sent.rejectedErrors?.find(({ recipient }) => recipient === address)?.response ?? "refused";
        return {
          accepted: sent.accepted,
          rejected: sent.rejected.map((address) => ({ address, reason: reasonOf(address) })),
        };
      }),
    check: (signal) => withConnection(signal, async (connection) => connection.quit()),
  };
}

function connectionOptions({ host, port, security, tls, timeoutMs = 60_000 }: SmtpSettings) {
  return {
    host,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    tls: { ...tls },
    connectionTimeout: Math.min(timeoutMs, 20_000),
    greetingTimeout: Math.min(timeoutMs, 20_000),
    socketTimeout: timeoutMs,
    dnsTimeout: Math.min(timeoutMs, 20_000),
  };
}

async function signIn(connection: SMTPConnection, login: SMTPConnection.AuthenticationType): Promise<void> {
  if (!connection.allowsAuth) {
    throw new ConnectorError(
      "config",
      `${what}: the mail server offers no sign-in on this port; check smtp.port and smtp.security`,
    );
  }
  await call((done) => connection.login(login, done));
}

/** A function of nodemailer's that calls back, as a promise. */
function call<T>(start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result as T)));
  });
}

/** nodemailer reports a broken connection by an event where no call waits for it, and knows no signals. */
function untilEnded<T>(connection: SMTPConnection, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      connection.close();
      reject(signal.reason);
    };
    connection.on("error", reject);
    connection.on("end", () => {
      // What the server said before it hung up reaches the call that waits for it a moment later, and says more.
      setTimeout(() => reject(new Error("the mail server closed the connection")), 100);
    });
    signal.addEventListener("abort", onAbort);
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}
