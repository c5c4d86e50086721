/** An SMTP server for the tests of sending: keeps what it gets, and refuses on demand. */
import { SMTPServer } from "smtp-server";

interface Refusal {
  code: number;
  text: string;
}

export interface TestSmtp {
  readonly port: number;
  readonly mails: Array<{ from: string; to: string[]; raw: Buffer; user: string | undefined }>;
  /** Instead of taking the next mails. */
  refuseMail: Refusal | null;
  refuseLogin: Refusal | null;
  readonly refuseRecipients: Map<string, Refusal>;
  /** Takes all bytes of a mail and never answers. */
  silent: boolean;
  reset(): void;
  stop(): Promise<void>;
}

export interface TestSmtpOptions {
  /** Signing in is needed, by password or token. */
  readonly auth?: { user: string; password: string; token: string };
  readonly starttls?: { key: string; cert: string };
}

export async function startTestSmtp(options: TestSmtpOptions = {}): Promise<TestSmtp> {
  const { auth, starttls } = options;
  const fail = ({ code, text }: Refusal) => Object.assign(new Error(text), { responseCode: code });
  const server = new SMTPServer({
    authOptional: !auth,
    authMethods: ["PLAIN", "LOGIN", "XOAUTH2"],
    allowInsecureAuth: true,
    disabledCommands: [...(auth ? [] : ["AUTH" as const]), ...(starttls ? [] : ["STARTTLS" as const])],
    ...starttls,
    logger: false,
    onAuth(given, _session, done) {
      if (state.refuseLogin) return done(fail(state.refuseLogin));
      const good =
        given.username === auth?.user &&
        (given.password === auth?.password || given.accessToken === auth?.token);
      return good
        ? done(null, { user: auth?.user })
        : done(fail({ code: 535, text: "5.7.8 bad credentials" }));
    },
    onRcptTo({ address }, _session, done) {
      const refusal = state.refuseRecipients.get(address);
      done(refusal ? fail(refusal) : null);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (state.silent) return;
        if (state.refuseMail) return done(fail(state.refuseMail));
        const { mailFrom, rcptTo } = session.envelope;
        state.mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks),
          user: session.user,
        });
        done(null);
      });
    },
  });
  // A client that hangs up in the middle is what some tests are about.
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("the SMTP server has no port");
  const state: TestSmtp = {
    port: address.port,
    mails: [],
    refuseMail: null,
    refuseLogin: null,
    refuseRecipients: new Map(),
    silent: false,
    reset() {
      state.mails.length = 0;
      state.refuseMail = null;
      state.refuseLogin = null;
      state.refuseRecipients.clear();
      state.silent = false;
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return state;
}
