/** What tests do in mailboxes themselves, each user in one connection that is opened again where it was lost. */
import { ImapFlow } from "imapflow";

/** A mail as it lies in a folder. */
export interface StoredMail {
  readonly uid: number;
  /** Without \Recent, which is a session's own. */
  readonly flags: string[];
  readonly raw: Buffer;
}

/** What a test can do in a mailbox. */
export interface MailTools {
  createFolder(user: string, folder: string): Promise<void>;
  deleteFolder(user: string, folder: string): Promise<void>;
  append(
    user: string,
    folder: string,
    raw: string | Uint8Array,
    options?: { date?: Date; flags?: string[] },
  ): Promise<{ uid: number; uidValidity: string }>;
  /** All mails of a folder, by UID. */
  list(user: string, folder: string): Promise<StoredMail[]>;
  remove(user: string, folder: string, uids: number[]): Promise<void>;
  /** Runs anything in the test's own connection, with a folder opened for writing. */
  inFolder<T>(user: string, folder: string, use: (client: ImapFlow) => Promise<T>): Promise<T>;
}

export interface MailClients {
  readonly tools: MailTools;
  uidValidity(user: string, folder: string): Promise<string>;
  /** Closes one user's connection, or all of them. */
  close(user?: string): void;
}

export function createMailClients(port: number, passwords: ReadonlyMap<string, string>): MailClients {
  const clients = new Map<string, ImapFlow>();

  async function clientOf(user: string): Promise<ImapFlow> {
    const known = clients.get(user);
    if (known?.usable) return known;
    const pass = passwords.get(user);
    if (pass === undefined) throw new Error(`no user ${user}: call addUser first`);
    const client = new ImapFlow({
      host: "127.0.0.1",
      port,
      secure: false,
      doSTARTTLS: false,
      auth: { user, pass },
      logger: false,
      disableAutoIdle: true,
    });
    // A lost connection is opened again by the next call; what it was in the middle of fails by itself.
    client.on("error", () => clients.delete(user));
    await client.connect();
    clients.set(user, client);
    return client;
  }

  async function inFolder<T>(
    user: string,
    folder: string,
    use: (client: ImapFlow) => Promise<T>,
  ): Promise<T> {
    const client = await clientOf(user);
    const lock = await client.getMailboxLock(folder);
    try {
      return await use(client);
    } finally {
      lock.release();
    }
  }

  const tools: MailTools = {
    inFolder,
    async append(user, folder, raw, { date, flags } = {}) {
      const client = await clientOf(user);
      const done = await client.append(folder, Buffer.from(raw as Uint8Array), flags, date);
      if (!done || done.uid === undefined) throw new Error(`the mail was not appended to ${folder}`);
      return { uid: done.uid, uidValidity: String(done.uidValidity) };
    },
    list: (user, folder) =>
      inFolder(user, folder, async (client) => {
        const mails: StoredMail[] = [];
        // Of a folder that was open already, FETCH gives what this connection has heard of.
        await client.noop();
        for await (const mail of client.fetch("1:*", { uid: true, flags: true, source: true })) {
          const flags = [...(mail.flags ?? [])].filter((flag) => flag !== "\\Recent");
          mails.push({ uid: mail.uid, flags, raw: mail.source ?? Buffer.alloc(0) });
        }
        return mails.sort((a, b) => a.uid - b.uid);
      }),
    remove: (user, folder, uids) =>
      inFolder(user, folder, async (client) => {
        if (!(await client.messageDelete(uids, { uid: true }))) throw new Error("the mails were not removed");
      }),
    async createFolder(user, folder) {
      await (await clientOf(user)).mailboxCreate(folder);
    },
    async deleteFolder(user, folder) {
      await (await clientOf(user)).mailboxDelete(folder);
    },
  };
  return {
    tools,
    async uidValidity(user, folder) {
      const status = await (await clientOf(user)).status(folder, { uidValidity: true });
      if (!status) throw new Error(`no status of ${folder}`);
      return String(status.uidValidity);
    },
    close(user) {
      for (const [name, client] of clients) {
        if (user !== undefined && user !== name) continue;
        client.close();
        clients.delete(name);
      }
    },
  };
}
