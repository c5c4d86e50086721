/** The connection to NATS: made as soon as a server answers, and made anew for ever. */
import { connect, Events, type NatsConnection } from "nats";
import type { Log } from "../../plugins/contract/connector.ts";
import type { Secret } from "../../plugins/contract/secret.ts";
import { sleep } from "../lib/abort.ts";
import { backoff } from "../lib/backoff.ts";

export interface NatsConfig {
  /** Such as nats://localhost:4222; several, separated by commas, for a cluster. */
  url: string;
  user?: string | undefined;
  password?: Secret | undefined;
  token?: Secret | undefined;
  /** The node's name, as the server shows it. */
  name: string;
}

export interface NatsLink {
  /** Resolves when a server has answered for the first time; rejects where the link is closed before. */
  readonly connection: Promise<NatsConnection>;
  /** Whether a server answers now. */
  readonly connected: boolean;
  close(): Promise<void>;
}

/** Attempts of the first connection; those after it come every 0.2 to 0.4 s. */
const patience = { firstMs: 200, maxMs: 2_000 };

/** Starts connecting and returns at once: a node starts also while NATS is away. */
export function connectNats(config: NatsConfig, log: Log): NatsLink {
  const closing = new AbortController();
  let connected = false;
  const connection = connectFirst(config, log, closing.signal);
  connection.then(
    (opened) => {
      connected = true;
      void watch(opened, log, (now) => {
        connected = now;
      });
    },
    // Whoever awaits the connection is told; nobody has to.
    () => undefined,
  );
  return {
    connection,
    get connected() {
      return connected;
    },
    async close() {
      closing.abort(new Error("the connection to NATS is closed"));
      connected = false;
      const opened = await connection.catch(() => undefined);
      await opened?.close();
    },
  };
}

/**
 * Looks once whether nodes can meet there.
 * @throws where the server does not answer within 5 s, refuses us, or has no JetStream
 */
export async function checkNats(config: NatsConfig): Promise<void> {
  const connection = await connectOnce(config);
  try {
    await connection.jetstreamManager({ timeout: 5_000 });
  } finally {
    await connection.close();
  }
}

async function connectFirst(config: NatsConfig, log: Log, signal: AbortSignal): Promise<NatsConnection> {
  for (let failed = 0; ; ) {
    try {
      const connection = await connectOnce(config);
      if (signal.aborted) await connection.close();
      signal.throwIfAborted();
      log.info("connected to NATS", { server: connection.getServer() });
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      failed++;
      if (failed === 1) log.warn("NATS does not answer; trying on", { error: (error as Error).message });
      await sleep(backoff(failed, patience), signal);
    }
  }
}

function connectOnce({ url, user, password, token, name }: NatsConfig): Promise<NatsConnection> {
  return connect({
    servers: url
      .split(",")
      .map((server) => server.trim())
      .filter((server) => server !== ""),
    name,
    ...(user === undefined ? {} : { user, pass: password?.reveal() ?? "" }),
    ...(token === undefined ? {} : { token: token.reveal() }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 200,
    // A password that is changed on the server first must not end the node.
    ignoreAuthErrorAbort: true,
    // A server that is gone without a word is noticed within 15 s.
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 5_000,
  });
}

/** Logs how the connection fares; ends when it is closed. */
async function watch(
  connection: NatsConnection,
  log: Log,
  tell: (connected: boolean) => void,
): Promise<void> {
  for await (const { type, data } of connection.status()) {
    if (type === Events.Disconnect) {
      tell(false);
      log.warn("the connection to NATS is lost; trying again", { server: String(data) });
    } else if (type === Events.Reconnect) {
      tell(true);
      log.info("connected to NATS again", { server: String(data) });
    } else if (type === Events.Error) {
      log.error("NATS refused something", { error: String(data) });
    }
  }
  tell(false);
  const error = await connection.closed();
  if (error) log.error("the connection to NATS has ended", { error: error.message });
}
