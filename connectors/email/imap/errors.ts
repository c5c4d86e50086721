/** What a failure of the mail server means for the connector: a busy server must never look like a refused password. */
import { ConnectorError, isConnectorError } from "../../../plugins/contract/errors.ts";

/** The fields of imapflow's errors that say what happened. */
interface ImapFailure {
  code?: string;
  authenticationFailed?: boolean;
  tlsFailed?: boolean;
  responseStatus?: string;
  responseText?: string;
  response?: unknown;
  serverResponseCode?: string;
  throttleReset?: number;
  /** What the server said when it ended the connection. */
  reason?: string;
}

/** Whom an error is about; secrets never appear in its message. */
export interface Peer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly security: "tls" | "starttls" | "none";
}

/** Milliseconds to stay away from a server that says that it has too much to do. */
const busyPauseMs = 60_000;

const busyCodes = new Set(["LIMIT", "THROTTLED"]);
const passingCodes = new Set(["UNAVAILABLE", "INUSE", "SERVERBUG", "CONTACTADMIN", "CORRUPTION"]);
const busyText = /too many|rate.?limit|throttl|maximum number of connections|connection limit|overquota/i;
const passingText =
  /temporar|try again|try later|unavailable|not available|overload|busy|internal|time.?out|timed out|not connected|system error|shutting down/i;

/**
 * Turns what imapflow threw into a ConnectorError.
 *
 * @param doing what failed, as in "could not read INBOX"
 * @param hidden secrets that the server may have repeated in its answer
 */
export function imapError(
  error: unknown,
  peer: Peer,
  doing: string,
  hidden: readonly string[] = [],
): ConnectorError {
  if (isConnectorError(error)) return error;
  const failure = (error ?? {}) as ImapFailure & { message?: string };
  const said = answerOf(failure, hidden);
  const where = `${peer.host}:${peer.port}`;
  // The original is not kept as the cause: it holds the commands that were sent.
  const fault = (kind: ConnectorError["kind"], text: string, retryAfterMs?: number) =>
    new ConnectorError(kind, `${doing} at ${where}: ${text}`, retryAfterMs ? { retryAfterMs } : {});

  if (failure.code === "ETHROTTLE") {
    return fault("rate_limited", `the server asks to slow down${said}`, failure.throttleReset ?? busyPauseMs);
  }
  const certificate = certificateFault(failure);
  if (certificate) return fault("config", certificate);
  if (failure.tlsFailed || isNoTls(failure)) return tlsFault(failure, peer, fault);
  const answered = failure.responseStatus === "NO" || failure.responseStatus === "BAD";
  const refused = failure.authenticationFailed === true;
  if (answered || refused) return answerFault(failure, peer, said, fault);
  if (failure.message === "Unsupported authentication mechanism") {
    return fault("config", "the server takes neither of our ways to sign in (PLAIN, LOGIN, XOAUTH2)");
  }
  return fault("transient", `${connectionText(failure)}${said}`);
}

type Fault = (kind: ConnectorError["kind"], text: string, retryAfterMs?: number) => ConnectorError;

/** What a NO or BAD means. */
function answerFault(failure: ImapFailure & { message?: string }, peer: Peer, said: string, fault: Fault) {
  const code = (failure.serverResponseCode ?? responseCode(failure)).toUpperCase();
  const refusedForSure = ["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "WEBALERT"].includes(
    code,
  );
  if (!refusedForSure) {
    if (busyCodes.has(code) || busyText.test(said))
      return fault("rate_limited", `the server has too much to do${said}`, busyPauseMs);
    if (passingCodes.has(code) || passingText.test(said))
      return fault("transient", `the server cannot do it now${said}`);
  }
  if (failure.authenticationFailed !== true) return fault("transient", `the server refused${said}`);
  const closed = code === "PRIVACYREQUIRED" || failure.message === "Login is disabled";
  if (closed)
    return fault("config", `the server wants TLS before a password: set security to tls or starttls${said}`);
  // A BAD is about the command and says nothing about the password.
  if (failure.responseStatus === "BAD") return fault("transient", `the server did not understand${said}`);
  return fault(
    "auth",
    `the server refused to sign in ${peer.user}${said}. Check the user and the password (many providers want an app password), ` +
      "or authorize the mailbox anew",
  );
}

const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "has expired",
  CERT_NOT_YET_VALID: "is not valid yet (is this machine's clock right?)",
  ERR_TLS_CERT_ALTNAME_INVALID: "is for another name",
  HOSTNAME_MISMATCH: "is for another name",
  CERT_REVOKED: "was revoked",
  CERT_REJECTED: "was rejected",
  CERT_UNTRUSTED: "is not trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "comes from an authority that this machine does not know",
  UNABLE_TO_GET_ISSUER_CERT: "comes from an authority that this machine does not know",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "comes from an authority that this machine does not know",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "comes without the certificates between it and its authority",
};

function certificateFault({ code }: ImapFailure): string | undefined {
  const fault = certificateFaults[code ?? ""];
  if (fault === undefined) return undefined;
  return (
    `the server's certificate ${fault}. Use the host name that the certificate is made for; where it comes from an ` +
    "authority of your own, name that authority's certificate in NODE_EXTRA_CA_CERTS"
  );
}

/** OpenSSL's word for an answer that is no TLS. */
function isNoTls({ code }: ImapFailure): boolean {
  return code === "EPROTO" || (code ?? "").startsWith("ERR_SSL_");
}

/** A broken connection in the middle of the handshake passes; a server that offers no TLS does not. */
function tlsFault(failure: ImapFailure & { message?: string }, peer: Peer, fault: Fault): ConnectorError {
  if (isNoTls(failure)) {
    return fault(
      "config",
      peer.security === "tls"
        ? "the server does not speak TLS on this port. TLS is usual on port 993; on port 143 set security to starttls"
        : "the TLS handshake failed: the server and this machine have no version of TLS in common",
    );
  }
  if (/STARTTLS/.test(failure.message ?? "") && failure.code === undefined) {
    return fault("config", "the server does not offer STARTTLS. Set security to tls and the port to 993");
  }
  return fault("transient", connectionText(failure));
}

const connectionTexts: Readonly<Record<string, string>> = {
  ENOTFOUND: "the host name is not known (is it spelled right?)",
  EAI_AGAIN: "the host name could not be looked up now",
  ECONNREFUSED: "nothing listens there (is the port right?)",
  ECONNRESET: "the connection was lost",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  CONNECT_TIMEOUT: "no connection within the time allowed",
  ETIMEDOUT: "no connection within the time allowed",
  GREETING_TIMEOUT: "connected, but the server did not greet",
  UPGRADE_TIMEOUT: "the TLS handshake took too long",
  ETIMEOUT: "the server stopped answering",
  NoConnection: "the connection was lost",
  EConnectionClosed: "the connection was lost",
  ClosedAfterConnectTLS: "the server closed the connection at once",
  ClosedAfterConnectText: "the server closed the connection at once",
};

function connectionText(failure: ImapFailure & { message?: string }): string {
  return (
    connectionTexts[failure.code ?? ""] ??
    `it failed (${failure.code ?? failure.message ?? "no reason given"})`
  );
}

/** The server's words, without secrets, in brackets; empty where it said nothing. */
function answerOf(failure: ImapFailure, hidden: readonly string[]): string {
  const response = typeof failure.response === "string" ? failure.response : undefined;
  const text = failure.responseText ?? response ?? failure.reason ?? "";
  const open = hidden
    .filter((secret) => secret !== "")
    .reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those must not reach a log
  const line = open.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return line ? ` (it said: ${line.slice(0, 300)})` : "";
}

/** The code in brackets of a NO or BAD, such as INUSE. */
function responseCode(failure: ImapFailure): string {
  const attributes = (
    failure.response as { attributes?: Array<{ section?: Array<{ value?: unknown }> }> } | undefined
  )?.attributes;
  const value = attributes?.[0]?.section?.[0]?.value;
  return typeof value === "string" ? value : "";
}
