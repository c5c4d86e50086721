/** A TCP proxy that fails on demand, for tests of connections that are refused, cut, or half-open. */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface FaultProxy {
  readonly host: "127.0.0.1";
  /** Stays the same, also after `refuse`. */
  readonly port: number;
  /** Open connections, those held included. */
  connections(): number;
  /** Connections taken since the start. */
  taken(): number;
  /** Bytes forwarded since the start, in both directions. */
  bytes(): number;
  /** Stops listening, so that new connections are refused by the system; those that are open go on. */
  refuse(): Promise<void>;
  /** Breaks all open connections with a reset. New ones are let through. */
  cut(): void;
  /** From now on swallows every byte in both directions, of open connections and of new ones, which are still taken. */
  hold(): void;
  /** Ends `refuse` and `hold`. What was swallowed stays lost: connections that were held are broken. */
  release(): Promise<void>;
  stop(): Promise<void>;
}

/** Forwards a free port of the loopback to `target`. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const pairs = new Map<Socket, { server: Socket | undefined; held: boolean }>();
  let holding = false;
  let taken = 0;
  let forwarded = 0;

  const server = createServer((client) => {
    taken += 1;
    const pair = {
      server: holding ? undefined : connect(target.port, target.host ?? "127.0.0.1"),
      held: holding,
    };
    pairs.set(client, pair);
    const end = () => {
      pairs.delete(client);
      client.destroy();
      pair.server?.destroy();
    };
    const forward = (from: Socket, to: Socket | undefined) => {
      from.setNoDelay(true);
      from.on("data", (bytes) => {
        if (pair.held) return;
        forwarded += bytes.length;
        to?.write(bytes);
      });
      // The reason of a broken connection does not matter here: both sides see that it broke.
      from.on("error", end).on("close", end);
    };
    forward(client, pair.server);
    if (pair.server) forward(pair.server, client);
  });
  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const { port } = address;

  const breakAll = (held: boolean) => {
    for (const [client, pair] of pairs) if (!held || pair.held) client.resetAndDestroy();
  };
  const refuse = async () => {
    // Node's close waits for open connections, which go on here: it stops listening at once all the same.
    if (server.listening) server.close();
  };
  return {
    host: "127.0.0.1",
    port,
    connections: () => pairs.size,
    taken: () => taken,
    bytes: () => forwarded,
    refuse,
    cut: () => breakAll(false),
    hold() {
      holding = true;
      for (const pair of pairs.values()) pair.held = true;
    },
    async release() {
      holding = false;
      breakAll(true);
      if (!server.listening) await listen(server, port);
    },
    async stop() {
      breakAll(false);
      await refuse();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
