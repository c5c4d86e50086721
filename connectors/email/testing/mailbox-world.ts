/** The world of the `email` connector: a real mail server behind a proxy that fails on demand, and a mailbox for each check. */
import { createHash, randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ImapFlow } from "imapflow";
import type { TestDovecot } from "../../../core/testing/dovecot.ts";
import { homeOf } from "../../../core/testing/dovecot-config.ts";
import { startFaultProxy } from "../../../core/testing/fault-proxy.ts";
import { startSmtpSink } from "../../../core/testing/smtp-sink.ts";
import type { Found, Side } from "../../../plugins/kit/world.ts";
import { agentMail, customerMail, editedDraft, noMail, textOf } from "./written-mails.ts";

const password = "a password of the kit";

export interface MailboxOptions {
  /** Whether the agents' mail program keeps headers that it does not know. */
  readonly keepsHeaders?: boolean;
  /** More of the connector's config. */
  readonly config?: Readonly<Record<string, unknown>>;
}

type Signs = Pick<TestDovecot, "host" | "port">;

/** A connection of the test's own that holds its place on the server; undefined where the server refuses it. */
async function signIn({ host, port }: Signs, user: string): Promise<ImapFlow | undefined> {
  const auth = { user, pass: password };
  const client = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth, logger: false });
  client.on("error", () => client.close());
  try {
    await client.connect();
    return client;
  } catch {
    client.close();
    return undefined;
  }
}

/** Waits until the server takes the password, or takes it no longer: it looks for changes once a second. */
async function untilSignsIn(server: Signs, user: string, wanted: boolean): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const client = await signIn(server, user);
    client?.close();
    if ((client !== undefined) === wanted) return;
    await sleep(50);
  }
  throw new Error(`the server did not ${wanted ? "take" : "refuse"} the password within 3 s`);
}

/** What goes wrong on the server itself, for one user. */
function serverFaults(server: TestDovecot, user: string) {
  const folders = ["INBOX", "Drafts", "Sent"].map((name) => join(homeOf(server.dir, user), "Maildir", name));
  let guests: ImapFlow[] = [];
  let mending: Array<() => Promise<unknown>> = [];
  return {
    async refuseCredentials() {
      await server.addUser(user, "another password");
      mending.push(() => server.addUser(user, password).then(() => untilSignsIn(server, user, true)));
      await untilSignsIn(server, user, false);
    },
    /** So many connections that the server takes no more: see `mail_max_userip_connections`. */
    async fill() {
      mending.push(async () => {
        for (const guest of guests.splice(0)) guest.close();
      });
      for (let refusals = 0; refusals < 3; ) {
        const guest = await signIn(server, user);
        if (guest) guests = [...guests, guest];
        // A place may come free yet: the server is still clearing up a connection that has just ended.
        else await sleep(20 * ++refusals);
      }
    },
    /** Breaks the folders on the disk, so that the server fails with `[SERVERBUG]`. */
    async breakDisk() {
      for (const folder of folders) {
        // All three: the server may do with what it remembers of one of them.
        for (const part of ["tmp", "new", "cur"]) {
          const [path, away] = [join(folder, part), join(folder, `away-${part}`)];
          await rename(path, away);
          await writeFile(path, "no folder");
          mending.push(() => rm(path).then(() => rename(away, path)));
        }
      }
    },
    async mend() {
      const all = mending;
      mending = [];
      for (const mend of all) await mend();
    },
  };
}

/** A fresh mailbox with a fresh SMTP server, on a mail server that is shared. */
export async function startMailbox(server: TestDovecot, options: MailboxOptions = {}): Promise<Side> {
  const user = `desk-${randomUUID().slice(0, 8)}@acme.example`;
  await server.addUser(user, password);
  const proxy = await startFaultProxy(server);
  const smtp = await startSmtpSink({ auth: { user, password } });
  const faults = serverFaults(server, user);
  const list = (folder: string) => server.list(user, folder);
  // The server makes folders when they are first opened.
  for (const folder of ["INBOX", "Drafts", "Sent"]) await list(folder);
  const draftIn = ({ id }: Found) => list("Drafts").then((all) => all.find(({ uid }) => String(uid) === id));
  return {
    config: {
      imap: { host: proxy.host, port: proxy.port, security: "none" },
      smtp: { host: smtp.host, port: smtp.port, security: "none" },
      user,
      password,
      pollSeconds: 5,
      ...options.config,
    },
    async arrive(message) {
      await server.append(user, "INBOX", await customerMail(message, user));
    },
    async arriveUnreadable(key) {
      await server.append(user, "INBOX", noMail(key));
    },
    found: async () =>
      Promise.all(
        (await list("Drafts")).map(async ({ uid, raw }) => ({ id: String(uid), text: await textOf(raw) })),
      ),
    async edit(draft, text) {
      const there = await draftIn(draft);
      if (!there) throw new Error(`no draft ${draft.id}`);
      const changed = await editedDraft(there.raw, text, options.keepsHeaders ?? false);
      await server.append(user, "Drafts", changed, { flags: ["\\Draft", "\\Seen"] });
      await server.remove(user, "Drafts", [there.uid]);
    },
    async answer(message, text) {
      await server.append(user, "Sent", await agentMail(message, text, user), { flags: ["\\Seen"] });
    },
    sent: () => Promise.all(smtp.mails.map(async ({ raw }) => ({ text: await textOf(raw) }))),
    async snapshot() {
      const folders = ["INBOX", "Drafts", "Sent", "Junk", "Trash"];
      const hash = (raw: Buffer) => createHash("sha256").update(raw).digest("hex");
      return Promise.all(
        folders.map(async (folder) =>
          (await list(folder)).map(({ uid, flags, raw }) => [folder, uid, flags, hash(raw)]),
        ),
      );
    },
    faults: {
      "refused-credentials": () => faults.refuseCredentials(),
      // Servers that are at their limit say so to who signs in.
      "rate-limited": async () => {
        proxy.cut();
        await faults.fill();
      },
      "server-error": () => faults.breakDisk(),
      silent: async () => proxy.hold(),
      cut: async () => proxy.breakOff(1_000),
      "lost-answer": async () => proxy.loseAnswers(/^\S+ (?:APPEND|UID EXPUNGE) /m, /^\+ /),
    },
    async mend() {
      await proxy.release();
      await faults.mend();
    },
    async close() {
      await server.inFolder(user, "INBOX", (client) => client.logout());
      await proxy.stop();
      await smtp.stop();
    },
  };
}
