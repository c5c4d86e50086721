/** What the answers of mail servers mean for a delivery. */
import { ConnectorError, isConnectorError } from "../../../plugins/contract/errors.ts";

/** How long to wait where a mailbox is full: a person has to make room. */
const fullRetryMs = 15 * 60_000;

interface ImapFailure {
  readonly message?: string;
  readonly mailboxMissing?: boolean;
  readonly authenticationFailed?: boolean;
  readonly serverResponseCode?: string;
  readonly responseStatus?: string;
  readonly responseText?: string;
  readonly throttleReset?: number;
}

/**
 * Maps what imapflow throws in the middle of a delivery; a ConnectorError is passed through.
 * @param what what was being done, such as "writing a draft"
 */
export function imapError(error: unknown, what: string): ConnectorError {
  if (isConnectorError(error)) return error;
  const failure = (error ?? {}) as ImapFailure;
  const said = failure.responseText ? `: the server says "${failure.responseText.slice(0, 300)}"` : "";
  // Not the error itself: it holds the command that was sent.
  const options = { cause: new Error(failure.message ?? String(error)) };
  if (failure.authenticationFailed) {
    return new ConnectorError("auth", `${what}: the mail server refused the sign-in${said}`, options);
  }
  switch (failure.serverResponseCode?.toUpperCase()) {
    case "OVERQUOTA":
      // Not the draft's fault: every delivery fails until there is room, and then all of them work.
      return new ConnectorError(
        "transient",
        `${what}: the mailbox is full; delete or archive mails, or raise its quota${said}`,
        { ...options, retryAfterMs: fullRetryMs },
      );
    case "APPENDLIMIT":
    case "TOOBIG":
      return new ConnectorError(
        "permanent",
        `${what}: the mail is larger than the server allows${said}`,
        options,
      );
    case "ETHROTTLE":
    case "LIMIT":
      return new ConnectorError("rate_limited", `${what}: the mail server asks to slow down${said}`, {
        ...options,
        retryAfterMs: failure.throttleReset ?? 60_000,
      });
    case "NOPERM":
    case "TRYCREATE":
    case "NONEXISTENT":
      return new ConnectorError(
        "config",
        `${what}: the folder is not there, or the user has no right to it; check draftsFolder and sentFolder${said}`,
        options,
      );
  }
  if (failure.mailboxMissing) {
    return new ConnectorError(
      "config",
      `${what}: the folder is not there; check draftsFolder and sentFolder${said}`,
      options,
    );
  }
  return new ConnectorError("transient", `${what} failed${said}`, options);
}

interface SmtpFailure {
  readonly code?: string;
  /** What the code was before nodemailer put its own. */
  readonly originalCode?: string;
  readonly responseCode?: number;
  readonly response?: string;
}

const tlsFaults =
  /^(?:CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(?:VERIFY|GET_ISSUER)|ERR_SSL|EPROTO|HOSTNAME_MISMATCH)/;

/** Maps what nodemailer reports: by the reply code where the server gave one, else by where it failed. */
export function smtpError(error: unknown, what: string): ConnectorError {
  if (isConnectorError(error)) return error;
  const failure = (error ?? {}) as SmtpFailure;
  const { code, originalCode, responseCode } = failure;
  const said = failure.response ? `: the server says "${failure.response.slice(0, 300)}"` : "";
  const options = { cause: error };
  // 503 is about the order of commands: the connection was in a state that a new one is not in.
  if (responseCode !== undefined && ((responseCode >= 400 && responseCode < 500) || responseCode === 503)) {
    return new ConnectorError("transient", `${what}: the mail server could not take it now${said}`, options);
  }
  // "Must issue a STARTTLS command first" has the code of a missing sign-in.
  const wantsTls = responseCode === 530 && /starttls/i.test(said);
  if (wantsTls || code === "ETLS" || tlsFaults.test(originalCode ?? "")) {
    return new ConnectorError(
      "config",
      `${what}: no secure connection to the mail server; check smtp.host, smtp.port and smtp.security, and the server's certificate`,
      options,
    );
  }
  if (responseCode === 530 || responseCode === 534 || responseCode === 535 || responseCode === 538) {
    return new ConnectorError("auth", `${what}: the mail server refused the sign-in${said}`, options);
  }
  if (code === "EAUTH") {
    // Without a reply there was no refusal: the server offers no way to sign in that we know, or went away.
    const kind = responseCode === undefined ? "transient" : "auth";
    return new ConnectorError(kind, `${what}: the sign-in to the mail server failed${said}`, options);
  }
  if (responseCode !== undefined && responseCode >= 500) {
    return new ConnectorError("permanent", `${what}: the mail server refused the mail${said}`, options);
  }
  if (code === "EENVELOPE" || code === "EMESSAGE") {
    return new ConnectorError("permanent", `${what}: the mail cannot be sent as it is${said}`, options);
  }
  return new ConnectorError("transient", `${what}: no connection to the mail server`, options);
}
