/** A connection to a mail server: TLS unless told otherwise, every wait with an end, every failure a ConnectorError. */
import { ImapFlow } from "imapflow";
import { ConnectorError, kindOf } from "../../../plugins/contract/errors.ts";
import { imapError } from "./errors.ts";

export interface ImapSettings {
  readonly host: string;
  readonly port: number;
  /** `starttls` fails where the server does not offer it; `none` sends the password in the open, for the loopback only. */
  readonly security: "tls" | "starttls" | "none";
  readonly user: string;
  /** A password, or where to get an access token (XOAUTH2). */
  readonly credentials: { readonly password: string } | { readonly accessToken: AccessTokenSource };
  /** Certificates (PEM) of the only authorities to trust; default are the system's. */
  readonly ca?: string;
  /** Milliseconds without a single byte after which the connection counts as dead (default 30,000). */
  readonly timeoutMs?: number;
}

/** Gives an access token; with `refused` it must be another than that one. */
export type AccessTokenSource = (refused?: string) => Promise<string>;

export interface ImapConnection {
  /** For commands inside `run`; its state may be read at any time. */
  readonly client: ImapFlow;
  /**
   * Runs commands. Fails with a ConnectorError, also where the server is silent for too long or the connection is gone.
   *
   * @param doing for the error, as in "could not read INBOX"
   */
  run<T>(doing: string, work: (client: ImapFlow) => Promise<T>): Promise<T>;
  /** Aborted when the connection ends for whatever reason. */
  readonly closed: AbortSignal;
  /** Says goodbye where the server still listens, and closes. Never fails. */
  close(): Promise<void>;
}

const defaultTimeoutMs = 30_000;
/** Servers end an IDLE of 30 minutes. */
const maxIdleMs = 25 * 60_000;

/**
 * Signs in.
 *
 * @param signal closes the connection at once, also later on
 * @throws ConnectorError: `auth` for refused credentials, `config` for a certificate or TLS that cannot work,
 * `rate_limited` for a busy server, else `transient`. The signal's reason where it aborts.
 */
export async function connect(settings: ImapSettings, signal: AbortSignal): Promise<ImapConnection> {
  const { credentials } = settings;
  if ("password" in credentials) return signIn(settings, { pass: credentials.password }, signal);
  const token = await unlessAborted(credentials.accessToken(), signal);
  try {
    return await signIn(settings, { accessToken: token }, signal);
  } catch (error) {
    if (kindOf(error) !== "auth") throw error;
    const next = await unlessAborted(credentials.accessToken(token), signal);
    if (next === token) throw error;
    return signIn(settings, { accessToken: next }, signal);
  }
}

async function signIn(
  settings: ImapSettings,
  auth: { pass: string } | { accessToken: string },
  signal: AbortSignal,
): Promise<ImapConnection> {
  signal.throwIfAborted();
  const timeoutMs = settings.timeoutMs ?? defaultTimeoutMs;
  const client = newClient(settings, auth, timeoutMs);
  const ended = new AbortController();
  let failure: unknown;
  // Without a listener the error would end the process. What was running fails by itself.
  client.on("error", (error) => {
    failure ??= error;
  });
  client.on("close", () => ended.abort());
  const abort = () => client.close();
  signal.addEventListener("abort", abort, { once: true });
  ended.signal.addEventListener("abort", () => signal.removeEventListener("abort", abort), { once: true });

  const secrets = Object.values(auth);
  const explain = (error: unknown, doing: string) =>
    imapError(isLost(error) ? (failure ?? error) : error, settings, doing, secrets);
  try {
    await client.connect();
  } catch (error) {
    client.close();
    signal.throwIfAborted();
    throw explain(error, "could not sign in");
  }
  return {
    client,
    closed: ended.signal,
    async run(doing, work) {
      signal.throwIfAborted();
      try {
        return await whileAnswering(client, timeoutMs, doing, work(client));
      } catch (error) {
        signal.throwIfAborted();
        throw explain(error, doing);
      }
    },
    async close() {
      // A dead server must not hold up the end.
      const giveUp = setTimeout(() => client.close(), 1_000);
      if (client.usable && !client.idling) await client.logout().catch(() => undefined);
      clearTimeout(giveUp);
      client.close();
    },
  };
}

function newClient(
  { host, port, security, user, ca }: ImapSettings,
  auth: { pass: string } | { accessToken: string },
  timeoutMs: number,
): ImapFlow {
  return new ImapFlow({
    host,
    port,
    secure: security === "tls",
    ...(security === "tls" ? {} : { doSTARTTLS: security === "starttls" }),
    auth: { user, ...auth },
    tls: { minVersion: "TLSv1.2", ...(ca ? { ca } : {}) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    // It logs commands: silence is the surest way to keep secrets and customers' words out of logs.
    logger: false,
    disableAutoIdle: true,
    disableCompression: true,
    maxIdleTime: maxIdleMs,
    clientInfo: { name: "Deskwire", vendor: "Deskwire", version: false, "support-url": false },
  });
}

/** An error that says only that the connection is gone: what ended it says more. */
function isLost(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code;
  return code === "NoConnection" || code === "EConnectionClosed";
}

/** Fails, and closes the connection, where the server sends nothing at all for `timeoutMs`. */
async function whileAnswering<T>(
  client: ImapFlow,
  timeoutMs: number,
  doing: string,
  work: Promise<T>,
): Promise<T> {
  let received = client.stats().received;
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const now = client.stats().received;
      if (now === received) {
        reject(
          new ConnectorError(
            "transient",
            `${doing}: the server sent nothing for ${Math.round(timeoutMs / 1_000)} s`,
          ),
        );
        client.close();
      }
      received = now;
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearInterval(timer);
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
