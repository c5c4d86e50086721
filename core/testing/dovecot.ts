/** A real Dovecot for tests: its own folder and ports, users, access tokens, and faults on demand. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";
import { createMailClients, type MailTools } from "./dovecot-clients.ts";
import { dovecotConfig, type FolderNames, homeOf, oauth2Config } from "./dovecot-config.ts";
import { type DovecotProcess, spawnDovecot } from "./dovecot-process.ts";
import { findProgram } from "./system-packages.ts";
import { makeTempFolder } from "./temp-folder.ts";

export type { MailTools, StoredMail } from "./dovecot-clients.ts";

export interface DovecotOptions {
  /** Default maildir. `deliver` and `changeUidValidity` need it. */
  storage?: "maildir" | "sdbox";
  /** Names of the special folders; the default is Drafts, Sent, Junk, Trash. */
  names?: Partial<FolderNames>;
  /** Whether the server says what the special folders are for. Default true. */
  specialUse?: boolean;
  /** TLS on `tlsPort` and STARTTLS on `port`, with a certificate that nobody trusts. Default false. */
  tls?: boolean;
  /** More settings, as lines of Dovecot's configuration. */
  settings?: string;
}

/** The server, and the tools for its mailboxes: these work in connections of the test's own. */
export interface TestDovecot extends MailTools {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly tlsPort: number | undefined;
  /** The certificate as PEM, to be trusted by who wants to. Undefined without TLS. */
  readonly certificate: string | undefined;
  /** Its folder, with `dovecot.log`. */
  readonly dir: string;
  readonly names: FolderNames;
  /** Takes effect at once for a new user, and within a second for another password. */
  addUser(name: string, password: string): Promise<void>;
  /** Makes an access token (XOAUTH2) valid for a user. */
  allowToken(user: string, token: string): void;
  revokeToken(token: string): void;
  /** Puts mails into an existing folder as a mail transport does, without IMAP: much faster for many. */
  deliver(user: string, folder: string, raws: ReadonlyArray<string | Uint8Array>): Promise<void>;
  /** Makes the mails that contain a text unreadable for Dovecot, as a damaged disk does (maildir). */
  breakMail(user: string, folder: string, text: string): Promise<void>;
  /** Numbers the folder anew, as after a lost index: another UIDVALIDITY, UIDs from 1 on. Restarts the server. */
  changeUidValidity(user: string, folder: string): Promise<void>;
  /** Stops it as an administrator would. */
  shutDown(): Promise<void>;
  /** As `kill -9` of all its processes. */
  kill(): Promise<void>;
  /** Starts it again on the same ports. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a Dovecot. Call it inside `describeWith("dovecot", …)`, and `stop` in the end. */
export async function startDovecot(options: DovecotOptions = {}): Promise<TestDovecot> {
  const program = findProgram("dovecot");
  if (program === undefined) throw new Error("Dovecot is missing: apt-get install dovecot-imapd");
  const dir = await makeTempFolder("dovecot");
  // The users' processes have to pass through.
  await chmod(dir, 0o711);
  const tokens = new Map<string, string>();
  const tokenServer = await startTokenServer(tokens);
  const names = { drafts: "Drafts", sent: "Sent", junk: "Junk", trash: "Trash", ...options.names };
  const [port, tlsPort] = await freePorts(options.tls ? 2 : 1);
  const layout = {
    dir,
    port: port ?? 0,
    tlsPort,
    storage: options.storage ?? "maildir",
    names,
    specialUse: options.specialUse ?? true,
    tokenUrl: urlOf(tokenServer),
    settings: options.settings ?? "",
  };
  const certificate = options.tls ? await makeCertificate(dir) : undefined;
  await mkdir(join(dir, "mail"));
  await giveAway(join(dir, "mail"));
  await mkdir(join(dir, "users"));
  await writeFile(join(dir, "oauth2.conf"), oauth2Config(layout.tokenUrl));
  await writeFile(join(dir, "dovecot.conf"), dovecotConfig(layout));
  const removeAll = async () => {
    tokenServer.closeAllConnections();
    tokenServer.close();
    await rm(dir, { recursive: true, force: true });
  };
  let running: DovecotProcess | undefined = await spawnDovecot(program, dir, layout.port).catch(
    async (error: unknown) => {
      await removeAll();
      throw error;
    },
  );

  const passwords = new Map<string, string>();
  const clients = createMailClients(layout.port, passwords);
  const end = async (how: "stop" | "kill") => {
    clients.close();
    await running?.[how]();
    running = undefined;
  };
  const start = async () => {
    running ??= await spawnDovecot(program, dir, layout.port);
  };
  return {
    ...clients.tools,
    host: "127.0.0.1",
    port: layout.port,
    tlsPort,
    certificate,
    dir,
    names,
    async addUser(name, password) {
      passwords.set(name, password);
      // A file for each: Dovecot looks for changes of a file that it knows once a second only.
      await writeFile(join(dir, "users", name), `${name}:{PLAIN}${password}\n`);
    },
    allowToken: (user, token) => void tokens.set(token, user),
    revokeToken: (token) => void tokens.delete(token),
    async deliver(user, folder, raws) {
      const maildir = join(homeOf(dir, user), "Maildir", folder);
      // Before the first sign-in there is no folder at all.
      if (!existsSync(maildir)) await clients.tools.inFolder(user, folder, async () => undefined);
      await deliverToMaildir(maildir, raws);
    },
    breakMail: (user, folder, text) => breakMails(join(homeOf(dir, user), "Maildir", folder), text),
    async changeUidValidity(user, folder) {
      const before = await clients.uidValidity(user, folder);
      // A session that has the folder open would be left with an index that is gone.
      await end("stop");
      await forgetUids(join(homeOf(dir, user), "Maildir", folder));
      await start();
      const after = await clients.uidValidity(user, folder);
      if (after === before) throw new Error(`${folder} has kept its UIDVALIDITY ${after}`);
    },
    shutDown: () => end("stop"),
    kill: () => end("kill"),
    start,
    async restart() {
      await end("stop");
      await start();
    },
    async stop() {
      await end("kill");
      await removeAll();
    },
  };
}

/** Says of a token whose it is, as an OAuth provider does. */
async function startTokenServer(tokens: ReadonlyMap<string, string>): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const username = tokens.get(url.searchParams.get("access_token") ?? "");
    response.writeHead(username === undefined ? 401 : 200, { "content-type": "application/json" });
    response.end(
      JSON.stringify(username === undefined ? { error: "invalid_token" } : { username, active: true }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the token server has no port");
  return `http://127.0.0.1:${address.port}/`;
}

/** Ports that are free now; all are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createTcpServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      if (address === null || typeof address === "string") throw new Error("no port");
      return address.port;
    }),
  );
}

/** Mails of a running Dovecot belong to nobody where we are root. */
async function giveAway(path: string): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, 65_534, 65_534);
}

async function deliverToMaildir(dir: string, raws: ReadonlyArray<string | Uint8Array>): Promise<void> {
  for (const raw of raws) {
    const name = `${Math.floor(Date.now() / 1_000)}.${randomUUID()}.test`;
    await writeFile(join(dir, "tmp", name), raw);
    await giveAway(join(dir, "tmp", name));
    await rename(join(dir, "tmp", name), join(dir, "new", name));
  }
}

async function breakMails(dir: string, text: string): Promise<void> {
  for (const name of ["cur", "new"]) {
    for (const file of await readdir(join(dir, name))) {
      const path = join(dir, name, file);
      if (!(await readFile(path, "latin1")).includes(text)) continue;
      if (process.getuid?.() === 0) await chown(path, 0, 0);
      await chmod(path, 0o000);
    }
  }
}

/** Removes Dovecot's own files of a folder, with which it forgets the numbers that it gave. */
async function forgetUids(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name === "dovecot-uidlist" || name.startsWith("dovecot.index")) await rm(join(dir, name));
  }
}
