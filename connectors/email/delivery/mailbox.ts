/** The one IMAP connection of a connector's deliveries: opened when needed, used by one delivery at a time, closed when idle. */
import type { ImapFlow } from "imapflow";
import type { Log } from "../../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../../plugins/contract/errors.ts";
import { createHeaderIndex, type HeaderIndex } from "./header-index.ts";
import { imapError } from "./mail-errors.ts";

/** Folders as the server or the config names them; null where there is none. */
export interface DeliveryFolders {
  readonly drafts: string | null;
  readonly sent: string | null;
  readonly trash: string | null;
}

export interface DeliveryMailboxOptions {
  /**
   * Opens a connection that is signed in; throws ConnectorErrors.
   * @param signal aborts only while the connection is being opened
   */
  connect(signal: AbortSignal): Promise<ImapFlow>;
  findFolders(client: ImapFlow): Promise<DeliveryFolders>;
  readonly log: Log;
  /** Milliseconds without a delivery after which the connection is closed. Default 60,000. */
  readonly idleMs?: number;
  /** Milliseconds for one delivery, the connection's opening included. Default 60,000. */
  readonly timeoutMs?: number;
}

/** What a delivery works with. */
export interface MailSession {
  readonly client: ImapFlow;
  readonly folders: DeliveryFolders;
  readonly drafts: HeaderIndex;
  readonly sent: HeaderIndex;
}

export interface DeliveryMailbox {
  /**
   * Runs `work` when those before it are done. Where the connection breaks, as it may have done unseen since the delivery
   * before, it runs once more in a new one: `work` looks up what is there before it writes.
   * @param what what is being done, for error messages
   */
  use<T>(what: string, signal: AbortSignal, work: (session: MailSession) => Promise<T>): Promise<T>;
  /** Ends what is running, too. */
  close(): Promise<void>;
}

/** Drafts that are looked at, newest first: more than that is no folder that a person works in. */
const maxDrafts = 20_000;
/** Sent mails that are looked at for an answer to a message that has just come. */
const maxSent = 3_000;

interface Connection {
  readonly client: ImapFlow;
  readonly folders: DeliveryFolders;
}

export function createDeliveryMailbox(options: DeliveryMailboxOptions): DeliveryMailbox {
  const { log, idleMs = 60_000, timeoutMs = 60_000 } = options;
  // What was read once stays good over connections: UIDs do not change their mails.
  const drafts = createHeaderIndex(maxDrafts);
  const sent = createHeaderIndex(maxSent);
  const closing = new AbortController();
  let connection: Connection | null = null;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const drop = () => {
    connection?.client.close();
    connection = null;
  };

  async function open(signal: AbortSignal): Promise<Connection> {
    if (connection?.client.usable) return connection;
    drop();
    // The connection outlives the delivery that opens it, and that delivery's signal.
    const opening = new AbortController();
    const abort = () => opening.abort(signal.reason);
    signal.addEventListener("abort", abort);
    let client: ImapFlow;
    try {
      client = await options.connect(opening.signal);
    } finally {
      signal.removeEventListener("abort", abort);
    }
    // An error between two deliveries: the next one sees that the connection is gone.
    client.on("error", (error) =>
      log.debug("the delivery connection broke", { error: describeError(error) }),
    );
    try {
      connection = { client, folders: await options.findFolders(client) };
      return connection;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async function attempt<T>(signal: AbortSignal, work: (session: MailSession) => Promise<T>): Promise<T> {
    // imapflow takes no signal: closing the connection ends whatever waits for it.
    signal.addEventListener("abort", drop);
    try {
      signal.throwIfAborted();
      return await work({ ...(await open(signal)), drafts, sent });
    } finally {
      signal.removeEventListener("abort", drop);
      if (signal.aborted) drop();
    }
  }

  async function run<T>(
    what: string,
    caller: AbortSignal,
    work: (session: MailSession) => Promise<T>,
  ): Promise<T> {
    caller.throwIfAborted();
    closing.signal.throwIfAborted();
    clearTimeout(idle);
    const time = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([caller, closing.signal, time]);
    try {
      try {
        return await attempt(signal, work);
      } catch (error) {
        const broke = connection !== null && !connection.client.usable;
        if (!broke || signal.aborted) throw error;
        return await attempt(signal, work);
      }
    } catch (error) {
      caller.throwIfAborted();
      closing.signal.throwIfAborted();
      if (time.aborted) {
        const seconds = Math.round(timeoutMs / 1_000);
        throw new ConnectorError("transient", `${what}: the mail server did not answer in ${seconds} s`, {
          cause: error,
        });
      }
      throw imapError(error, what);
    } finally {
      idle = setTimeout(() => void settle(closeIdle()), idleMs);
      idle.unref();
    }
  }

  /** Takes its place behind the deliveries, so that none finds its connection closed. */
  function closeIdle(): Promise<void> {
    return enqueue(async () => {
      const client = connection?.client;
      connection = null;
      if (client?.usable) await client.logout();
    });
  }

  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = settle(result);
    return result;
  }

  async function settle(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      // Reported by the delivery itself, to its caller; or a connection that was to be closed anyway.
      log.debug("a delivery connection's work ended with an error", { error: describeError(error) });
    }
  }

  return {
    async use(what, signal, work) {
      const result = enqueue(() => run(what, signal, work));
      // Who gives up need not wait for those before it.
      return untilAborted(result, AbortSignal.any([signal, closing.signal]));
    },
    async close() {
      clearTimeout(idle);
      const client = connection?.client;
      closing.abort(new ConnectorError("transient", "the connector is being closed"));
      client?.close();
      await last;
      clearTimeout(idle);
      drop();
    },
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
